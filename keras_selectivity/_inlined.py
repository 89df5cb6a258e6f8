"""A function of a SavedModel as part of the graph that calls it."""

from typing import Any

from keras_selectivity._types import Tensor


def inlined(function: Any, x: Tensor) -> dict[str, Tensor]:
    """What a restored function returns for a tensor, without a call: gradients go through what they need only.

    A gradient that someone has defined is bound to the graph it was read into. With one in it, the function is called.

    Args:
        function: Of one tensor, returns a dict of tensors.
        x: A tensor of the graph that is being built.
    """
    import tensorflow as tf

    from keras_selectivity._keras_private import frozen

    with tf.init_scope():  # not in the graph that is being built
        concrete = function.get_concrete_function(tf.TensorSpec(x.shape, x.dtype))
        whole = frozen(concrete)
        graph = whole.graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    if any("_gradient_op_type" in node.attr for node in nodes):
        found: dict[str, Tensor] = function(x)
        return found
    values = tf.graph_util.import_graph_def(
        graph,
        input_map={whole.inputs[0].name: x},
        return_elements=[output.name for output in whole.outputs],
        name="",
    )
    return dict(zip(sorted(concrete.structured_outputs), values, strict=True))
