"""Training methods for robustness, which change what a step sees: adversarial images, AugMix views."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_selectivity._checks import number
from keras_selectivity._checks import real_array
from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._log_odds import log_odds
from keras_selectivity._samples import checked_range
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor

OUTSIDE = "Inputs for adversarial training lie outside their range"
SAY_RANGE = "Say which they have, Adversarial(..., pixel_range=(0, 255)), or None for any."


def checked_method(method: Any) -> "_Method | None":
    """The method, or `None`.

    Raises:
        InputError: It is neither.
    """
    if method is not None and not isinstance(method, _Method):
        raise InputError(
            "method must be None, keras_selectivity.training.Adversarial(8 / 255) or "
            f"keras_selectivity.training.AugMixConsistency(). Received: {method!r}."
        )
    return method


class _Method:
    """What a training step does besides; subclasses store their constructor's arguments by name."""

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> KerasObject:
        """The method with these arguments."""
        return cls(**config)

    def check(self, x: Tensor) -> None:
        """Refuses inputs, an array, that the method cannot work on."""

    def prepare(self, model: KerasObject, x: Tensor, y: Tensor) -> Tensor:
        """The images that the step trains on."""
        return x

    def example(self, x: Tensor) -> Tensor:
        """Images that the network takes, of a batch as it comes."""
        return x

    def split(
        self, outputs: Tensor, means: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor], Tensor | None]:
        """Outputs and unit means of the samples that labels belong to, and a term of the loss or `None`."""
        return outputs, means, None


@keras.saving.register_keras_serializable(package="keras_selectivity")
class Adversarial(_Method):
    """Trains on images that projected gradient descent makes of the batch (Madry et al. 2018).

    From a random start in the L-infinity ball; gradients are those of the network in inference mode, so
    that making them leaves batch norm's statistics alone. Where the model was compiled with a cross-entropy from
    logits, they are its exact ones, which float32 loses on confident predictions; else those of the compiled loss. One
    step of 1.25 epsilon is the fast variant FGSM-RS (Wong et al. 2020).

    Training stops with an `InputError` where images lie outside their range. Where nothing can be raised, in data sets
    on JAX and with `jit_compile=True`, no value moves farther from the clean one than the ball reaches all the same.

    Args:
        epsilon: Radius of the ball, as a share of the range: in pixels of [0, 1].
        step_size: Length of a step, likewise. Defaults to a quarter of `epsilon`, or 1.25 of it if there is one step.
        steps: Number of steps. Defaults to 7.
        pixel_range: Between what the training images lie, for example `(0, 255)`; adversarial images stay there. `None`
            for floats without a range, such as features: then epsilon and step size are in their own units. Defaults to
            `(0, 1)`.

    Raises:
        InputError: `epsilon` or `step_size` lies outside [0, 1], or is negative where there is no range; there is no
            step; or the range is invalid.
    """

    def __init__(
        self,
        epsilon: float,
        step_size: float | None = None,
        steps: int = 7,
        pixel_range: tuple[float, float] | None = (0, 1),
    ) -> None:
        self.pixel_range = None if pixel_range is None else checked_range(pixel_range)
        most = np.inf if pixel_range is None else 1
        self.epsilon = number("epsilon", epsilon, 0, most)
        self.steps = whole_number("steps", steps, 1)
        default = self.epsilon * (1.25 if steps == 1 else 0.25)
        self.step_size = default if step_size is None else number("step_size", step_size, 0, most)

    def check(self, x: Tensor) -> None:
        """Refuses what is not an array of numbers within the range."""
        x = real_array("Inputs for adversarial training", x)
        if self.pixel_range and x.size and not self._inside(x.min(), x.max()):
            raise InputError(f"{OUTSIDE}. Received: values from {x.min():g} to {x.max():g}. {SAY_RANGE}")

    def _inside(self, least: Any, most: Any) -> Any:
        """Whether values lie in the range, but for rounding."""
        low, high = self.pixel_range or (-np.inf, np.inf)
        slack = 1e-5 * (high - low)
        return (least >= low - slack) & (most <= high + slack)

    def prepare(self, model: KerasObject, x: Tensor, y: Tensor) -> Tensor:
        """Adversarial images of the batch."""
        if not hasattr(x, "shape"):
            raise InputError(
                "Adversarial training needs a network with a single input of floats. Received: a batch of "
                f"{type(x).__name__}."
            )
        x = ops.cast(x, "float32")
        low, high = self.pixel_range or (-np.inf, np.inf)
        scale = high - low if self.pixel_range else 1.0
        radius, length = self.epsilon * scale, self.step_size * scale
        if self.pixel_range and keras.backend.backend() == "tensorflow" and not model.jit_compile:
            import tensorflow as tf

            inside = self._inside(ops.min(x), ops.max(x))
            with tf.control_dependencies([tf.debugging.assert_equal(inside, True, OUTSIDE)]):
                x = tf.identity(x)

        exact = _from_logits(model.loss)
        labels = ops.argmax(y, axis=-1) if exact and len(y.shape) == 2 and y.shape[-1] != 1 else y

        def loss(images: Tensor) -> Tensor:
            outputs = model.network(images, training=False)
            if not exact:
                return model.compute_loss(x, y, outputs)
            return ops.sum(log_odds(ops.cast(outputs, "float32"), ops.reshape(labels, (-1,))))

        def within(images: Tensor) -> Tensor:
            nearby = ops.minimum(ops.maximum(images, x - radius), x + radius)
            return ops.minimum(ops.maximum(nearby, ops.minimum(x, low)), ops.maximum(x, high))

        def step(_: Any, images: Tensor) -> Tensor:
            return within(images + length * ops.sign(gradient(loss, images)))

        noise = keras.random.uniform(ops.shape(x), -radius, radius, seed=model.noise)
        return ops.stop_gradient(ops.fori_loop(0, self.steps, step, within(x + noise)))


def _from_logits(loss: Any) -> bool:
    """Whether a compiled loss is a cross-entropy of classes, from logits, with labels as they are."""
    kinds = (keras.losses.SparseCategoricalCrossentropy, keras.losses.CategoricalCrossentropy)
    config = loss.get_config() if isinstance(loss, kinds) else {}
    return bool(config.get("from_logits")) and not config.get("label_smoothing")


def gradient(function: Callable[..., Any], x: Tensor) -> Tensor:
    """Gradient of a scalar function at `x` on the backend that Keras runs on."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(function)(x)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    found = tape.gradient(value, x)
    if found is None:
        raise InputError(
            "The network has no gradient in its input, so there are no adversarial inputs to train on: it takes "
            "integers, or rounds. Train the part of the network that follows, such as what comes after the embedding."
        )
    return found


@keras.saving.register_keras_serializable(package="keras_selectivity")
class AugMixConsistency(_Method):
    """Trains on three views of each image and asks for equal predictions (Hendrycks et al. 2020, AugMix).

    The loss gains `weight` times the Jensen-Shannon divergence between the predictions for the clean
    image and two mixtures; cross-entropy and selectivity are those of the clean images. All views pass
    through the network as one batch. Takes batches of shape `(batch, 3, height, width, channels)`, as
    `keras_selectivity.datasets.Batches(..., augmix=True)` makes them, and a network that returns logits.

    Args:
        weight: Weight of the divergence. Defaults to 12.
    """

    def __init__(self, weight: float = 12.0) -> None:
        self.weight = number("weight", weight, 0)

    def prepare(self, model: KerasObject, x: Tensor, y: Tensor) -> Tensor:
        """All views as one batch, the clean images first."""
        return ops.concatenate([x[:, view] for view in range(3)])

    def example(self, x: Tensor) -> Tensor:
        """The clean images; a batch of validation images has no views."""
        return x[:, 0] if len(x.shape) == 5 else x

    def split(
        self, outputs: Tensor, means: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor], Tensor | None]:
        """The clean images' outputs and unit means, and the weighted divergence."""
        count = ops.shape(outputs)[0] // 3
        views = [ops.cast(outputs[n * count : (n + 1) * count], "float32") for n in range(3)]
        found = [ops.softmax(view) for view in views]
        mixture = ops.log(ops.clip(sum(found) / 3, 1e-7, 1.0))
        divergences = [
            ops.sum(p * (ops.log_softmax(view) - mixture), axis=-1)
            for p, view in zip(found, views, strict=True)
        ]
        clean = {name: values[:count] for name, values in means.items()}
        return outputs[:count], clean, self.weight * ops.mean(sum(divergences) / 3)
