"""Gradients of a large batch from micro-batches, with the selectivity of the whole batch."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor


def gradients(
    model: KerasObject,
    x: Tensor,
    y: Tensor,
    sample_weight: Tensor,
    term: Callable[..., Any],
    micro_batch: int,
) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    """Gradients of cross-entropy plus a term of all unit means, in memory for one micro-batch.

    Two passes. The first finds the unit means of every sample; the term's gradient in them is then that
    of the whole batch. The second takes, micro-batch by micro-batch, the gradient of its share of the
    cross-entropy plus the products of unit means and that gradient, which by the chain rule add up to the
    gradient of the whole (gradient caching, Gao et al. 2021). What the first pass changes in the network
    (moving averages, random seeds) is undone before the second, so both see the same.

    Batch norm normalises each micro-batch by itself, as it does on replicas: without it the step is that
    of the whole batch at once.

    Args:
        model: A `SelectivityModel`.
        x: `(batch, ...)` inputs.
        y: Labels.
        sample_weight: `(batch,)` weights, or `None`.
        term: Function from a dict, layer -> `(batch, units)` unit means, to `(value, logged)`: what to add
            to the loss, a scalar or `None`, and what to return with it.
        micro_batch: Samples at a time.

    Returns:
        `(gradients, cross_entropy, outputs, logged)`: a list as `model.trainable_variables`, scaled by the
        optimizer's loss scale; a scalar; `(batch, classes)`; and what the term logged.
    """
    import tensorflow as tf

    count = tf.shape(keras.tree.flatten(x)[0])[0]
    parts = (count + micro_batch - 1) // micro_batch
    state = model.network.non_trainable_variables
    before = [tf.identity(variable) for variable in state]

    def part(values: Any, number: Tensor) -> Any:
        if values is None:
            return None
        return keras.tree.map_structure(
            lambda value: value[number * micro_batch : (number + 1) * micro_batch], values
        )

    names = [tap.name for tap in model.taps if tap.name in model.regularized]
    widths = [tap.units for tap in model.taps if tap.name in model.regularized]

    def collect(number: Tensor, found: Any) -> tuple[Tensor, Tensor]:
        _, means = model.forward(part(x, number), training=True)
        joined = ops.concatenate([means[name] for name in names], axis=1)
        return number + 1, found.write(number, joined)

    array = tf.TensorArray(tf.float32, size=parts, infer_shape=False, element_shape=[None, sum(widths)])
    _, array = tf.while_loop(
        lambda number, _: number < parts, collect, (tf.constant(0), array), parallel_iterations=1
    )
    for variable, value in zip(state, before, strict=True):
        variable.assign(value)
    everything = array.concat()
    with tf.GradientTape() as tape:
        tape.watch(everything)
        split = tf.split(everything, widths, axis=1)
        value, logged = term(dict(zip(names, split, strict=True)))
    pulled = tf.zeros_like(everything) if value is None else tape.gradient(value, everything)

    variables = model.trainable_variables
    classes = model.network.output_shape[-1]

    def accumulate(number: Tensor, sums: Any, total: Tensor, outputs: Tensor) -> tuple[Tensor, ...]:
        inputs, labels, weights, pull = (part(v, number) for v in (x, y, sample_weight, pulled))
        share = tf.cast(tf.shape(pull)[0], tf.float32) / tf.cast(count, tf.float32)
        with tf.GradientTape() as inner:
            logits, means = model.forward(inputs, training=True)
            joined = ops.concatenate([means[name] for name in names], axis=1)
            cross_entropy = model.compute_loss(inputs, labels, logits, weights, training=True) * share
            scaled = model.optimizer.scale_loss(cross_entropy + tf.reduce_sum(joined * pull))
        found = inner.gradient(scaled, variables)
        sums = [s if g is None else s + g for s, g in zip(sums, found, strict=True)]
        return number + 1, sums, total + cross_entropy, outputs.write(number, logits)

    outputs = tf.TensorArray(
        model.network.compute_dtype, size=parts, infer_shape=False, element_shape=[None, classes]
    )
    start = (tf.constant(0), [tf.zeros_like(v) for v in variables], tf.constant(0.0), outputs)
    _, sums, cross_entropy, outputs = tf.while_loop(
        lambda number, *_: number < parts, accumulate, start, parallel_iterations=1
    )
    return sums, cross_entropy, outputs.concat(), logged
