"""Sums over the replicas of a `tf.distribute` strategy, and what the strategy rules out."""

import keras

from keras_selectivity._errors import InputError
from keras_selectivity.selectivity import Reduction


def replica_reduction():
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


def check_fit(model, x, y, batch_size):
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


def _on_cpu():
    import tensorflow as tf

    return not tf.config.list_logical_devices("GPU")
