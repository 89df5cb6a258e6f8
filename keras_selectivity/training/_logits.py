"""The logits of a classifier, also of one that ends in a softmax or a sigmoid, wherever that stands."""

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_selectivity._types import Array
from keras_selectivity._types import Tensor

# What a classifier returns, as `run.json` says it.
RETURNED = "as returned"
"""`run.json` of a classifier whose outputs are its logits."""
BEFORE = "before the final softmax or sigmoid"
LOGARITHM = "logarithm of the probabilities"
"""`run.json` of a classifier whose logits could only be had from its probabilities."""

_SQUASHING = ("Softmax", "Sigmoid")
_SAME_VALUES = ("Identity", "Reshape", "Squeeze", "ExpandDims", "Cast")
_SMALLEST = 1e-30


def varied_inputs(shape: tuple[int, ...], dtype: str = "float32", seed: int = 0) -> Array:
    """Eight inputs by which probabilities are told from logits: noise of several scales, black and white.

    Args:
        shape: Shape of one input.
        dtype: Type of the inputs; integers are 0 and 1, text is letters.
        seed: Seed of the noise.

    Returns:
        `(8, *shape)`.
    """
    rng = np.random.default_rng(seed)
    if dtype == "string":
        return rng.choice(list("abcdefgh"), (8, *shape)).astype(object)
    if not dtype.startswith(("float", "bfloat")):
        return rng.integers(0, 2, (8, *shape)).astype(dtype)
    noise = rng.random((6, *shape), np.float32)
    noise[2:4] *= 255
    noise[4:6] = rng.standard_normal((2, *shape), np.float32)
    return np.concatenate([noise, np.zeros((1, *shape), np.float32), np.ones((1, *shape), np.float32)])


def as_flags(inputs: Array) -> Array:
    """Varied inputs made such that what embeds them finds rows for them; those that are no floats as they are."""
    return inputs.clip(0, 1) if inputs.dtype.kind == "f" else inputs


def are_probabilities(values: Array) -> bool:
    """Whether outputs for varied inputs are probabilities: of classes, or of the second of two.

    Args:
        values: `(n, classes)`, or `(n, 1)`.

    Returns:
        True if none is negative and those of each input sum to one; for a single output, if all lie in
        [0, 1] and they differ.
    """
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values).all(axis=1)]  # where a mask leaves nothing, a mean is none
    if not len(values) or values.min() < 0:
        return False
    if values.shape[1] == 1:
        return bool(values.max() <= 1 and np.ptp(values) > 0)
    return bool(np.abs(values.sum(axis=1) - 1).max() < 1e-2)  # as near as half precision comes


def kind_of_outputs(function: Callable[..., Any], inputs: Any) -> str:
    """How a network's logits are to be had, from its graph and from its outputs for varied inputs.

    TensorFlow only.

    Args:
        function: From inputs to `(n, classes)` outputs.
        inputs: Several `varied_inputs`, in the structure that the function takes.

    Returns:
        `BEFORE` if the last thing the graph computes is a softmax or sigmoid, `LOGARITHM` if the outputs
        are probabilities all the same, of which a warning tells, else `RETURNED`.
    """
    import tensorflow as tf

    found = []

    @tf.function(autograph=False)
    def traced(x: Tensor) -> Tensor:
        outputs = function(x)
        found.append(squashing(outputs))
        return tf.cast(outputs, tf.float32)

    # TensorFlow warns of functions that are often traced, but not of concrete ones
    concrete = traced.get_concrete_function(keras.tree.map_structure(tf.constant, inputs))
    try:
        values = concrete(keras.tree.map_structure(tf.constant, inputs))
    except tf.errors.InvalidArgumentError:  # what takes floats may embed them, and has not as many rows
        values = concrete(keras.tree.map_structure(lambda x: tf.constant(as_flags(x)), inputs))
    probabilities = are_probabilities(values)
    squashed = found[-1] and found[-1].type
    if squashed == "Sigmoid" or (squashed and probabilities):
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
        outputs = ops.reshape(squashing(outputs).inputs[0], ops.shape(outputs))
    outputs = ops.cast(outputs, "float32")
    if kind == LOGARITHM:
        outputs = _logarithm(outputs)
    return ops.concatenate([ops.zeros_like(outputs), outputs], axis=-1) if outputs.shape[-1] == 1 else outputs


def _logarithm(probabilities: Tensor) -> Tensor:
    logits = ops.log(ops.maximum(probabilities, _SMALLEST))
    if probabilities.shape[-1] > 1:
        return logits
    return logits - ops.log(ops.maximum(1 - probabilities, _SMALLEST))


def squashing(outputs: Tensor) -> Any:
    """The softmax or sigmoid whose values, perhaps reshaped, are these of a TensorFlow graph; or `None`."""
    operation = outputs.op
    while operation.type in _SAME_VALUES:
        operation = operation.inputs[0].op
    return operation if operation.type in _SQUASHING else None
