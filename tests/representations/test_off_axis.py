"""Off-axis selectivity: a hidden basis is found, and nothing less than the axes is reported."""

import numpy as np
import pytest
import reference
import tensorflow as tf
from scipy import stats

import keras_selectivity as ks
from keras_selectivity._progress import Bar
from keras_selectivity.representations import off_axis_selectivity
from keras_selectivity.representations._off_axis import _fit


def selective(samples, units=5, seed=0):
    """Units that each respond to one class, on a background; and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(samples) % units
    activations = np.eye(units)[labels] * rng.uniform(0.8, 1.2, [samples, 1])
    return activations + rng.uniform(0, 0.2, [samples, units]), labels


def shifted(activations, labels):
    return reference.selectivity_index(activations - activations.min(axis=0), labels).mean()


def test_selectivity_hidden_by_a_rotation_is_found_again():
    fit, labels = selective(200)
    score, score_labels = selective(300, seed=1)
    hidden = stats.special_ortho_group.rvs(5, random_state=3)
    found = off_axis_selectivity(
        fit @ hidden, labels, score @ hidden, score_labels, random_starts=2, verbose=0
    )
    planted = shifted(score, score_labels)
    assert found.axis_aligned_shifted == pytest.approx(shifted(score @ hidden, score_labels), abs=1e-6)
    assert found.axis_aligned_shifted < planted - 0.2
    assert found.value > planted - 0.03
    assert found.rotated == pytest.approx(shifted(score @ hidden @ found.rotation, score_labels), abs=1e-6)
    np.testing.assert_allclose(found.rotation.T @ found.rotation, np.eye(5), atol=1e-5)


def test_it_never_reports_less_than_the_axes():
    fit, labels = selective(60)
    score, score_labels = selective(60, seed=1)
    found = off_axis_selectivity(fit, labels, score, score_labels, steps=3, verbose=0)
    aligned = reference.selectivity_index(score, score_labels).mean()
    assert found.axis_aligned == pytest.approx(aligned, abs=1e-6)
    assert found.value >= max(found.axis_aligned, found.axis_aligned_shifted, found.rotated)
    assert found.start == "identity"


def test_the_best_iterate_is_kept():
    fit, labels = selective(40)
    hidden = stats.special_ortho_group.rvs(5, random_state=3)
    bar = Bar(None, "step", 0)
    losses = [_fit(fit @ hidden, labels, np.eye(5), steps, bar)[0] for steps in (1, 50, 300)]
    assert losses == sorted(losses, reverse=True) and losses[0] > losses[-1]
    loss, rotation, _ = _fit(fit @ hidden, labels, np.eye(5), 300, bar)
    assert loss == pytest.approx(1 - shifted(fit @ hidden @ rotation, labels), abs=1e-4)


def test_it_stops_when_the_loss_stands_still():
    labels = np.arange(20) % 2
    one = np.where(labels, 1.0, 2.0)[:, None]
    found = off_axis_selectivity(one, labels, one, labels, verbose=0)
    assert found.steps == 11  # the first change is from nothing
    assert found.value == pytest.approx(1, abs=1e-5)  # after the shift one class is silent


def test_bad_input_is_named():
    x, y = selective(20)
    for arguments, message in (
        ((x, y[:-1], x, y), "Expected 20 integer labels"),
        ((x, y, x * np.nan, y), "to score on must be finite"),
        ((x, y * 0, x, y), "to fit on must be of at least two classes"),
        ((x, y, x[:, :3], y), "5 units to fit on and 3 to score on"),
    ):
        with pytest.raises(ks.InputError, match=message):
            off_axis_selectivity(*arguments, verbose=0)


def test_gradient_of_the_search_is_that_of_the_definition():
    """One Adam step from the identity moves every free entry by the learning rate along the descent."""
    fit, labels = selective(40)

    def loss(free):
        half = (free - free.T) / 2
        rotation = np.linalg.solve(np.eye(5) - half, np.eye(5) + half)
        return 1 - shifted(fit @ rotation, labels)

    slope = np.zeros([5, 5])
    for i, j in np.ndindex(5, 5):
        move = np.zeros([5, 5])
        move[i, j] = 1e-5
        slope[i, j] = (loss(move) - loss(-move)) / 2e-5

    bar = Bar(2, "step", 0)
    rotation = _fit(fit, labels, np.eye(5), 2, bar)[1]
    free = -1e-3 * np.sign(slope) * (np.abs(slope) > 1e-4)
    half = (free - free.T) / 2
    expected = np.linalg.solve(np.eye(5) - half, np.eye(5) + half)
    np.testing.assert_allclose(rotation, expected, atol=2e-4)
    assert bar.done == 2 and tf.executing_eagerly()
