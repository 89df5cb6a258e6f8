"""Class-conditional sums of a batch, and the mean selectivity that follows from them."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from keras import ops

from keras_selectivity._types import Tensor
from keras_selectivity.selectivity._index import class_discriminability
from keras_selectivity.selectivity._index import mean_over_layers
from keras_selectivity.selectivity._index import selectivity_index

METRICS = ("selectivity", "discriminability")
"""Names of the metrics that training can regularise; a function is another."""
Metric: TypeAlias = str | Callable[[Tensor, Tensor], Tensor]
"""One of `METRICS`, or a function of `(classes, units)` class means and `(classes,)` counts that returns `(units,)`
values."""


def class_weights(labels: Tensor, classes: int, sample_weight: Tensor = None) -> Tensor:
    """How much each sample counts towards each class.

    Args:
        labels: `(batch,)` or `(batch, 1)` integers in [0, classes), or `(batch, classes)` one-hot
            rows (or class probabilities, which then share a sample between classes).
        classes: Number of classes.
        sample_weight: `(batch,)` or `(batch, 1)` non-negative weights; a sample of weight 2 counts
            as if it stood in the batch twice, one of weight 0 as if it were absent.

    Returns:
        `(batch, classes)` float32.

    Raises:
        ValueError: The labels have another rank or width.
    """
    shape = tuple(labels.shape)
    if len(shape) == 2 and shape[1] == classes and classes > 1:
        weights = ops.cast(labels, "float32")
    elif len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        weights = ops.one_hot(ops.cast(ops.reshape(labels, (-1,)), "int32"), classes, dtype="float32")
    else:
        raise ValueError(
            f"Labels must be integers of shape (batch,) or (batch, 1), or one-hot rows of shape "
            f"(batch, {classes}). Received: shape {shape}."
        )
    if sample_weight is not None:
        if len(sample_weight.shape) > 2:
            raise ValueError(
                f"sample_weight must hold one weight a sample. Received: shape {tuple(sample_weight.shape)}."
            )
        weights = weights * ops.cast(ops.reshape(sample_weight, (-1, 1)), "float32")
    return weights


def _identity(tensor: Tensor) -> Tensor:
    return tensor


@dataclass(frozen=True)
class Reduction:
    """How one shard's sums become those of the whole batch.

    The default is that of an unsharded batch.

    Attributes:
        all_reduce: Differentiable sum over the shards of a float32 tensor.
        shard: Index of this shard (int or scalar tensor).
        shards: Number of shards.
    """

    all_reduce: Callable[[Tensor], Tensor] = _identity
    shard: Tensor = 0
    shards: int = 1


def batch_selectivity(
    unit_means: Tensor,
    weights: Tensor,
    units_per_layer: Sequence[int],
    *,
    metric: Metric,
    shifted: Sequence[bool],
    reduction: Reduction | None = None,
) -> Tensor:
    """Mean selectivity of a batch: over units within a layer, then over layers.

    The statistics are those of the *global* batch: `reduction` sums one matrix of class sums and
    counts over the shards, so every shard gets the same value, and the index is never averaged
    over shards (an average of indices of small samples is a different, noisier quantity).

    Args:
        unit_means: `(batch, units)` float32, the units of all layers side by side.
        weights: `(batch, classes)` float32 from `class_weights`.
        units_per_layer: Units of each layer.
        metric: `"selectivity"`, `"discriminability"`, or a function of the means of the units in each class and of how
            many samples each class has, which are all of them floats; see `regularize`.
        shifted: One bool a layer: subtract the unit's minimum over the batch first (for
            activations that can be negative, such as leaky ReLU).
        reduction: A `Reduction`.

    Returns:
        Scalar float32. 0 if fewer than two classes are present.
    """
    reduction = reduction or Reduction()
    classes = weights.shape[1]
    if metric == "discriminability":
        return _batch_discriminability(unit_means, weights, units_per_layer, reduction)
    rows = [ops.matmul(ops.transpose(weights), unit_means)]
    counts = ops.sum(weights, axis=0)
    if any(shifted):
        rows.append(_minimum_rows(unit_means, weights, reduction))
    packed = ops.concatenate(rows, axis=0)
    column = ops.concatenate([counts, ops.zeros((packed.shape[0] - classes,), counts.dtype)], axis=0)
    packed = reduction.all_reduce(ops.concatenate([packed, ops.expand_dims(column, 1)], axis=1))
    counts = packed[:classes, -1]
    means = packed[:classes, :-1] / ops.maximum(ops.expand_dims(counts, 1), 1e-12)
    if any(shifted):
        minimum = ops.min(packed[classes:, :-1], axis=0)
        used = [float(s) for s, units in zip(shifted, units_per_layer, strict=True) for _ in range(units)]
        minimum = minimum * ops.convert_to_tensor(used, minimum.dtype)
        means = ops.maximum(means - ops.expand_dims(minimum, 0), 0.0)
    if callable(metric):
        several = ops.sum(ops.cast(counts > 0, "int32")) >= 2
        values = ops.where(several, metric(means, counts), 0.0)
    else:
        values = selectivity_index(means, counts)
    return mean_over_layers(values, units_per_layer)


def _minimum_rows(unit_means: Tensor, weights: Tensor, reduction: Reduction) -> Tensor:
    """Each shard's minima in a row of its own, so that a sum over shards gathers them."""
    # A sample without weight must not set the minimum.
    counted = ops.sum(weights, axis=1, keepdims=True) > 0
    minimum = ops.min(ops.where(counted, unit_means, 3e38), axis=0, keepdims=True)
    row = ops.one_hot(ops.cast(ops.reshape(reduction.shard, (1,)), "int32"), reduction.shards)
    return ops.matmul(ops.transpose(ops.cast(row, "float32")), minimum)


def _batch_discriminability(
    unit_means: Tensor, weights: Tensor, units_per_layer: Sequence[int], reduction: Reduction
) -> Tensor:
    # d' does not change when a constant is added to a unit; centring first keeps E[x^2] - E[x]^2
    # from cancelling in float32.
    total = ops.sum(weights, axis=1, keepdims=True)
    centre = ops.stop_gradient(
        reduction.all_reduce(
            ops.concatenate([ops.sum(total * unit_means, axis=0), ops.reshape(ops.sum(total), (1,))], axis=0)
        )
    )
    centred = unit_means - ops.expand_dims(centre[:-1] / ops.maximum(centre[-1], 1e-12), 0)
    counts = ops.sum(weights, axis=0)
    packed = reduction.all_reduce(
        ops.concatenate(
            [
                ops.matmul(ops.transpose(weights), centred),
                ops.matmul(ops.transpose(weights), centred * centred),
                ops.expand_dims(counts, 1),
            ],
            axis=1,
        )
    )
    units = unit_means.shape[1]
    counts = packed[:, -1]
    divisor = ops.maximum(ops.expand_dims(counts, 1), 1e-12)
    values = class_discriminability(
        packed[:, :units] / divisor, packed[:, units : 2 * units] / divisor, counts
    )
    return mean_over_layers(values, units_per_layer)
