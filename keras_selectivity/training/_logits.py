"""The logits of a classifier, also of one that ends in a softmax or a sigmoid, wherever that stands."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_selectivity._types import Array
from keras_selectivity._types import Tensor

# What a classifier returns, as `run.json` says it.
RETURNED = "as returned"
BEFORE = "before the final softmax or sigmoid"
LOGARITHM = "logarithm of the probabilities"

_SQUASHING = ("Softmax", "Sigmoid")
_SAME_VALUES = ("Identity", "Reshape", "Squeeze", "ExpandDims", "Cast")
_SMALLEST = 1e-30


def varied_inputs(shape: tuple[int, ...]) -> Array:
    """Eight inputs by which probabilities are told from logits: noise of several scales, black and white.

    Args:
        shape: Shape of one input.

    Returns:
        `(8, *shape)` float32.
    """
    rng = np.random.default_rng(0)
    noise = rng.random((6, *shape), np.float32)
    noise[2:4] *= 255
    noise[4:6] = rng.standard_normal((2, *shape), np.float32)
    return np.concatenate([noise, np.zeros((1, *shape), np.float32), np.ones((1, *shape), np.float32)])


def are_probabilities(values: Array) -> bool:
    """Whether outputs for varied inputs are probabilities: of classes, or of the second of two.

    Args:
        values: `(n, classes)`, or `(n, 1)`.

    Returns:
        True if none is negative and those of each input sum to one; for a single output, if all lie in
        [0, 1] and they differ.
    """
    values = np.asarray(values, np.float64)
    if values.min() < 0:
        return False
    if values.shape[1] == 1:
        return bool(values.max() <= 1 and np.ptp(values) > 0)
    return bool(np.abs(values.sum(axis=1) - 1).max() < 1e-2)  # as near as half precision comes


def kind_of_outputs(function: Callable[..., Any], shape: tuple[int, ...]) -> str:
    """How a network's logits are to be had, from its graph and from its outputs for varied inputs.

    TensorFlow only.

    Args:
        function: From inputs to `(n, classes)` outputs.
        shape: Shape of one input.

    Returns:
        `BEFORE` if the last thing the graph computes is a softmax or sigmoid, `LOGARITHM` if the outputs
        are probabilities all the same, of which a warning tells, else `RETURNED`.
    """
    import tensorflow as tf

    found = []

    @tf.function(autograph=False)
    def traced(x: Tensor) -> Tensor:
        outputs = function(x)
        found.append(_squashing(outputs))
        return tf.cast(outputs, tf.float32)

    values = traced(tf.constant(varied_inputs(shape)))
    probabilities = are_probabilities(values)
    if found[-1] is not None and (probabilities or found[-1].type == "Sigmoid"):
        return BEFORE
    if probabilities:
        warn_of_logarithm()
        return LOGARITHM
    return RETURNED


def warn_of_logarithm() -> None:
    """Says that logits are made from probabilities, which loses what those have rounded away."""
    warnings.warn(
        "The network returns probabilities, and no final softmax or sigmoid can be left out to get logits; "
        "their logarithm is taken. Gradients vanish where a prediction is certain.",
        stacklevel=2,
    )


def as_logits(outputs: Tensor, kind: str) -> Tensor:
    """`(batch, classes)` float32 logits from the outputs of a network of this kind.

    To be called where a `tf.function` is traced. A single output, the second class's, gets a zero
    beside it.
    """
    if kind == BEFORE:
        outputs = ops.reshape(_squashing(outputs).inputs[0], ops.shape(outputs))
    outputs = ops.cast(outputs, "float32")
    if kind == LOGARITHM:
        outputs = _logarithm(outputs)
    return ops.concatenate([ops.zeros_like(outputs), outputs], axis=-1) if outputs.shape[-1] == 1 else outputs


def _logarithm(probabilities: Tensor) -> Tensor:
    logits = ops.log(ops.maximum(probabilities, _SMALLEST))
    if probabilities.shape[-1] > 1:
        return logits
    return logits - ops.log(ops.maximum(1 - probabilities, _SMALLEST))


def _squashing(outputs: Tensor) -> Any:
    """The softmax or sigmoid whose values, perhaps reshaped, are these of a graph; or `None`."""
    operation = outputs.op
    while operation.type in _SAME_VALUES:
        operation = operation.inputs[0].op
    return operation if operation.type in _SQUASHING else None
