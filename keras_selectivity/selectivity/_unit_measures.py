"""Measures of single units that need all samples at once: precision, mutual information, activity."""

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._types import Array


def precision(activations: Array, labels: ArrayLike, *, top: int | None = None, seed: int = 0) -> Array:
    """Share of the most common class among the samples that activate a unit most.

    (Zhou et al. 2015; "Selectivity considered harmful", appendix A.13.)

    Args:
        activations: `(samples, units)`.
        labels: `(samples,)` integers.
        top: How many samples to take. Defaults to the mean number of samples per class.
        seed: Seed of the order of samples with equal activation; a dead unit is all ties, and its
            precision is that of a random draw.

    Returns:
        `(units,)` float64 in [1 / classes, 1].

    Raises:
        ValueError: `top` is not between 1 and the number of samples.
    """
    labels = np.unique(labels, return_inverse=True)[1]
    samples, classes = len(labels), labels.max() + 1
    top = samples // classes if top is None else top
    if not 1 <= top <= samples:
        raise ValueError(f"top must lie between 1 and the {samples} samples. Received: {top}.")
    rng = np.random.default_rng(seed)
    found = np.empty(activations.shape[1])
    for unit in range(len(found)):
        shuffled = rng.permutation(samples)
        order = shuffled[np.argsort(-activations[shuffled, unit], kind="stable")[:top]]
        found[unit] = np.bincount(labels[order]).max() / top
    return found


def mutual_information(activations: Array, labels: ArrayLike, *, bins: int = 100) -> Array:
    """Mutual information of a unit's activation and the class, in bits.

    Activations are put into equally populated bins, exact zeros into one of their own; plug-in
    estimate with the correction of Miller and Madow. The papers do not state their estimator; this
    one is our definition. ("Selectivity considered harmful", appendix A.13.)

    Args:
        activations: `(samples, units)`.
        labels: `(samples,)` integers.
        bins: Number of bins for activations that are not zero. Defaults to 100.

    Returns:
        `(units,)` float64, at least 0.
    """
    labels = np.unique(labels, return_inverse=True)[1]
    classes = labels.max() + 1
    found = np.empty(activations.shape[1])
    for unit in range(len(found)):
        joint = np.zeros([bins + 1, classes])
        np.add.at(joint, (_bins(activations[:, unit], bins), labels), 1)
        sides = joint.sum(axis=0), joint.sum(axis=1), joint.ravel()
        entropies = [_entropy(counts) for counts in sides]
        found[unit] = entropies[0] + entropies[1] - entropies[2]
    return found.clip(0)


def active_share(activations: ArrayLike) -> Array:
    """Share of samples that activate each unit: `(samples, units)` to `(units,)`.

    A unit is sparse if it is below one half. ("Selectivity considered harmful", appendix A.11.)
    """
    return (np.asarray(activations) > 0).mean(axis=0)


def _bins(values: Array, bins: int) -> Array:
    """Bin of every value: 0 for zeros, equally populated ones from 1 for the others."""
    found = np.zeros(len(values), int)
    other = values != 0
    if other.any():
        edges = np.unique(np.quantile(values[other], np.arange(1, bins) / bins))
        found[other] = 1 + np.searchsorted(edges, values[other], side="left")
    return found


def _entropy(counts: Array) -> float:
    """Entropy in bits with the correction of Miller and Madow."""
    counts = counts[counts > 0]
    shares = counts / counts.sum()
    return -(shares * np.log2(shares)).sum() + (len(counts) - 1) / (2 * counts.sum() * np.log(2))
