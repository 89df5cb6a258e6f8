"""Replicas of a `tf.distribute` strategy: making them, sums over them, and what they rule out."""

import contextlib
import os
from contextlib import AbstractContextManager
from typing import Any

import keras

from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject
from keras_selectivity.selectivity import Reduction


def replica_reduction() -> Reduction:
    """The reduction over the replicas of the step being traced.

    `ReplicaContext.all_reduce` is differentiable: the gradient of a sum over replicas is the sum
    of the replicas' gradients. Each replica adds the same term to its loss and the optimizer sums
    the gradients, so the term must be divided by the number of replicas once.
    """
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return Reduction()
    return Reduction(
        all_reduce=lambda tensor: context.all_reduce(tf.distribute.ReduceOp.SUM, tensor),
        shard=context.replica_id_in_sync_group,
        shards=context.num_replicas_in_sync,
    )


def distribute(strategy: str | None) -> tuple[AbstractContextManager[Any], int, int]:
    """A `tf.distribute` strategy by name.

    Args:
        strategy: `None`, `"mirrored"` or `"multiworker"` (needs `TF_CONFIG`).

    Returns:
        `(scope, replicas, worker)`: the context to build or load a model in, how many replicas share a
        batch, and the index of this process among the workers.

    Raises:
        InputError: The name is unknown, or the backend or the environment does not allow it.
    """
    if strategy is None:
        return contextlib.nullcontext(), 1, 0
    if strategy not in ("mirrored", "multiworker"):
        raise InputError(f"Unknown strategy {strategy!r}. Choose mirrored or multiworker.")
    if keras.backend.backend() != "tensorflow":
        raise InputError(f"strategy={strategy!r} needs the TensorFlow backend.")
    import tensorflow as tf

    if strategy == "mirrored":
        made = tf.distribute.MirroredStrategy()
        return made.scope(), made.num_replicas_in_sync, 0
    if "TF_CONFIG" not in os.environ:
        raise InputError(
            "strategy='multiworker' needs TF_CONFIG: the addresses of all workers, and which is this."
        )
    made = tf.distribute.MultiWorkerMirroredStrategy()
    return made.scope(), made.num_replicas_in_sync, made.cluster_resolver.task_id or 0


def several_workers(strategy: Any) -> bool:
    """Whether a strategy spans several processes."""
    import tensorflow as tf

    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def check_fit(model: KerasObject, x: Any, y: Any, batch_size: int | None) -> None:
    """Refuses, before anything is traced, what would fail or silently go wrong on replicas."""
    replicas = getattr(model, "distribute_strategy", None)
    replicas = 1 if replicas is None else replicas.num_replicas_in_sync
    if replicas == 1:
        return
    if model.jit_compile:
        raise InputError(
            f"Keras cannot jit-compile a training on {replicas} replicas. Pass jit_compile=False to compile()."
        )
    if model.steps_per_execution > 1 and _on_cpu():
        raise InputError(
            f"Keras fails with steps_per_execution={model.steps_per_execution} on {replicas} CPU "
            "replicas. Leave steps_per_execution at 1."
        )
    shares = f"so that each of the {replicas} replicas gets as many samples"
    if hasattr(x, "element_spec"):
        batch = next(iter(keras.tree.flatten(x.element_spec))).shape[0]
        if batch is None:
            raise InputError(f"Batch the dataset with drop_remainder=True, {shares}.")
    elif y is not None:
        batch = batch_size or 32
        last = len(y) % batch
        if last % replicas:
            raise InputError(
                f"{len(y)} samples in batches of {batch} leave {last} for the last batch. Use a "
                f"number of samples, or a batch size, {shares}."
            )
    else:
        return
    if batch % replicas:
        raise InputError(f"Choose a batch size other than {batch}, {shares}.")


def check_parts(model: KerasObject, x: Any, y: Any, batch_size: int | None) -> None:
    """Refuses a batch that its micro-batches do not divide, as far as its size is known beforehand."""
    if model.micro_batch is None:
        return
    if hasattr(x, "element_spec"):
        batch = next(iter(keras.tree.flatten(x.element_spec))).shape[0]
    else:
        batch = batch_size or 32 if y is not None else None
    replicas = getattr(model, "distribute_strategy", None)
    shares = model.micro_batch * (1 if replicas is None else replicas.num_replicas_in_sync)
    if batch is not None and batch % shares:
        raise InputError(
            f"Micro-batches of {model.micro_batch} do not divide a batch of {batch}"
            + (f" on {shares // model.micro_batch} replicas." if shares > model.micro_batch else ".")
        )


def _on_cpu() -> bool:
    import tensorflow as tf

    return not tf.config.list_logical_devices("GPU")
