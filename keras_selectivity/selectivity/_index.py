"""The two differentiable single-unit metrics: selectivity index and class discriminability."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_selectivity._types import Tensor

EPSILON = 1e-7
"""Keeps the index of a silent unit at zero."""


def selectivity_index(class_means: Tensor, class_counts: Tensor = None, epsilon: float = EPSILON) -> Tensor:
    """Class selectivity index of every unit from its class-conditional mean activations.

    `(mu_max - mu_rest) / (mu_max + mu_rest + epsilon)`, where `mu_max` is the largest class mean
    of a unit and `mu_rest` the mean of the remaining class means ("Selectivity considered
    harmful", section 3.2, eq. 1). Computed with NumPy, in the arrays' own precision, if every
    argument is a NumPy array, list or number; with `keras.ops`, differentiably, otherwise.

    Args:
        class_means: `(classes, units)` floats, non-negative: mean activation of each unit over
            the samples of each class. Rows of classes without samples are ignored.
        class_counts: `(classes,)` number (or total weight) of samples behind each row; classes
            with count 0 are left out of both the maximum and the mean. `None` means that every
            class is present.
        epsilon: Added to the denominator. Defaults to 1e-7.

    Returns:
        `(units,)` floats in [0, 1]; 0, with a gradient of 0, for a dead unit. All zeros if fewer than two classes are
        present.
    """
    xp = _namespace(class_means, class_counts)
    class_means = _as_float(xp, class_means)
    present = _present(xp, class_means, class_counts)
    mu_max, mu_rest, _ = _max_and_rest(xp, class_means, present)
    total = mu_max + mu_rest
    # The slope at a dead unit would be 1 / epsilon, which overflows in float16 and moves nothing.
    alive = total != 0
    index = xp.where(alive, mu_max - mu_rest, 0.0) / (xp.where(alive, total, 1.0) + epsilon)
    return xp.where(_count_present(xp, present, class_means) >= 2, index, xp.zeros_like(index))


def class_discriminability(
    class_means: Tensor, class_mean_squares: Tensor, class_counts: Tensor, epsilon: float = EPSILON
) -> Tensor:
    """Class discriminability d' of every unit from its class-conditional first two moments.

    `(mu_max - mu_rest) / (sqrt((var_max + var_rest) / 2) + epsilon)`: `var_max` is the variance
    over the samples of the preferred class, `var_rest` that over all samples of the other classes
    ("Selectivity considered harmful", appendix A.14; the square root is part of the standard
    definition). Invariant to adding a constant to a unit's activations. NumPy or `keras.ops` as
    in `selectivity_index`.

    Args:
        class_means: `(classes, units)` floats: mean activation by class.
        class_mean_squares: `(classes, units)` floats: mean squared activation by class.
        class_counts: `(classes,)` number (or total weight) of samples behind each row; classes
            with count 0 are left out.
        epsilon: Added to the pooled standard deviation. Defaults to 1e-7.

    Returns:
        `(units,)` non-negative floats. All zeros if fewer than two classes are present.
    """
    xp = _namespace(class_means, class_mean_squares, class_counts)
    class_means = _as_float(xp, class_means)
    class_mean_squares = _as_float(xp, class_mean_squares)
    present = _present(xp, class_means, class_counts)
    counts = xp.where(present, xp.reshape(_as_float(xp, class_counts), (-1, 1)), 0.0)
    mu_max, mu_rest, is_max = _max_and_rest(xp, class_means, present)

    def variance(weights: Tensor) -> Tensor:
        total = xp.maximum(xp.sum(weights, axis=0), epsilon)
        mean = xp.sum(xp.where(weights > 0, weights * class_means, 0.0), axis=0) / total
        square = xp.sum(xp.where(weights > 0, weights * class_mean_squares, 0.0), axis=0) / total
        return square - mean * mean

    pooled = 0.5 * (variance(xp.where(is_max, counts, 0.0)) + variance(xp.where(is_max, 0.0, counts)))
    # The square root of zero has an infinite slope: a dead unit's gradient would become NaN.
    spread = pooled > 0
    deviation = xp.where(spread, xp.sqrt(xp.where(spread, pooled, 1.0)), 0.0)
    value = (mu_max - mu_rest) / (deviation + epsilon)
    return xp.where(_count_present(xp, present, class_means) >= 2, value, xp.zeros_like(value))


def mean_over_layers(unit_values: Tensor, units_per_layer: Sequence[int]) -> Tensor:
    """Mean over the units of each layer first, then mean over the layers.

    ("Selectivity considered harmful", section 3.3, eq. 3: wide layers do not outweigh narrow
    ones.)

    Args:
        unit_values: `(units,)` floats, the units of all layers one after another.
        units_per_layer: Number of units of each layer, in the same order.

    Returns:
        A scalar of the same kind.
    """
    xp = _namespace(unit_values)
    weights = np.concatenate([np.full(n, 1.0 / (n * len(units_per_layer))) for n in units_per_layer])
    if xp is np:
        return np.sum(unit_values * weights)
    return xp.sum(unit_values * xp.cast(weights, unit_values.dtype))


def _namespace(*arrays: Any) -> Any:
    """NumPy for plain arrays (keeps float64, needs no backend), `keras.ops` for tensors."""
    if all(a is None or isinstance(a, (np.ndarray, np.generic, list, tuple, int, float)) for a in arrays):
        return np
    from keras import ops

    return ops


def _as_float(xp: Any, values: Any) -> Tensor:
    if xp is np:
        values = np.asarray(values)
        return values if values.dtype.kind == "f" else values.astype(np.float64)
    return xp.convert_to_tensor(values)


def _present(xp: Any, class_means: Tensor, class_counts: Tensor) -> Tensor:
    """`(classes, units)` bool: which rows have samples."""
    if len(class_means.shape) != 2:
        raise ValueError(
            f"class_means must have the shape (classes, units). Received: shape {tuple(class_means.shape)}."
        )
    if class_counts is None:
        return xp.ones_like(class_means) > 0
    counts = _as_float(xp, class_counts)
    if tuple(counts.shape) != (class_means.shape[0],):
        raise ValueError(
            f"class_counts must hold one number per class, {class_means.shape[0]} in all. "
            f"Received: shape {tuple(counts.shape)}."
        )
    return xp.logical_and(xp.reshape(counts, (-1, 1)) > 0, xp.ones_like(class_means) > 0)


def _count_present(xp: Any, present: Tensor, like: Tensor) -> Tensor:
    ones = xp.ones_like(like)
    return xp.sum(xp.where(present, ones, xp.zeros_like(like)), axis=0)


def _max_and_rest(xp: Any, class_means: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Largest class mean, mean of the other present class means, and where the largest is."""
    candidates = xp.where(present, class_means, -math.inf)
    classes = class_means.shape[0]
    rows = xp.reshape(xp.arange(classes, dtype="int32"), (-1, 1))
    is_max = rows == xp.expand_dims(xp.argmax(candidates, axis=0), 0)
    is_rest = xp.logical_and(present, xp.logical_not(is_max))
    zero = xp.zeros_like(class_means)
    # Selecting the entries, rather than subtracting the maximum from the sum, keeps the index of a
    # perfectly selective unit at 1 in float32.
    mu_max = xp.sum(xp.where(xp.logical_and(is_max, present), class_means, zero), axis=0)
    others = xp.maximum(_count_present(xp, is_rest, class_means), 1.0)
    mu_rest = xp.sum(xp.where(is_rest, class_means, zero), axis=0) / others
    # A mean of equal numbers can exceed them by a rounding error.
    return mu_max, xp.minimum(mu_rest, mu_max), is_max
