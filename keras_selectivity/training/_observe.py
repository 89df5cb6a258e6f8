"""What a model does when it is called: what comes out, which layers give it, and where their channels are."""

import collections
import contextlib
import functools
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import keras
from keras import tree

from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.training._trace import trace


@contextlib.contextmanager
def calls_through(layers: Iterable[KerasObject], around: Callable[..., Any]) -> Iterator[None]:
    """A scope in which these layers are called through `around(layer, call, *args, **kwargs)`."""
    layers = list({id(layer): layer for layer in layers}.values())
    for layer in layers:
        vars(layer)["call"] = functools.partial(around, layer, layer.call)
    try:
        yield
    finally:
        for layer in layers:
            del vars(layer)["call"]


@dataclass
class Observation:
    """A call of a model in inference mode.

    Attributes:
        outputs: What the model returns: symbolic tensors.
        calls: Layer -> how often it was called, by `id`.
        data_formats: Layer -> `"channels_first"`, `"channels_last"` or `None`, by `id`.
        final: Of the layers whose output is the model's own, the `id`.
    """

    outputs: Tensor = None
    calls: collections.Counter[int] = field(default_factory=collections.Counter)
    data_formats: dict[int, str | None] = field(default_factory=dict)
    final: set[int] = field(default_factory=set)


def observe(model: KerasObject, layers: Iterable[KerasObject], inputs: Any) -> Observation:
    """Traces a call of a model and sees what these layers do."""
    seen, latest = Observation(), None
    returned: dict[int, tuple[Tensor, str | None, list[int]]] = {}

    def around(layer: KerasObject, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal latest
        given = [returned[id(t)][1] for t in tree.flatten((args, kwargs)) if id(t) in returned]
        outputs = call(*args, **kwargs)
        latest = _data_format(layer, outputs, given[0] if given else latest)
        seen.calls[id(layer)] += 1
        seen.data_formats[id(layer)] = latest
        for tensor in tree.flatten(outputs):
            makers = returned[id(tensor)][2] if id(tensor) in returned else []
            returned[id(tensor)] = tensor, latest, [*makers, id(layer)]  # held, so that no id is used again
        return outputs

    def call(inputs: Tensor) -> Any:
        seen.outputs = model(inputs, training=False)
        return seen.outputs

    with calls_through(layers, around):
        trace(call, inputs)
    if id(seen.outputs) in returned:
        seen.final = set(returned[id(seen.outputs)][2])
    return seen


def _data_format(layer: KerasObject, outputs: Any, given: str | None) -> str | None:
    """Where a layer leaves the channels: it says so, or they stay where the layers before it had them."""
    layer = getattr(layer, "layer", layer) if isinstance(layer, keras.layers.Wrapper) else layer
    rank = len(getattr(outputs, "shape", ()))
    # Padding may go along other axes than its data format is meant for, as ResNet20's shortcuts do.
    if getattr(layer, "data_format", None) and not (given and isinstance(layer, _PADDING)):
        return layer.data_format
    if isinstance(layer, keras.layers.BatchNormalization) and rank > 2:
        return "channels_first" if layer.axis == 1 else "channels_last"
    if isinstance(layer, _FEATURES_LAST):
        return "channels_last"
    if isinstance(layer, keras.layers.Permute):
        place = 1 if (given or keras.config.image_data_format()) == "channels_first" else rank - 1
        return "channels_first" if layer.dims.index(place) == 0 else "channels_last"
    return given


_PADDING = (
    keras.layers.ZeroPadding2D,
    keras.layers.ZeroPadding3D,
    keras.layers.Cropping2D,
    keras.layers.Cropping3D,
)
_FEATURES_LAST = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Embedding,
    keras.layers.LayerNormalization,
    keras.layers.RNN,
)
