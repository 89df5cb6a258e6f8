"""The logits of a classifier, also of one that ends in a softmax or a sigmoid."""

import keras
from keras import ops

from keras_selectivity.training._instrument import activation_name
from keras_selectivity.training._instrument import probe
from keras_selectivity.training._rebuild import rebuild
from keras_selectivity.training._unit_means import UnitMeans

_PROBABILITIES = ("softmax", "sigmoid")


class _PassThrough(keras.layers.Layer):
    """Stands in for a Softmax layer, whose call may be given a mask."""

    def call(self, inputs, mask=None):
        return inputs


def with_logits(network):
    """A classifier that returns what goes into its final softmax or sigmoid.

    Args:
        network: A built classifier.

    Returns:
        The network itself if its output is no probability, else a copy without the final softmax
        or sigmoid.
    """
    marked = rebuild(
        network,
        lambda path, original, copy: (
            UnitMeans(copy, key=f"?{path}")
            if isinstance(copy, keras.layers.Layer) and activation_name(original) in _PROBABILITIES
            else copy
        ),
    )
    output = probe(marked)[1]
    if output is None or not output.startswith("?"):
        return network

    def swap(path, original, copy):
        if f"?{path}" != output:
            return copy
        if isinstance(copy, keras.layers.Softmax):
            return _PassThrough(name=copy.name)
        copy.activation = keras.activations.linear
        return copy

    return rebuild(network, swap)


def two_sided(logits):
    """`(batch, classes)` logits; a single output, the second class's, gets a zero beside it."""
    return ops.concatenate([ops.zeros_like(logits), logits], axis=-1) if logits.shape[-1] == 1 else logits
