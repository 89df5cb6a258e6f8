"""Gradients of several outputs of a network in its input, from one forward pass."""

from collections.abc import Callable

import tensorflow as tf

from keras_selectivity._exported import finite
from keras_selectivity._types import Tensor
from keras_selectivity.robustness._attack import no_gradient
from keras_selectivity.robustness._ball import axes


def squared_norms(pulled_back: Callable[[Tensor], Tensor | None], indices: Tensor) -> Tensor:
    """Squared lengths of gradients, one after the other; for use in a `tf.function`.

    One forward pass, then one backward pass for each gradient. On CPUs this loop beats the
    vectorised backward pass of `batch_jacobian`, and it needs the memory of a few passes only.

    Args:
        pulled_back: Function of an index that returns a gradient in the input, `(n, ...)`, or `None`.
        indices: `(k,)` int32.

    Returns:
        `(n, k)`, for each sample and gradient.

    Raises:
        InputError: There is no gradient.
    """

    def squared_norm(index: Tensor) -> Tensor:
        gradient = pulled_back(index)
        if gradient is None:
            raise no_gradient()
        return tf.reduce_sum(finite(gradient, "gradients in the input") ** 2, axis=axes(gradient))

    return tf.transpose(tf.map_fn(squared_norm, indices, fn_output_signature=tf.float32))
