"""`UnitMeans`: a layer wrapper that hands its layer's unit means to whoever is collecting."""

import contextlib
import contextvars
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor

_collector: contextvars.ContextVar[Any] = contextvars.ContextVar("keras_selectivity_collector", default=None)


@contextlib.contextmanager
def collecting(
    only: Collection[str] | None = None, read: Callable[..., tuple[Tensor, Tensor]] | None = None
) -> Iterator[dict[str, Any]]:
    """Opens a scope in which every `UnitMeans` layer that is called hands over its output.

    The scope is a context variable: each replica's thread and each trace has its own, and nothing
    is left behind on a layer.

    Args:
        only: Names of the layers to collect; `None` collects all.
        read: `read(outputs, data_format) -> (outputs, value)`: what to hand over, and what the
            network computes on with. Defaults to `spatial_mean`.

    Yields:
        A dict, layer name -> value, in the order of the calls. A layer called several times in one
        forward pass appears as `name#0`, `name#1`, ... and `only` selects it by its plain name.
    """
    found: dict[str, Any] = {}
    token = _collector.set((found, only, read or spatial_mean))
    try:
        yield found
    finally:
        _collector.reset(token)
        _number_repeats(found)


def spatial_mean(outputs: Tensor, data_format: str = "channels_last") -> tuple[Tensor, Tensor]:
    """Mean over all axes but the first (samples) and the channels: `(batch, units)` float32.

    Returns the outputs too, since a reader may replace what the network goes on with.
    """
    return outputs, _mean(outputs, data_format)


def spatial_mean_in_training(outputs: Tensor, data_format: str = "channels_last") -> tuple[Tensor, Tensor]:
    """`spatial_mean` on TensorFlow with a cheaper gradient.

    The outputs have two consumers, the next layer and the mean. Left alone, TensorFlow writes the
    mean's gradient out over all pixels and adds it in a second pass; here one broadcast addition
    does both. Compilers that fuse operations need no such help.
    """
    import tensorflow as tf

    channels = -1 if data_format == "channels_last" else 1

    @tf.custom_gradient
    def split(outputs: Tensor) -> Any:
        means = _mean(outputs, data_format)

        def gradient(of_outputs: Tensor, of_means: Tensor) -> Tensor:
            pixels = tf.cast(tf.size(outputs) / tf.size(means), tf.float32)
            shape = [1] * outputs.shape.rank
            shape[0], shape[channels] = -1, outputs.shape[channels]
            share = tf.reshape(of_means / pixels, shape)
            return of_outputs + tf.cast(share, of_outputs.dtype)

        return (tf.identity(outputs), means), gradient

    return split(outputs)


def full_output(outputs: Tensor, data_format: str = "channels_last") -> tuple[Tensor, Tensor]:
    """The whole activation, unreduced."""
    del data_format
    return outputs, outputs


def _mean(outputs: Tensor, data_format: str) -> Tensor:
    rank = len(outputs.shape)
    axes = tuple(range(1, rank - 1)) if data_format == "channels_last" else tuple(range(2, rank))
    # float16 sums overflow and stall; the statistics are float32 whatever the policy.
    outputs = ops.cast(outputs, "float32")
    return ops.mean(outputs, axis=axes) if axes else outputs


def _number_repeats(found: dict[str, Any]) -> None:
    for name in [name for name, values in found.items() if len(values) > 1]:
        for number, value in enumerate(found[name]):
            found[f"{name}#{number}"] = [value]
        del found[name]
    for name in found:
        (found[name],) = found[name]


@keras.saving.register_keras_serializable(package="keras_selectivity", name="UnitMeans")
class UnitMeans(keras.layers.Wrapper):
    """Passes its layer's output through, and its units' means to an open collector.

    A unit is a channel of a convolutional layer or a feature of a dense one; its value for a
    sample is the mean over space ("Selectivity considered harmful", section 3.2). Without an open
    `collecting` scope the wrapper costs nothing.

    Args:
        layer: The layer whose output is the activation after the non-linearity.
        key: Name under which the units are reported. Defaults to the layer's name.
        shift: Whether the output can be negative, so that each unit's minimum is subtracted
            before its selectivity is computed. Defaults to False.
        data_format: `"channels_last"` or `"channels_first"`: where the units are. Defaults to the layer's
            own, or Keras's.

    Example:

        self.act = ks.UnitMeans(keras.layers.ReLU(name="act"))
    """

    def __init__(
        self,
        layer: KerasObject,
        *,
        key: str | None = None,
        shift: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("name", layer.name)
        super().__init__(layer, **kwargs)
        self.key = key or layer.name
        self.shift = bool(shift)
        own = data_format or getattr(layer, "data_format", None)
        self.data_format = own or keras.config.image_data_format()
        self.supports_masking = layer.supports_masking
        if layer.built:
            self.built = True

    def call(self, inputs: Tensor, **kwargs: Any) -> Tensor:
        outputs = self.layer(inputs, **kwargs)
        scope = _collector.get()
        if scope is None:
            return outputs
        found, only, read = scope
        if only is not None and self.key not in only:
            return outputs
        outputs, value = read(outputs, self.data_format)
        found.setdefault(self.key, []).append(value)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        own = {"key": self.key, "shift": self.shift, "data_format": self.data_format}
        return {**super().get_config(), **own}
