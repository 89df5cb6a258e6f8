"""Traces a function of a model, without running it, on the backend that Keras runs on."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras
from keras import tree


def trace(function: Callable[..., Any], inputs: Any) -> Any:
    """What a compiler sees of a function.

    Args:
        function: Called once, on symbolic tensors of the inputs' shapes. What it assigns to variables is
            forgotten.
        inputs: A batch of arrays.

    Returns:
        A TensorFlow `Graph`, or a JAX `Jaxpr`.
    """
    if keras.backend.backend() == "jax":
        import jax

        with keras.StatelessScope():
            return jax.make_jaxpr(function)(inputs).jaxpr
    import tensorflow as tf

    def stateless(inputs: Any) -> Any:
        with keras.StatelessScope():
            return function(inputs)

    traced = tf.function(stateless, autograph=False)
    return traced.get_concrete_function(tree.map_structure(tf.constant, inputs)).graph


def scope(name: str) -> AbstractContextManager[Any]:
    """A scope whose name is in that of every operation traced inside."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.named_scope(name)
    import tensorflow as tf

    return tf.name_scope(name)
