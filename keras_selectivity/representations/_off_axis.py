"""Off-axis selectivity: how selective the directions of a layer can be made by rotating its axes."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from scipy import stats

from keras_selectivity._checks import array
from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._progress import Bar
from keras_selectivity._samples import checked_labels
from keras_selectivity._types import Array
from keras_selectivity._types import Tensor
from keras_selectivity.selectivity import EPSILON
from keras_selectivity.selectivity import selectivity_index

LEARNING_RATE = 1e-3
STEPS = 3500
# The papers stop once the loss has changed by less than this for so many steps in a row.
_TOLERANCE, _PATIENCE = 1e-6, 10


@dataclass(frozen=True)
class OffAxisSelectivity:
    """What `off_axis_selectivity` found for one layer, all on the samples to score.

    Attributes:
        value: The estimate of the upper bound: the largest mean selectivity found, not below the
            axis-aligned ones.
        rotated: Mean selectivity along the columns of `rotation`, after the minimum shift.
        axis_aligned: Mean selectivity of the units themselves.
        axis_aligned_shifted: The same after subtracting every unit's minimum, as is done after the
            rotation; to be compared with `rotated`.
        rotation: `(units, units)` orthonormal.
        start: Which start won: `"identity"`, or `"random"`.
        steps: Steps of the start that won.
    """

    value: float
    rotated: float
    axis_aligned: float
    axis_aligned_shifted: float
    rotation: np.ndarray
    start: str
    steps: int


def off_axis_selectivity(
    fit: ArrayLike,
    fit_labels: ArrayLike,
    score: ArrayLike,
    score_labels: ArrayLike,
    *,
    random_starts: int = 1,
    steps: int = STEPS,
    seed: int = 0,
    verbose: int = 1,
) -> OffAxisSelectivity:
    """Searches the orthonormal basis of a layer with the largest mean class selectivity.

    W = Q (I - S/2)^-1 (I + S/2) with skew-symmetric S minimises 1 - mean selectivity of the columns
    of `fit @ W`, from which their minima are subtracted; by Adam, from the identity and from random
    rotations Q. What the papers call an upper bound is an estimate from below of the best basis: the
    shift makes the search hard, so several starts are made and the best is kept. ("Selectivity
    considered harmful", appendix A.7.)

    Args:
        fit: `(n, units)` activations to fit the basis on (validation samples).
        fit_labels: `(n,)` their integer labels.
        score: `(m, units)` activations to score it on (test samples); their minima are taken anew.
        score_labels: `(m,)` their integer labels.
        random_starts: Random rotations to start from besides the identity. Defaults to 1.
        steps: Most steps of a start. Defaults to 3,500.
        seed: Seed of the random rotations.
        verbose: 0 shows no progress bar.

    Returns:
        An `OffAxisSelectivity`.

    Raises:
        InputError: Shapes do not fit, activations are not finite, or fewer than two classes.
    """
    fit, fit_labels = _checked("to fit on", fit, fit_labels)
    score, score_labels = _checked("to score on", score, score_labels)
    random_starts, steps = whole_number("random_starts", random_starts, 0), whole_number("steps", steps, 1)
    seed = whole_number("seed", seed, 0)
    units = fit.shape[1]
    if score.shape[1] != units:
        raise InputError(f"The activations have {units} units to fit on and {score.shape[1]} to score on.")
    starts = [("identity", np.eye(units))]
    for number in range(random_starts if units > 1 else 0):
        rotation = stats.special_ortho_group.rvs(units, random_state=np.random.default_rng([seed, number]))
        starts.append(("random", rotation))
    with Bar(len(starts) * steps, "step", verbose) as progress:
        found = [(*_fit(fit, fit_labels, base, steps, progress), name) for name, base in starts]
    _, rotation, taken, start = min(found, key=lambda entry: entry[0])
    rotated = shifted_selectivity(score @ rotation, score_labels)
    aligned = float(selectivity_index(*_class_means(score, score_labels)).mean())
    shifted = shifted_selectivity(score, score_labels)
    return OffAxisSelectivity(
        max(rotated, aligned, shifted), rotated, aligned, shifted, rotation, start, taken
    )


def shifted_selectivity(activations: Array, labels: Array) -> float:
    """Mean selectivity of the columns after their minima are subtracted."""
    means, counts = _class_means(activations, labels)
    return float(selectivity_index(means - activations.min(axis=0), counts).mean())


def _class_means(activations: Array, labels: Array) -> tuple[Array, Array]:
    one_hot = (labels[:, None] == np.unique(labels)).astype(np.float64)
    counts = one_hot.sum(axis=0)
    return one_hot.T @ activations / counts[:, None], counts


def _checked(what: str, activations: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    activations = array(f"The activations {what}", activations, "samples", "units")
    labels = checked_labels(labels, len(activations))
    if not activations.size:
        raise InputError(f"The activations {what} are empty. Received: shape {activations.shape}.")
    if len(np.unique(labels)) < 2:
        raise InputError(f"The samples {what} must be of at least two classes.")
    return activations, labels


def _fit(
    activations: Array, labels: Array, base: Array, steps: int, progress: Any
) -> tuple[float, Array, int]:
    """Loss, rotation and number of steps of one start."""
    units = activations.shape[1]
    data = tf.constant(activations, tf.float32)
    means = tf.constant(_class_means(activations, labels)[0], tf.float32)
    base, eye = tf.constant(base, tf.float32), tf.eye(units)
    free = tf.Variable(tf.zeros([units, units]))
    best = tf.Variable(tf.zeros([units, units]))
    lowest = tf.Variable(np.float32(np.inf))
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    optimizer.build([free])
    others = tf.cast(tf.shape(means)[0] - 1, tf.float32)

    def rotation() -> Tensor:
        half = (free - tf.transpose(free)) / 2
        return base @ tf.linalg.solve(eye - half, eye + half)

    @tf.function(autograph=False)
    def step() -> Tensor:
        with tf.GradientTape() as tape:
            w = rotation()
            shifted = means @ w - tf.reduce_min(data @ w, axis=0)
            top = tf.reduce_max(shifted, axis=0)
            rest = (tf.reduce_sum(shifted, axis=0) - top) / others
            loss = 1 - tf.reduce_mean((top - rest) / (top + rest + EPSILON))
        gradient = tape.gradient(loss, free)
        better = loss < lowest
        best.assign(tf.where(better, free, best))
        lowest.assign(tf.minimum(loss, lowest))
        optimizer.apply([gradient], [free])
        return loss

    before, calm, taken = np.inf, 0, 0
    while taken < steps and calm < _PATIENCE:
        loss = float(step())
        taken += 1
        calm = calm + 1 if abs(loss - before) < _TOLERANCE else 0
        before = loss
        progress.add()
    free.assign(best)
    return float(lowest), rotation().numpy().astype(np.float64), taken
