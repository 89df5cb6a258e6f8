"""The training and evaluation step of `SelectivityModel` on JAX: functions of all its state."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import keras

from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor


def train_step(model: KerasObject, state: Any, data: Any) -> tuple[Any, Any]:
    """One step of the optimizer on a batch.

    Args:
        model: A compiled `SelectivityModel`; nothing of it is changed.
        state: `(trainable, non-trainable, optimizer, metrics)`, lists of arrays in the order of the
            model's variables, as Keras's trainer passes them.
        data: `(x, y)` or `(x, y, sample_weight)`.

    Returns:
        `(logs, state)`.
    """
    trainable, fixed, optimizer, metrics = state
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if model.method is not None:
        with _scope(model, trainable, fixed, metrics) as scope:
            x = model.method.prepare(model, x, y)
        fixed = _values(scope, model.non_trainable_variables)

    def objective(trainable: Any, fixed: Any, metrics: Any) -> tuple[Tensor, Any]:
        with _scope(model, trainable, fixed, metrics) as scope:
            loss, outputs, found = model.objective(x, y, sample_weight, training=True)
            model.log(x, *found)
            logs = model.compute_metrics(x, y, outputs, sample_weight=sample_weight)
        fixed = _values(scope, model.non_trainable_variables)
        metrics = _values(scope, model.metrics_variables)
        with keras.StatelessScope(list(zip(model.optimizer.variables, optimizer, strict=True))):
            scaled = model.optimizer.scale_loss(loss)
        return scaled, (logs, fixed, metrics)

    gradient = jax.grad(objective, has_aux=True)
    found, (logs, fixed, metrics) = gradient(trainable, fixed, metrics)
    trainable, optimizer = model.optimizer.stateless_apply(optimizer, found, trainable)
    return logs, (trainable, fixed, optimizer, metrics)


def test_step(model: KerasObject, state: Any, data: Any) -> tuple[Any, Any]:
    """The logs of a batch in inference mode; arguments and return value as for `train_step`."""
    trainable, fixed, metrics = state
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    with _scope(model, trainable, fixed, metrics) as scope:
        _, outputs, found = model.objective(x, y, sample_weight, training=False)
        model.log(x, *found)
        logs = model.compute_metrics(x, y, outputs, sample_weight=sample_weight)
    fixed = _values(scope, model.non_trainable_variables)
    return logs, (trainable, fixed, _values(scope, model.metrics_variables))


def unit_means(model: KerasObject, trainable: Any, fixed: Any, x: Tensor) -> dict[str, Tensor]:
    """`model.unit_means` with these values of the model's variables."""
    with _scope(model, trainable, fixed, ()):
        return model.unit_means(x)


def compiled_unit_means(model: KerasObject) -> Callable[[Tensor], dict[str, Tensor]]:
    """`model.unit_means`, compiled; the weights are arguments, so that it follows them."""
    function = jax.jit(functools.partial(unit_means, model))

    def current(x: Tensor) -> dict[str, Tensor]:
        state = (model.trainable_variables, model.non_trainable_variables)
        return function(*([variable.value for variable in part] for part in state), x)

    return current


def _scope(model: KerasObject, trainable: Any, fixed: Any, metrics: Any) -> Any:
    """A scope in which the model's variables have these values and losses of its layers are kept."""
    variables = (*model.trainable_variables, *model.non_trainable_variables, *model.metrics_variables)
    values = (*trainable, *fixed, *metrics)
    return keras.StatelessScope(list(zip(variables, values, strict=bool(metrics))), collect_losses=True)


def _values(scope: Any, variables: Any) -> list[Any]:
    return [scope.get_current_value(variable) for variable in variables]
