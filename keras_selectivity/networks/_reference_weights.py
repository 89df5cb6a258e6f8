"""Weights of the papers' reference ResNet20, from PyTorch's names and layouts to Keras's."""

import re

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._types import Array
from keras_selectivity._types import KerasObject
from keras_selectivity._types import StrPath

_PARAMETERS = {"weight": 0, "bias": 1, "running_mean": 2, "running_var": 3}


def load_reference_weights(model: KerasObject, path: StrPath) -> KerasObject:
    """Puts the weights of the reference CIFAR ResNet20 into `resnet20()`.

    Args:
        model: `resnet20()` with ten classes. Changed.
        path: An `.npz` archive of float arrays named as in the PyTorch state dict of
            github.com/akamaster/pytorch_resnet_cifar10 (`conv1.weight`, `layer1.0.bn1.bias`, ...).

    Returns:
        The model.

    Raises:
        InputError: An array is missing, superfluous, or of another shape.
    """
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if not name.endswith("num_batches_tracked")}
    grouped: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        layer, _, parameter = name.rpartition(".")
        grouped.setdefault(_layer_name(layer), {})[parameter] = _layout(array)
    wanted = {layer.name: layer for layer in model.layers if layer.weights}
    if set(grouped) != set(wanted):
        raise InputError(
            f"{path} does not hold the weights of this network: it has {len(grouped)} layers with "
            f"weights, the network {len(wanted)}; differing: {sorted(set(grouped) ^ set(wanted))[:4]}."
        )
    for name, layer in wanted.items():
        values = [grouped[name][p] for p in sorted(grouped[name], key=_PARAMETERS.__getitem__)]
        if [v.shape for v in values] != [tuple(w.shape) for w in layer.weights]:
            raise InputError(f"{path}: the weights of {name} have shapes {[v.shape for v in values]}.")
        layer.set_weights(values)
    return model


def _layer_name(name: str) -> str:
    fixed = {"conv1": "stem_conv", "bn1": "stem_norm", "linear": "logits"}
    if name in fixed:
        return fixed[name]
    match = re.fullmatch(r"layer(\d)\.(\d)\.(conv|bn)(\d)", name)
    if match is None:
        return name
    stage, block, kind, number = match.groups()
    return f"stage{stage}_block{int(block) + 1}_conv{number}" + ("_norm" if kind == "bn" else "")


def _layout(array: Array) -> Array:
    """(out, in, height, width) to (height, width, in, out), and (out, in) to (in, out)."""
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
