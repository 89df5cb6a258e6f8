"""What a model does when it is called: what comes out, which layers give it, and which non-linearities they compute."""

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
from keras_selectivity.training._hooks import masks_given
from keras_selectivity.training._nonlinearities import handled
from keras_selectivity.training._nonlinearities import intercepting
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
class Site:
    """A non-linearity that a layer computes in its call.

    Attributes:
        kind: Its name, a key of `KNOWN`.
        value: What it gave: a symbolic tensor.
        data_format: Where its channels are, or `None`.
        whole: Whether its output is the layer's.
        reachable: Whether it lies in the layer's own graph, rather than in a loop or a compiled function inside.
        squeezed: Whether it has no space although the layer's inputs and outputs have, as in squeeze-and-excite.
    """

    kind: str
    value: Tensor
    data_format: str | None
    whole: bool = False
    reachable: bool = True
    squeezed: bool = False


@dataclass
class Observation:
    """A call of a model in inference mode. Layers are known by their `id`.

    Attributes:
        outputs: What the model returns: symbolic tensors.
        calls: Layer -> how often it was called.
        data_formats: Layer -> `"channels_first"`, `"channels_last"` or `None`.
        final: Layers whose output is the model's own, or goes into the softmax or sigmoid at its end.
        final_values: The tensors that these give, by `id`.
        sites: Layer -> the non-linearities in its latest call, without those of layers that it calls.
        masked: Layers that are called with a mask.
    """

    outputs: Tensor = None
    calls: collections.Counter[int] = field(default_factory=collections.Counter)
    data_formats: dict[int, str | None] = field(default_factory=dict)
    final: set[int] = field(default_factory=set)
    final_values: dict[int, Tensor] = field(default_factory=dict)
    sites: dict[int, list[Site]] = field(default_factory=dict)
    masked: set[int] = field(default_factory=set)


@dataclass
class _Returned:
    """A tensor that some layer returned, which is held so that no other gets its `id`."""

    tensor: Tensor
    data_format: str | None
    makers: list[KerasObject]
    made_of: list[Any]


def observe(model: KerasObject, layers: Iterable[KerasObject], inputs: Any) -> Observation:
    """Traces a call of a model and sees what these layers do."""
    seen, latest = Observation(), None
    returned: dict[int, _Returned] = {}
    inside: list[list[Site]] = []  # for every layer that is being called, the sites seen since

    def around(layer: KerasObject, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal latest
        given = [t for t in tree.flatten((args, kwargs)) if hasattr(t, "shape")]
        known = [returned[id(t)].data_format for t in given if id(t) in returned]
        before, sites = known[0] if known else latest, []

        def see(kind: str, value: Tensor) -> Tensor:
            sites.append(Site(kind, value, _data_format(layer, value, latest)))
            return value

        inside.append([])
        with handled(see):
            outputs = call(*args, **kwargs)
        for site in sites:
            site.whole, site.reachable = site.value is outputs, _reachable(site.value)
        nested = [*inside.pop(), *sites]
        for each in inside[-1:]:
            each += nested
        for site in nested:
            site.squeezed |= _pixels(site.value) == 1 and all(_pixels(t) > 1 for t in (outputs, *given[:1]))
        if type(layer).__name__ == "Multiply":
            if _pixels(outputs) > 1:
                _mark_gates([t for t in given if _pixels(t) <= 1], returned, seen)
            elif len(given) == 2:
                for gate, gated in (given, given[::-1]):
                    _mark(_between(gate, gated, returned), seen)
        from_within = returned.get(id(outputs))
        latest = from_within.data_format if from_within else _data_format(layer, outputs, before)
        seen.calls[id(layer)] += 1
        seen.data_formats[id(layer)] = latest
        seen.sites[id(layer)] = sites
        if masks_given(args, kwargs) is not None:
            seen.masked.add(id(layer))
        for tensor in tree.flatten(outputs):
            # What a model returns is made of what the layer in it was given that made it
            inner = returned.get(id(tensor), _Returned(tensor, latest, [], given))
            returned[id(tensor)] = _Returned(tensor, latest, [*inner.makers, layer], inner.made_of)
        return outputs

    def call(inputs: Tensor) -> Any:
        seen.outputs = model(inputs, training=False)
        return seen.outputs

    with calls_through(layers, around), intercepting():
        trace(call, inputs)
    ends = tree.flatten(seen.outputs)
    while ends:
        value = ends.pop()
        seen.final_values[id(value)] = value
        found = returned.get(id(value))
        if found is not None:
            seen.final.update(id(layer) for layer in found.makers)
            if any(map(_squashes, found.makers)):
                ends += found.made_of[:1]
    return seen


def _mark_gates(tensors: list[Tensor], returned: dict[int, _Returned], seen: Observation) -> None:
    """Marks what leads to these tensors of a single pixel, back to where there are several."""
    visited = set()
    while tensors:
        tensor = tensors.pop()
        found = returned.get(id(tensor))
        if found is not None and id(tensor) not in visited:
            visited.add(id(tensor))
            _mark(found.makers, seen)
            tensors += [t for t in found.made_of if _pixels(t) <= 1]


def _between(gate: Tensor, gated: Tensor, returned: dict[int, _Returned]) -> list[KerasObject]:
    """The layers that make `gate` of the pooled `gated`; none if it is made of anything else."""
    layers: list[KerasObject] = []
    ahead, visited, pooled = [gate], set(), False
    while ahead:
        tensor = ahead.pop()
        found = returned.get(id(tensor))
        if tensor is gated:
            return []
        if found is None or id(tensor) in visited:
            continue
        visited.add(id(tensor))
        if any(t is gated for t in found.made_of) and any(map(_pools, found.makers)):
            pooled = True
        else:
            layers += found.makers
            ahead += found.made_of
    return layers if pooled else []


def _mark(layers: Iterable[KerasObject], seen: Observation) -> None:
    for layer in layers:
        for site in seen.sites.get(id(layer), ()):
            site.squeezed = True


def _pools(layer: KerasObject) -> bool:
    """Whether a layer or operation takes the mean or maximum over space."""
    name = type(layer).__name__
    return name in ("Mean", "Max") or name.startswith(("GlobalAveragePooling", "GlobalMaxPooling"))


def _pixels(tensor: Any) -> int:
    """Length of the longer side of `(batch, height, width, channels)`, or with channels first; 0 for other ranks."""
    shape = tuple(getattr(tensor, "shape", ()))
    if len(shape) != 4:
        return 0
    first = shape[1] == 1 and shape[2] == 1
    sides = shape[1:3] if first or keras.config.image_data_format() == "channels_last" else shape[2:]
    return max(n or 2 for n in sides)


def _squashes(layer: KerasObject) -> bool:
    """Whether all that a layer or operation does is to make probabilities of scores, or to lay them out otherwise."""
    if isinstance(layer, keras.layers.Activation):
        squashing = (keras.activations.softmax, keras.activations.sigmoid, keras.activations.linear)
        return layer.activation in squashing
    return type(layer).__name__ in ("Softmax", "LogSoftmax", "Sigmoid", "Identity", "Flatten", "Reshape")


def _reachable(value: Tensor) -> bool:
    try:
        keras.ops.sum(keras.ops.cast(value, "float32"))
    except Exception:  # each backend has its own for a tensor of an inner graph
        return False
    return True


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
