"""`UnitMeans`: a layer wrapper that hands its layer's unit means to whoever is collecting."""

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from typing import TypeAlias

import keras
from keras import ops

from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._keras_private import mask_of
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.training._nonlinearities import handled
from keras_selectivity.training._rounding import is_narrow
from keras_selectivity.training._rounding import round_at_random
from keras_selectivity.training._rounding import widened

_collector: contextvars.ContextVar[Any] = contextvars.ContextVar("keras_selectivity_collector", default=None)
_mask: contextvars.ContextVar[Any] = contextvars.ContextVar("keras_selectivity_mask", default=None)


@dataclass(frozen=True)
class Reading:
    """How the units of an activation are read.

    Attributes:
        key: Name under which they are reported.
        shift: Whether each unit's minimum is subtracted before its selectivity is computed.
        data_format: `"channels_last"` or `"channels_first"`: where the units are.
        response: What of an activation is averaged over space or tokens: itself, or what `RESPONSES` makes of it.
        leading_tokens: Tokens at the start of a sequence that are left out, such as a class token.
    """

    key: str
    shift: bool = False
    data_format: str = "channels_last"
    response: str | None = None
    leading_tokens: int = 0


# What a negative output may count as, other than less than nothing.
RESPONSES: dict[str, Callable[[Tensor], Tensor]] = {"rectified": ops.relu, "absolute": ops.abs}
# Output, how it is read, and the mask of its tokens -> what the network computes on with, and what is handed over
Reader: TypeAlias = Callable[[Tensor, Reading, Any], tuple[Any, Tensor]]


@contextlib.contextmanager
def collecting(
    only: Collection[str] | None = None, read: Reader | None = None, hooks: Any = None
) -> Iterator[dict[str, Any]]:
    """Opens a scope in which every `UnitMeans` layer that is called hands over its output.

    The scope is a context variable: each replica's thread and each trace has its own, and nothing
    is left behind on a layer.

    Args:
        only: Names of the layers to collect; `None` collects all.
        read: `read(outputs, reading, mask) -> (outputs, value)`: what the network computes on with, and what
            to hand over. Defaults to `spatial_mean`.
        hooks: The `Hooks` of a network whose activations are collected in place; `None` for none.

    Yields:
        A dict, layer name -> value, in the order of the calls. A layer called several times in one
        forward pass appears as `name#0`, `name#1`, ... and `only` selects it by its plain name.
    """
    found: dict[str, Any] = {}
    token = _collector.set((found, only, read or spatial_mean))
    try:
        with hooks.opened() if hooks else contextlib.nullcontext():
            yield found
    finally:
        _collector.reset(token)
        _number_repeats(found)


def is_collecting() -> bool:
    """Whether a scope is open in which unit means are collected."""
    return _collector.get() is not None


def hand_over(outputs: Tensor, reading: Reading, mask: Any = None) -> Tensor:
    """Hands an activation to the open collector, if there is one.

    Args:
        outputs: `(batch, ..., units)`, or with the channels first.
        reading: How its units are read.
        mask: Boolean `(batch, tokens)`, true where a token counts; or `None`.

    Returns:
        What the network computes on with.
    """
    scope = _collector.get()
    if scope is None:
        return outputs
    found, only, read = scope
    if only is not None and reading.key not in only:
        return outputs
    with handled(None):  # what is computed here is not of the network
        outputs, value = read(outputs, reading, mask)
    found.setdefault(reading.key, []).append((sum(map(len, found.values())), value))
    return outputs


def spatial_mean(outputs: Tensor, reading: Reading, mask: Any = None) -> tuple[Tensor, Tensor]:
    """Mean over all axes but the first (samples) and the channels: `(batch, units)` float32.

    Of a sequence `(batch, tokens, units)` it is the mean over the tokens that the mask leaves. Returns the outputs
    too, since a reader may replace what the network goes on with.
    """
    return outputs, _mean(outputs, reading, mask)


def spatial_mean_in_training(outputs: Tensor, reading: Reading, mask: Any = None) -> tuple[Tensor, Tensor]:
    """`spatial_mean` with a better gradient, for outputs with two consumers, the next layer and the mean.

    Of narrow outputs the mean's gradient is added without being rounded away, see `widened`. TensorFlow left alone
    writes it out over all pixels and adds it in a second pass; here one broadcast addition does both. Compilers that
    fuse operations need no such help.
    """
    narrow = is_narrow(outputs)
    whole = reading.response is None and not reading.leading_tokens and mask is None
    if not whole or keras.backend.backend() != "tensorflow":
        wide = widened(outputs) if narrow else outputs
        return ops.cast(wide, outputs.dtype), _mean(wide, reading, mask)
    import tensorflow as tf

    channels = -1 if reading.data_format == "channels_last" else 1

    @tf.custom_gradient
    def split(outputs: Tensor) -> Any:
        means = _mean(outputs, reading, None)

        def gradient(of_outputs: Tensor, of_means: Tensor) -> Tensor:
            pixels = tf.cast(tf.size(outputs) / tf.size(means), tf.float32)
            shape = [1] * outputs.shape.rank
            shape[0], shape[channels] = -1, outputs.shape[channels]
            share = tf.reshape(of_means / pixels, shape)
            if narrow:
                return round_at_random(tf.cast(of_outputs, tf.float32) + share, outputs.dtype.name)
            return of_outputs + tf.cast(share, of_outputs.dtype)

        return (tf.identity(outputs), means), gradient

    return split(outputs)


def full_output(outputs: Tensor, reading: Reading, mask: Any = None) -> tuple[Tensor, Tensor]:
    """The whole activation, unreduced."""
    del reading, mask
    return outputs, outputs


def _mean(outputs: Tensor, reading: Reading, mask: Any) -> Tensor:
    rank = len(outputs.shape)
    axes = tuple(range(1, rank - 1)) if reading.data_format == "channels_last" else tuple(range(2, rank))
    # float16 sums overflow and stall; the statistics are float32 whatever the policy.
    outputs = ops.cast(outputs, "float32")
    if reading.response is not None:
        outputs = RESPONSES[reading.response](outputs)
    if rank == 3 and reading.data_format == "channels_last":
        outputs = outputs[:, reading.leading_tokens :]
        if mask is not None:
            counts = ops.cast(mask, "float32")[:, reading.leading_tokens :, None]
            return ops.sum(outputs * counts, axis=1) / ops.maximum(ops.sum(counts, axis=1), 1.0)
    return ops.mean(outputs, axis=axes) if axes else outputs


def token_mask(outputs: Tensor, inputs: Any) -> Any:
    """The mask of a sequence's tokens: Keras's own, else that of an enclosing layer which was given one; or `None`."""
    mask = mask_of(inputs)
    mask = _mask.get() if mask is None else mask
    shape: Any = getattr(outputs, "shape", ())
    fits = mask is not None and len(shape) == 3 and len(mask.shape) == 2 and mask.shape[1] == shape[1]
    return mask if fits else None


@contextlib.contextmanager
def masked(mask: Any) -> Iterator[None]:
    """A scope in which sequences have this mask, unless Keras has attached another one to them."""
    token = _mask.set(mask)
    try:
        yield
    finally:
        _mask.reset(token)


def _number_repeats(found: dict[str, Any]) -> None:
    """Makes lists of numbered values by layer one dict in the order of the calls."""
    calls = []
    for name, values in found.items():
        for repeat, (number, value) in enumerate(values):
            calls.append((number, f"{name}#{repeat}" if len(values) > 1 else name, value))
    found.clear()
    found.update((name, value) for _, name, value in sorted(calls, key=lambda call: call[0]))


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
        response: What of an activation is averaged: `None` for itself, `"rectified"` for its positive part,
            `"absolute"` for its size. Defaults to `None`.
        leading_tokens: Tokens at the start of a sequence that are left out. Defaults to 0.

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
        response: str | None = None,
        leading_tokens: int = 0,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("name", layer.name)
        super().__init__(layer, **kwargs)
        own = data_format or getattr(layer, "data_format", None) or keras.config.image_data_format()
        if response is not None and response not in RESPONSES:
            raise InputError(f"response must be None, {' or '.join(RESPONSES)}. Received: {response!r}.")
        self.reading = Reading(
            key or layer.name,
            bool(shift),
            own,
            response,
            whole_number("leading_tokens", leading_tokens, 0),
        )
        self.supports_masking = layer.supports_masking
        if layer.built:
            self.built = True

    @property
    def key(self) -> str:
        """Name under which the units are reported."""
        return self.reading.key

    def call(self, inputs: Tensor, **kwargs: Any) -> Tensor:
        outputs = self.layer(inputs, **kwargs)
        return hand_over(outputs, self.reading, token_mask(outputs, inputs)) if is_collecting() else outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **dataclasses.asdict(self.reading)}
