"""Precision and mutual information in closed form."""

import numpy as np
import pytest

from keras_selectivity.selectivity import active_share
from keras_selectivity.selectivity import mutual_information
from keras_selectivity.selectivity import precision

LABELS = np.repeat(np.arange(5), 40)


def entropy(*shares):
    return -sum(p * np.log2(p) for p in shares if p)


def test_precision_counts_the_top_samples():
    activations = np.zeros([200, 3])
    activations[LABELS == 2, 0] = 1  # one class only
    top = np.concatenate([np.flatnonzero(LABELS == 1)[:30], np.flatnonzero(LABELS == 4)[:10]])
    activations[top, 1] = np.linspace(1, 2, 40)  # 30 of one class among the 40 largest
    found = precision(activations, LABELS)
    assert found[:2].tolist() == [1.0, 0.75]
    assert precision(activations, LABELS, top=10)[1] == 1.0  # the ten largest are those of class 4
    assert precision(activations, LABELS, top=200).tolist() == [0.2] * 3


def test_ties_are_drawn_not_taken_in_order():
    dead = np.zeros([200, 400])
    found = precision(dead, LABELS, top=40)
    # 40 random samples of 5 classes: the largest class has about 11 of them, never all 40.
    assert 0.2 < found.mean() < 0.35 and found.max() < 0.6
    np.testing.assert_array_equal(found, precision(dead, LABELS, top=40))
    assert not np.array_equal(found, precision(dead, LABELS, top=40, seed=1))
    with pytest.raises(ValueError, match="between 1 and the 200 samples"):
        precision(dead, LABELS, top=201)


def test_mutual_information_of_known_channels():
    labels = np.repeat([0, 1], 5000)
    rng = np.random.default_rng(0)
    flipped = labels ^ (np.arange(10_000) % 10 == 0)  # exactly a tenth of each class
    activations = np.stack(
        [
            labels * 3.0,
            flipped * 2.0,
            rng.random(10_000),
            np.ones(10_000),
            labels * 1.0 + 1 + rng.random(10_000),
        ],
        axis=1,
    )
    found = mutual_information(activations, labels)
    np.testing.assert_allclose(found[0], 1, atol=1e-3)
    np.testing.assert_allclose(found[1], 1 - entropy(0.1, 0.9), atol=1e-3)
    # Without the correction the plug-in estimate of an independent unit would be 99 / (2 n ln 2) = 0.007.
    assert found[2] < 0.003
    assert found[3] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(found[4], 1, atol=0.01)
    classes = np.arange(10_000) % 5
    np.testing.assert_allclose(mutual_information(classes[:, None] + 1.0, classes), np.log2(5), atol=1e-3)


def test_zeros_have_a_bin_of_their_own():
    """Half of one class is silent; the other values carry nothing: I = H(Z) - H(Z | class)."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 10_000)
    values = rng.random(20_000) + 0.5
    values[:5000] = 0
    found = mutual_information(values[:, None], labels, bins=20)[0]
    assert found == pytest.approx(entropy(0.25, 0.75) - 0.5 * entropy(0.5, 0.5), abs=2e-3)


def test_active_share():
    assert active_share(np.array([[0.0, 1, -1], [0, 2, 3]])).tolist() == [0, 1, 0.5]
