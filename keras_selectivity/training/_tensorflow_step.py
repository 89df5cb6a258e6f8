"""The training and evaluation step of `SelectivityModel` on TensorFlow, on one device or replicas."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.selectivity import Reduction
from keras_selectivity.selectivity import class_weights
from keras_selectivity.training._methods import OUTSIDE
from keras_selectivity.training._methods import SAY_RANGE
from keras_selectivity.training._micro_batches import gradients
from keras_selectivity.training._replicas import replica_reduction
from keras_selectivity.training._replicas import several_workers

LABEL_ERROR = "Labels must be integers in"
_ROW_ERROR = "One-hot labels must be finite and not negative"
_WEIGHT_ERROR = "sample_weight must be finite and not negative"


def train_step(model: KerasObject, data: Any) -> dict[str, Any]:
    """One step of the optimizer on a batch; returns the logs."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    y = _checked(model, y, sample_weight)
    reduction = replica_reduction()
    if model.micro_batch is not None:
        return _train_in_parts(model, x, y, sample_weight, reduction)
    if model.method is not None:
        x = model.method.prepare(model, x, y)
    with tf.GradientTape() as tape:
        loss, outputs, found = model.objective(x, y, sample_weight, training=True, reduction=reduction)
        scaled = model.optimizer.scale_loss(loss)
    variables = model.trainable_variables
    model.optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables, strict=True))
    model.log(x, *found, reduction)
    return _logs(model, model.compute_metrics(x, y, outputs, sample_weight=sample_weight))


def test_step(model: KerasObject, data: Any) -> dict[str, Any]:
    """The logs of a batch in inference mode."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    y = _checked(model, y, sample_weight)
    reduction = replica_reduction()
    _, outputs, found = model.objective(x, y, sample_weight, training=False, reduction=reduction)
    model.log(x, *found, reduction)
    return _logs(model, model.compute_metrics(x, y, outputs, sample_weight=sample_weight))


def compiled_unit_means(model: KerasObject) -> Callable[[Tensor], dict[str, Tensor]]:
    """`model.unit_means`, compiled."""
    return tf.function(model.unit_means, reduce_retracing=True)


def with_label_errors(model: KerasObject, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls a function in which labels are checked; what the check finds becomes an `InputError`."""
    try:
        return function(*args, **kwargs)
    except tf.errors.InvalidArgumentError as error:
        if OUTSIDE in str(error):
            raise InputError(f"{OUTSIDE}. {SAY_RANGE}") from None
        for message in (_ROW_ERROR, _WEIGHT_ERROR):
            if message in str(error):
                raise InputError(f"{message}. The data hold others.") from None
        if LABEL_ERROR not in str(error):
            raise
        raise model.label_error() from None


def _train_in_parts(
    model: KerasObject, x: Tensor, y: Tensor, sample_weight: Tensor, reduction: Reduction
) -> dict[str, Any]:
    weights = class_weights(y, model.classes, sample_weight)

    def term(means: dict[str, Tensor]) -> tuple[Tensor | None, Tensor]:
        selectivity = model.selectivity_of(means, weights, reduction)
        value = -model.alpha_variable * selectivity / reduction.shards if model.alpha != 0 else None
        return value, selectivity

    found, cross_entropy, outputs, selectivity = gradients(
        model, x, y, sample_weight, term, model.micro_batch
    )
    model.optimizer.apply_gradients(zip(found, model.trainable_variables, strict=True))
    model.log(x, cross_entropy, selectivity, None, reduction)
    return _logs(model, model.compute_metrics(x, y, outputs, sample_weight=sample_weight))


def _checked(model: KerasObject, y: Tensor, sample_weight: Tensor) -> Tensor:
    """The labels, behind assertions that each names a class, or is a row of shares, and that weights are weights."""
    if model.jit_compile:  # compiled code cannot raise
        return y
    checks = [] if sample_weight is None else [_assert_shares(sample_weight, _WEIGHT_ERROR)]
    if len(y.shape) == 1 or y.shape[-1] == 1:
        message = f"{LABEL_ERROR} [0, {model.classes - 1}]"
        checks.append(tf.debugging.assert_greater_equal(y, tf.cast(0, y.dtype), message))
        checks.append(tf.debugging.assert_less(y, tf.cast(model.classes, y.dtype), message))
        if y.dtype.is_floating:
            checks.append(tf.debugging.assert_equal(y, tf.floor(y), message))
    else:
        checks.append(_assert_shares(y, _ROW_ERROR))
    with tf.control_dependencies([check for check in checks if check is not None]):
        return tf.identity(y)


def _assert_shares(values: Tensor, message: str) -> Any:
    values = tf.cast(values, tf.float32)
    good = tf.reduce_all(tf.math.is_finite(values) & (values >= 0))
    return tf.debugging.assert_equal(good, True, message)


def _logs(model: KerasObject, logs: dict[str, Any]) -> dict[str, Any]:
    # Keras averages over the first axis of the logs of several workers, though they are scalars.
    if several_workers(model.distribute_strategy):
        return {name: tf.reshape(value, (1,)) for name, value in logs.items()}
    return logs
