"""Finds the non-linearities of a Keras classifier and wraps them in `UnitMeans`."""

from dataclasses import dataclass

import keras

from keras_selectivity._errors import InputError
from keras_selectivity.training._batch_normalization import BatchNormalization
from keras_selectivity.training._rebuild import children
from keras_selectivity.training._rebuild import example_inputs
from keras_selectivity.training._rebuild import is_container
from keras_selectivity.training._rebuild import is_graph
from keras_selectivity.training._rebuild import join
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

    found: tuple
    skipped: dict

    def __str__(self):
        lines = [f"{len(self.found)} layers, {sum(t.units for t in self.found)} units:"]
        lines += [f"  {t.name}  {t.units}{'  shifted by its minimum' if t.shift else ''}" for t in self.found]
        if self.skipped:
            lines.append("skipped:")
            lines += [f"  {name}  {reason}" for name, reason in self.skipped.items()]
        return "\n".join(lines)


def instrument(model, named=(), fused_batch_norm=False):
    """Copies a classifier with every hidden non-linearity wrapped in `UnitMeans`.

    Found are `ReLU`, `LeakyReLU` and `PReLU` layers, `Activation` layers and activations fused
    into other layers (`Conv2D(..., activation="relu")`) and the operations `keras.ops.relu` and
    kin, in nested models and in the attributes of subclassed ones. The network's output is never
    wrapped. Layers that are wrapped already stay as they are.

    Args:
        model: A built `keras.Model`. Not changed.
        named: Names of further layers to wrap, whatever they compute.
        fused_batch_norm: Whether the copy has `BatchNormalization` of this package in place of Keras's.

    Returns:
        `(copy, report)`.

    Raises:
        InputError: A name is unknown, or the model cannot be copied.
    """
    layers = dict(_walk(model, ""))
    named = {_resolve(name, layers) for name in named}
    skipped = {}

    def swap(path, original, copy):
        if isinstance(original, UnitMeans):
            return copy if isinstance(copy, UnitMeans) else _wrap(copy, original.key, original.shift)
        if fused_batch_norm and type(original) is keras.layers.BatchNormalization:
            copy = BatchNormalization.from_config(copy.get_config())
        kind = activation_name(original)
        if path in named or kind in _RECTIFIERS:
            return _wrap(_as_layer(copy), path, _RECTIFIERS.get(kind, True))
        if kind is not None and kind not in _IGNORED:
            skipped[path] = f"{kind} is not a rectifier; name it in layers= to include it"
        return copy

    copy = rebuild(model, swap)
    taps, output, _ = probe(copy)
    if output is not None:
        if output in named:
            raise InputError(
                f"{output!r} is the network's output layer, which is never regularised. "
                "Leave it out of layers=."
            )
        copy = rebuild(copy, lambda path, _, fresh: _inner(fresh) if _key(fresh) == output else fresh)
        skipped[output] = "the network's output"
        taps = tuple(tap for tap in taps if tap.name != output)
    return copy, Report(taps, skipped)


def strip(network):
    """Copies an instrumented network without what this package put into it.

    The copy holds Keras's own layers, without `UnitMeans` and with Keras's batch normalization.
    """
    return rebuild(network, lambda path, original, fresh: _plain(_inner(fresh)))


def probe(network):
    """Calls a built network once on zeros to see what its `UnitMeans` layers hand over.

    Returns:
        `(taps, output, width)`: a tuple of `Tapped` in the order of the calls, the name of the
        layer whose output is the network's own, or `None`, and the number of network outputs.
    """
    with collecting(read=full_output) as found:
        outputs = network(example_inputs(network), training=False)
    wrappers = {w.key: w for w in _wrappers(network)}
    taps, output = [], None
    for name, value in found.items():
        wrapper = wrappers.get(name) or wrappers[name.rpartition("#")[0]]
        axis = -1 if wrapper.data_format == "channels_last" else 1
        taps.append(Tapped(name, int(value.shape[axis]), wrapper.shift))
        if value is outputs:
            output = name
    return tuple(taps), output, int(outputs.shape[-1])


def _walk(layer, path):
    """All layers and operations without sublayers, by path."""
    if is_graph(layer):
        items = layer.layers if isinstance(layer, keras.Sequential) else layer.operations
        items = [(item.name, item) for item in items]
    elif is_container(layer):
        items = [(name, child) for name, (child, _) in children(layer).items()]
    else:
        yield path, layer
        return
    for name, item in items:
        yield from _walk(item, join(path, name))


def _wrappers(network):
    return [layer for _, layer in _walk(network, "") if isinstance(layer, UnitMeans)]


def _resolve(name, layers):
    """Full path of a layer named by its path or, if that is unique, by its last part."""
    if name in layers:
        return name
    matches = [path for path in layers if path.rpartition("/")[2] == name]
    if len(matches) == 1:
        return matches[0]
    what = "is ambiguous: it could be" if matches else "is not a layer of the model. Its layers are"
    raise InputError(f"{name!r} {what} {', '.join(matches or layers)}.")


def activation_name(layer):
    """Name of the non-linearity a layer ends in, or `None`."""
    if isinstance(layer, keras.layers.ReLU):
        return "leaky_relu" if layer.negative_slope else "relu"
    if isinstance(layer, keras.layers.LeakyReLU):
        return "leaky_relu"
    if isinstance(layer, (keras.layers.PReLU, keras.layers.ELU, keras.layers.Softmax)):
        return type(layer).__name__.lower()
    activation = getattr(layer, "activation", None)
    if isinstance(activation, keras.layers.Layer):
        return activation_name(activation)
    if callable(activation):
        return getattr(activation, "__name__", type(activation).__name__)
    if not isinstance(layer, keras.layers.Layer):  # an operation such as keras.ops.relu
        name = {"Relu": "relu", "Relu6": "relu6", "LeakyRelu": "leaky_relu"}
        smooth = {"Elu", "Selu", "Gelu", "Silu", "Softplus", "Tanh", "Sigmoid", "HardSilu"}
        kind = type(layer).__name__
        return name.get(kind) or (kind.lower() if kind in smooth else None)
    return None


def _as_layer(operation):
    """The layer that computes what a functional `keras.ops` activation does."""
    if isinstance(operation, keras.layers.Layer):
        return operation
    options = {"name": operation.name, "autocast": False}
    kind = type(operation).__name__
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


def _wrap(layer, key, shift):
    return UnitMeans(layer, key=key, shift=shift, dtype=layer.dtype_policy)


def _key(layer):
    return layer.key if isinstance(layer, UnitMeans) else None


def _plain(layer):
    return layer.as_keras() if isinstance(layer, BatchNormalization) else layer


def _inner(layer):
    return layer.layer if isinstance(layer, UnitMeans) else layer
