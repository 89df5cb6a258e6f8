"""SGD with momentum and weight decay as the papers' framework defines them."""

from typing import Any

import keras
from keras import ops

from keras_selectivity._keras_private import variable_index
from keras_selectivity._types import Tensor


@keras.saving.register_keras_serializable(package="keras_selectivity", name="CoupledSGD")
class CoupledSGD(keras.optimizers.Optimizer):
    """SGD whose weight decay is an L2 term in the gradient of every trainable variable.

    `v <- momentum * v + (gradient + l2 * w)`, `w <- w - learning_rate * v`. In
    `keras.optimizers.SGD` the decay is decoupled (it bypasses the momentum and is scaled by the
    learning rate alone) and the velocity contains the learning rate; both change the result of
    the papers' recipe.

    Args:
        learning_rate: Float or `keras.optimizers.schedules.LearningRateSchedule`.
        momentum: In [0, 1). Defaults to 0.9.
        l2: Weight decay, applied to biases and batch-normalisation parameters too. Defaults to
            1e-4.
    """

    def __init__(
        self,
        learning_rate: Any = 0.1,
        momentum: float = 0.9,
        l2: float = 1e-4,
        name: str = "coupled_sgd",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1). Received: momentum={momentum}.")
        if not 0 <= l2 < float("inf"):
            raise ValueError(f"l2 must be finite and not negative. Received: l2={l2}.")
        self.momentum = momentum
        self.l2 = l2

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self.velocities = [
            self.add_variable_from_reference(reference_variable=v, name="velocity") for v in variables
        ]

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Any) -> None:
        gradient = ops.cast(gradient, variable.dtype)
        velocity = self.velocities[variable_index(self, variable)]
        new = self.momentum * velocity + gradient + self.l2 * ops.convert_to_tensor(variable)
        self.assign(velocity, new)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * new)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "l2": self.l2}
