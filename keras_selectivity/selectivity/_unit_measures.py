"""Measures of single units that need all samples at once: precision, mutual information, activity."""

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._checks import real_array
from keras_selectivity._errors import InputError
from keras_selectivity._samples import checked_labels
from keras_selectivity._types import Array

_MOST_CELLS = 1_000_000  # of the activations, or of the counts, that are looked at together


def precision(activations: ArrayLike, labels: ArrayLike, *, top: int | None = None, seed: int = 0) -> Array:
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
        InputError: Activations or labels are not of their kind, or there are none.
        ValueError: `top` is not between 1 and the number of samples.
    """
    activations, labels = _checked(activations, labels)
    samples, classes = len(labels), labels.max() + 1
    top = samples // classes if top is None else top
    if not 1 <= top <= samples:
        raise ValueError(f"top must lie between 1 and the {samples} samples. Received: {top}.")
    rng = np.random.default_rng(seed)
    found = np.empty(activations.shape[1])
    for unit in range(len(found)):
        shuffled = rng.permutation(samples)
        order = shuffled[np.argsort(-activations[shuffled, unit].astype(np.float64), kind="stable")[:top]]
        found[unit] = np.bincount(labels[order]).max() / top
    return found


def information_bins(labels: ArrayLike) -> int:
    """Bins into which `mutual_information` puts activations, by the samples per class.

    As many as leave five samples of a class for each bin, from 2 to 100. More bins than that resolve chance: the bias
    of the plain estimate grows with bins times classes over samples, and is 1.4 bits for 100 bins, 200 classes and
    10,000 samples. Of 1,000 samples per class come 100 bins, of 50 come 10.
    """
    labels = np.asarray(labels)
    return int(np.clip(len(labels) // len(np.unique(labels)) // 5, 2, 100))


def mutual_information(
    activations: ArrayLike, labels: ArrayLike, *, bins: int | None = None, shuffles: int = 5, seed: int = 0
) -> Array:
    """Mutual information of a unit's activation and the class, in bits, beyond that of shuffled labels.

    Activations are put into equally populated bins, exact zeros into one of their own; the plug-in estimate with the
    correction of Miller and Madow, less its mean over shuffles of the labels, which is what chance gives. Miller and
    Madow's term lets few cells that many samples share count for less than the many cells of chance. The papers do not
    state their estimator; this one is our definition. ("Selectivity considered harmful", appendix A.13.)

    Args:
        activations: `(samples, units)`.
        labels: `(samples,)` integers.
        bins: Number of bins for activations that are not zero. Defaults to `information_bins(labels)`.
        shuffles: How often the labels are shuffled; the same for all units. Defaults to 5.
        seed: Seed of the shuffles.

    Returns:
        `(units,)` float64, at least 0.

    Raises:
        InputError: Activations or labels are not of their kind, or there are none.
        ValueError: There is no bin, or no shuffle.
    """
    activations, labels = _checked(activations, labels)
    bins = information_bins(labels) if bins is None else bins
    if bins < 1 or shuffles < 1:
        raise ValueError(f"There must be a bin and a shuffle. Received: bins={bins}, shuffles={shuffles}.")
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(labels) for _ in range(shuffles)]
    found = np.empty(activations.shape[1])
    together = max(1, _MOST_CELLS // max(activations.shape[0], (bins + 1) * (labels.max() + 1)))
    for start in range(0, len(found), together):
        part = slice(start, start + together)
        places = _bins(activations[:, part], bins)
        # Shuffling changes neither the entropy of the bins nor that of the classes.
        chance = np.mean([_joint_entropy(places, each, bins + 1) for each in shuffled], axis=0)
        found[part] = chance - _joint_entropy(places, labels, bins + 1)
    return found.clip(0)


def active_share(activations: ArrayLike) -> Array:
    """Share of samples that activate each unit: `(samples, units)` to `(units,)`.

    A unit is sparse if it is below one half. ("Selectivity considered harmful", appendix A.11.)
    """
    return (np.asarray(activations) > 0).mean(axis=0)


def _checked(activations: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    """Activations `(samples, units)`, and labels as the numbers 0, 1, ... of the classes that are there."""
    activations = real_array("Activations", activations)
    if activations.ndim != 2 or not activations.size:
        raise InputError(
            f"Activations must be (samples, units), some of each. Received: shape {activations.shape}."
        )
    if not np.isfinite(activations).all():
        raise InputError("Activations must be finite; got NaN or infinity.")
    return activations, np.unique(checked_labels(labels, len(activations)), return_inverse=True)[1]


def _bins(values: Array, bins: int) -> Array:
    """Bin of every value, `(samples, units)` to `(units, samples)`: 0 for zeros, from 1 equally populated ones for
    others.

    Equal values are in one bin.
    """
    values = np.ascontiguousarray(values.T)
    places = np.where(values == 0, np.inf, values)  # zeros behind all others
    order = np.argsort(places, axis=1, kind="stable")
    ordered = np.take_along_axis(places, order, axis=1)
    ranks = np.arange(values.shape[1])
    # A value has the rank of the first that is equal.
    first = np.zeros(values.shape, int)
    first[:, 1:] = np.where(ordered[:, 1:] > ordered[:, :-1], ranks[1:], 0)
    first = np.maximum.accumulate(first, axis=1)
    others = (values != 0).sum(axis=1, keepdims=True)
    found = np.empty_like(first)
    np.put_along_axis(found, order, np.where(ranks < others, 1 + first * bins // others.clip(1), 0), axis=1)
    return found


def _joint_entropy(places: Array, labels: Array, bins: int) -> Array:
    """Entropy of bin and class of every unit, in bits, with the correction of Miller and Madow.

    Args:
        places: `(units, samples)` bins.
        labels: `(samples,)` classes.
        bins: How many bins there are.
    """
    units, samples = places.shape
    classes = labels.max() + 1
    cells = (np.arange(units)[:, None] * bins + places) * classes + labels
    counts = np.bincount(cells.ravel(), minlength=units * bins * classes).reshape(units, -1)
    filled = np.arange(1, samples + 1)
    terms = np.concatenate([[0], filled * np.log2(filled)])
    entropies = np.log2(samples) - terms[counts].sum(axis=1) / samples
    return entropies + ((counts > 0).sum(axis=1) - 1) / (2 * samples * np.log(2))
