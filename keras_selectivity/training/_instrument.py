"""Finds the non-linearities of a Keras classifier and wraps them in `UnitMeans`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras

from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.training._batch_normalization import BatchNormalization
from keras_selectivity.training._checks import check_built
from keras_selectivity.training._checks import check_classifier
from keras_selectivity.training._checks import check_equal
from keras_selectivity.training._coverage import nonlinearities
from keras_selectivity.training._layers import walk
from keras_selectivity.training._observe import observe
from keras_selectivity.training._rebuild import example_inputs
from keras_selectivity.training._rebuild import random_inputs
from keras_selectivity.training._rebuild import rebuild
from keras_selectivity.training._unit_means import UnitMeans
from keras_selectivity.training._unit_means import collecting
from keras_selectivity.training._unit_means import full_output

# Activation name -> can its output be negative, so that the unit's minimum is subtracted first?
_RECTIFIERS = {"relu": False, "relu6": False, "leaky_relu": True, "prelu": True}
_IGNORED = {"linear", "softmax", "log_softmax"}


@dataclass(frozen=True)
class Tapped:
    """A layer whose unit means are collected.

    Attributes:
        name: Key of the layer, with the path of the nested model it lies in (`"stem/relu"`).
        units: Number of units (channels or features).
        shift: Whether each unit's minimum is subtracted before its selectivity is computed.
    """

    name: str
    units: int
    shift: bool


@dataclass(frozen=True)
class Report:
    """What `regularize` found in a model.

    Attributes:
        found: The tapped layers in the order in which the network calls them.
        skipped: Layer name -> why its units are not collected.
    """

    found: tuple["Tapped", ...]
    skipped: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{len(self.found)} layers, {sum(t.units for t in self.found)} units:"]
        lines += [f"  {t.name}  {t.units}{'  shifted by its minimum' if t.shift else ''}" for t in self.found]
        if self.skipped:
            lines.append("skipped:")
            lines += [f"  {name}  {reason}" for name, reason in self.skipped.items()]
        return "\n".join(lines)


def instrument(
    model: KerasObject, named: Any = (), fused_batch_norm: bool = False, state: bool = True
) -> tuple[KerasObject, Report]:
    """Copies a classifier with every hidden non-linearity wrapped in `UnitMeans`.

    Found are `ReLU`, `LeakyReLU` and `PReLU` layers, `Activation` layers and activations fused
    into other layers (`Conv2D(..., activation="relu")`) and the operations `keras.ops.relu` and
    kin, in nested models and in the attributes of subclassed ones. The network's output is never
    wrapped. Layers that are wrapped already stay as they are.

    Args:
        model: A built `keras.Model`. Not changed.
        named: Names of further layers to wrap, whatever they compute; or a dict, path -> key of its tap.
        fused_batch_norm: Whether the copy has `BatchNormalization` of this package in place of Keras's.
        state: Whether the copy gets the model's weights, and is compared with it; else they follow later.

    Returns:
        `(copy, report)`.

    Raises:
        InputError: A name is unknown, or this is no classifier, or one that cannot be copied.
    """
    check_built(model)
    layers = dict(walk(model))
    keys = dict(named) if isinstance(named, dict) else {_resolve(name, layers): None for name in named}
    inputs = random_inputs(model)
    seen = observe(model, layers.values(), inputs)
    check_classifier(model, seen.outputs)
    skipped: dict[str, str] = {}

    def swap(path: str, original: KerasObject, copy: KerasObject) -> KerasObject:
        if isinstance(original, UnitMeans):
            return (
                copy
                if isinstance(copy, UnitMeans)
                else _wrap(copy, original.key, original.shift, original.data_format)
            )
        if fused_batch_norm and type(original) is keras.layers.BatchNormalization:
            copy = BatchNormalization.from_config(copy.get_config())
        kind = activation_name(original)
        if path not in keys and kind not in _RECTIFIERS:
            if kind is not None and kind not in _IGNORED:
                skipped[path] = f"{kind} is not a rectifier; name it in layers= to include it"
            return copy
        if id(original) in seen.final and seen.calls[id(original)] == 1:
            if path in keys:
                raise InputError(
                    f"{path!r} is the network's output layer, which is never regularised. Leave it out of layers=."
                )
            skipped[path] = "the network's output"
            return copy
        return _wrap(
            _as_layer(copy),
            keys.get(path) or path,
            kind is None or _RECTIFIERS.get(kind, True),
            seen.data_formats.get(id(original)),
        )

    copy = rebuild(model, swap, state)
    taps, output, _ = _called(copy, inputs)
    if state:
        check_equal(model, copy, inputs)
    if output is not None:  # one of several calls of its layer
        skipped[output] = "the network's output"
        taps = tuple(tap for tap in taps if tap.name != output)
    skipped.update(_hidden(copy, inputs, skipped))
    return copy, Report(taps, skipped)


def strip(network: KerasObject) -> KerasObject:
    """Copies an instrumented network without what this package put into it.

    The copy holds Keras's own layers, without `UnitMeans` and with Keras's batch normalization.
    """
    plain = rebuild(network, lambda path, original, fresh: _plain(_inner(fresh)))
    check_equal(network, plain, random_inputs(network))
    return plain


def probe(network: KerasObject) -> tuple[tuple[Tapped, ...], str, int]:
    """Traces a built network to see what its `UnitMeans` layers hand over.

    Returns:
        `(taps, output, width)`: a tuple of `Tapped` in the order of the calls, the name of the
        layer whose output is the network's own, or `None`, and the number of network outputs.

    Raises:
        InputError: It is no classifier.
    """
    taps, output, outputs = _called(network, example_inputs(network))
    check_classifier(network, outputs)
    return taps, output, int(outputs.shape[-1])


def _called(network: KerasObject, inputs: Tensor) -> tuple[tuple[Tapped, ...], Any, Tensor]:
    with collecting(read=full_output) as found:
        outputs = observe(network, (), inputs).outputs
    wrappers = {w.key: w for w in _wrappers(network)}
    taps, output = [], None
    for name, value in found.items():
        wrapper = wrappers.get(name) or wrappers[name.rpartition("#")[0]]
        axis = -1 if wrapper.data_format == "channels_last" else 1
        taps.append(Tapped(name, int(value.shape[axis]), wrapper.shift))
        if value is outputs:
            output = name
    return tuple(taps), output, outputs


def _hidden(network: KerasObject, inputs: Tensor, skipped: dict[str, str]) -> dict[str, str]:
    """Why the non-linearities are skipped that are neither in a tapped layer nor in one skipped already."""
    layers = dict(walk(network))
    return {
        path or network.name: f"{', '.join(f'{n} {kind}' for kind, n in kinds.items())} inside its call; "
        "put a keras.layers.ReLU there, or ks.UnitMeans, to include it"
        for path, kinds in nonlinearities(network, inputs).items()
        if path not in skipped and not isinstance(layers.get(path), UnitMeans)
    }


def _wrappers(network: KerasObject) -> list[KerasObject]:
    return [layer for _, layer in walk(network) if isinstance(layer, UnitMeans)]


def _resolve(name: str, layers: Iterable[str]) -> str:
    """Full path of a layer named by its path or, if that is unique, by its last part."""
    if name in layers:
        return name
    matches = [path for path in layers if path.rpartition("/")[2] == name]
    if len(matches) == 1:
        return matches[0]
    what = "is ambiguous: it could be" if matches else "is not a layer of the model. Its layers are"
    raise InputError(f"{name!r} {what} {', '.join(matches or layers)}.")


def activation_name(layer: KerasObject) -> str | None:
    """Name of the non-linearity a layer ends in, or `None`."""
    if isinstance(layer, keras.layers.ReLU):
        return "leaky_relu" if layer.negative_slope else "relu"
    if isinstance(layer, keras.layers.LeakyReLU):
        return "leaky_relu"
    if isinstance(layer, (keras.layers.SpectralNormalization, keras.layers.TimeDistributed)):
        return activation_name(layer.layer)
    if isinstance(layer, (keras.layers.PReLU, keras.layers.ELU, keras.layers.Softmax)):
        return type(layer).__name__.lower()
    activation = getattr(layer, "activation", None)
    if isinstance(activation, keras.layers.Layer):
        return activation_name(activation)
    if callable(activation):
        return getattr(activation, "__name__", type(activation).__name__)
    if not isinstance(layer, keras.layers.Layer):  # an operation such as keras.ops.relu
        name = {"Relu": "relu", "Relu6": "relu6", "LeakyRelu": "leaky_relu"}
        if type(layer).__name__ == "ReLU":  # of keras.activations.relu
            return "leaky_relu" if layer.negative_slope else "relu"
        smooth = {"Elu", "Selu", "Gelu", "Silu", "Softplus", "Tanh", "Sigmoid", "HardSilu"}
        kind = type(layer).__name__
        return name.get(kind) or (kind.lower() if kind in smooth else None)
    return None


def _as_layer(operation: KerasObject) -> KerasObject:
    """The layer that computes what a functional `keras.ops` activation does."""
    if isinstance(operation, keras.layers.Layer):
        return operation
    options = {"name": operation.name, "autocast": False}
    kind = type(operation).__name__
    if kind == "ReLU":
        slope, most, least = operation.negative_slope, operation.max_value, operation.threshold
        return keras.layers.ReLU(negative_slope=slope, max_value=most, threshold=least, **options)
    if kind == "Relu":
        return keras.layers.ReLU(**options)
    if kind == "Relu6":
        return keras.layers.ReLU(max_value=6.0, **options)
    if kind == "LeakyRelu":
        return keras.layers.LeakyReLU(negative_slope=operation.negative_slope, **options)
    raise InputError(
        f"{operation.name!r} is the operation {kind}, not a layer; put a keras.layers.Activation "
        "there to collect its units."
    )


def _wrap(layer: KerasObject, key: str, shift: bool, data_format: str | None = None) -> KerasObject:
    return UnitMeans(layer, key=key, shift=shift, data_format=data_format, dtype=layer.dtype_policy)


def _plain(layer: KerasObject) -> KerasObject:
    return layer.as_keras() if isinstance(layer, BatchNormalization) else layer


def _inner(layer: KerasObject) -> KerasObject:
    return layer.layer if isinstance(layer, UnitMeans) else layer
