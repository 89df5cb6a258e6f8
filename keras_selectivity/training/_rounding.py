"""A branch of a network's activations in float32, whose gradient reaches them in their own precision without bias."""

from typing import Any

import keras
from keras import ops

from keras_selectivity._types import Tensor

# Bits of a float32 that a narrower type drops
_DROPPED = {"bfloat16": 16, "float16": 13}


def is_narrow(outputs: Tensor) -> bool:
    """Whether activations have fewer digits than float32."""
    return keras.backend.standardize_dtype(outputs.dtype) in _DROPPED


def widened(outputs: Tensor) -> Tensor:
    """Narrow activations in float32; their gradient is added up there, and rounded at random on the way back.

    A pixel's share of a mean's gradient is far smaller than the gradient that comes from the next layer. Rounded to the
    nearest, their sum is the latter again: biases of ResNet20 lose up to 56 % of what the selectivity asks of them.
    Rounded up or down with probabilities that keep the mean, nothing is lost over the pixels and samples of a batch
    (stochastic rounding, Gupta et al. 2015).
    """
    dtype = keras.backend.standardize_dtype(outputs.dtype)

    @ops.custom_gradient
    def widen(x: Tensor) -> Any:
        def gradient(*arguments: Tensor, upstream: Any = None) -> Tensor:
            (found,) = arguments or upstream
            return round_at_random(found, dtype)

        return ops.cast(x, "float32"), gradient

    return widen(outputs)


def round_at_random(values: Tensor, dtype: str) -> Tensor:
    """Values rounded to one of their two neighbours in a narrower type, each the likelier the nearer it is.

    What decides is the same in every step, and for all samples.

    Args:
        values: `(batch, ...)` float32.
        dtype: `"bfloat16"` or `"float16"`.
    """
    step = 1 << _DROPPED[dtype]
    noise = keras.random.randint(ops.shape(values)[1:], 0, step, dtype="int32", seed=0)
    # The bits of a positive or negative float grow with its size, and cutting some off rounds towards zero.
    bits = ops.bitwise_and(ops.add(ops.view(values, "int32"), noise), -step)
    return ops.cast(ops.view(bits, "float32"), dtype)
