"""Folds batch normalization into the layer before it, for networks that are only called."""

from collections import Counter
from typing import Any

import numpy as np

from keras_selectivity._types import Array
from keras_selectivity._types import KerasObject

_TOLERANCE = 1e-5  # of the largest output


def folded(network: KerasObject) -> tuple[KerasObject, dict[str, Any]]:
    """A copy of a network for inference, whose batch norms are part of the layers before them where they can be.

    At inference batch norm is a scale and a shift per channel, which a convolution or dense layer before it can
    apply itself. That takes a graph of layers: a batch norm with moving statistics whose only input is a linear layer
    that nothing else reads, both in float32. Outputs are compared on random inputs.

    Args:
        network: A built Keras network, instrumented or not. Not changed.

    Returns:
        `(copy, record)`; the network itself where nothing is folded. The record has the number of batch norms that
        are `folded`, and the names of those that are `kept`.
    """
    import keras

    from keras_selectivity.training import is_graph
    from keras_selectivity.training import random_inputs

    norms = [
        layer.name for layer in _all_layers(network) if isinstance(layer, keras.layers.BatchNormalization)
    ]
    unchanged = network, {"folded": 0, "kept": norms}
    if not norms or not is_graph(network):
        return unchanged
    try:
        pairs = {norm.name: (layer, norm) for layer, norm in _pairs(network)}
        fast = _without(network, pairs) if pairs else network
    except Exception:  # a network or layer of someone else's that cannot be made of its configuration
        return unchanged
    if not pairs or not _alike(network, fast, random_inputs(network)):
        return unchanged
    return fast, {"folded": len(pairs), "kept": [name for name in norms if name not in pairs]}


def _alike(network: KerasObject, fast: KerasObject, inputs: Any) -> bool:
    """Whether all outputs are the same, but for rounding; none that is undefined is."""
    import keras

    outputs = (keras.tree.flatten(each(inputs, training=False)) for each in (network, fast))
    for pair in zip(*outputs, strict=True):
        expected, found = (np.asarray(each, np.float64) for each in pair)
        if not np.abs(found - expected).max() <= _TOLERANCE * max(np.abs(expected).max(), 1.0):
            return False
    return True


def _all_layers(network: KerasObject) -> list[KerasObject]:
    from keras_selectivity._keras_private import flatten_layers

    return flatten_layers(network)


def _pairs(network: KerasObject) -> list[tuple[KerasObject, KerasObject]]:
    """Linear layers and the batch norms that alone read them, of the network's first level."""
    import keras

    from keras_selectivity.training import BatchNormalization

    norms = (keras.layers.BatchNormalization, BatchNormalization)
    kinds = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    reads, ends = _graph(network)
    readers = Counter(name for calls in reads.values() for names in calls for name in names)
    readers.update(ends)
    layers = {layer.name: layer for layer in network.layers}
    found = []
    for name, calls in reads.items():
        norm: Any = layers.get(name)
        if type(norm) not in norms or len(calls) != 1 or len(calls[0]) != 1:
            continue
        layer = layers.get(calls[0][0])
        if (
            layer is not None
            and type(layer) in kinds
            and readers[layer.name] == 1
            and len(reads[layer.name]) == 1
            and layer.activation is keras.activations.linear
            and norm.axis in (-1, len(layer.output.shape) - 1)
            and getattr(layer, "data_format", "channels_last") == "channels_last"
            and {layer.dtype_policy.name, norm.dtype_policy.name} == {"float32"}
            and not getattr(norm, "renorm", False)
        ):
            found.append((layer, norm))
    return found


def _graph(network: KerasObject) -> tuple[dict[str, list[list[str]]], list[str]]:
    """Layer -> for each of its calls the names of the layers that it reads; and the layers that the outputs are of."""
    import keras

    if isinstance(network, keras.Sequential):
        names = [layer.name for layer in network.layers]
        return {name: [[before]] for before, name in zip(["", *names], names, strict=False)}, names[-1:]
    config = network.get_config()
    reads = {entry["name"]: [_names(node) for node in entry["inbound_nodes"]] for entry in config["layers"]}
    return reads, _ends(config)


def _names(node: Any) -> list[str]:
    """Names of the layers in the arguments of a call, as a model's configuration has them."""
    if isinstance(node, dict):
        if node.get("class_name") == "__keras_tensor__":
            return [node["config"]["keras_history"][0]]
        return [name for value in node.values() for name in _names(value)]
    return [name for value in node for name in _names(value)] if isinstance(node, (list, tuple)) else []


def _ends(config: dict[str, Any]) -> list[str]:
    """Names of the layers whose outputs are the network's: `[name, call, output]`, or a structure of these."""

    def walk(value: Any) -> list[str]:
        if isinstance(value, (list, tuple)):
            if len(value) == 3 and isinstance(value[0], str):
                return [value[0]]
            return [name for each in value for name in walk(each)]
        return [name for each in value.values() for name in walk(each)] if isinstance(value, dict) else []

    return walk(config.get("output_layers"))


def _without(network: KerasObject, pairs: dict[str, tuple[KerasObject, KerasObject]]) -> KerasObject:
    """A copy in which batch norms pass their input on, and the layers before them do their work."""
    import keras

    class Passed(keras.layers.Layer):  # takes what a call of batch norm may say
        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            return inputs

    before = {layer.name for layer, _ in pairs.values()}
    twins: list[tuple[KerasObject, KerasObject]] = []

    def twin(layer: KerasObject) -> KerasObject:
        if layer.name in pairs:
            return Passed(name=layer.name)
        config = layer.get_config()
        if layer.name in before:
            config["use_bias"] = True
        fresh = type(layer).from_config(config)
        twins.append((layer, fresh))
        return fresh

    fast = keras.models.clone_model(network, clone_function=twin)
    norm_of = {layer.name: norm for layer, norm in pairs.values()}
    for layer, fresh in twins:
        weights = layer.get_weights()
        fresh.set_weights(_merged(layer, norm_of[layer.name], weights) if layer.name in before else weights)
    return fast


def _merged(layer: KerasObject, norm: KerasObject, weights: list[Array]) -> list[Array]:
    """Kernel and bias of a linear layer with the batch norm after it, computed in float64."""
    import keras

    mean, variance = (np.asarray(value, np.float64) for value in (norm.moving_mean, norm.moving_variance))
    scale = 1 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        scale = scale * np.asarray(norm.gamma, np.float64)
    shift = np.asarray(norm.beta, np.float64) if norm.center else 0.0
    kernel, bias = np.asarray(weights[0], np.float64), weights[1] if layer.use_bias else 0.0
    # A depthwise kernel has its channels in the last two axes
    per_channel = scale.reshape(kernel.shape[-2:]) if type(layer) is keras.layers.DepthwiseConv2D else scale
    return [kernel * per_channel, (bias - mean) * scale + shift]
