"""Precision and mutual information in closed form."""

from collections import Counter

import numpy as np
import pytest

from keras_selectivity import InputError
from keras_selectivity.selectivity import active_share
from keras_selectivity.selectivity import information_bins
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
    # Uncorrected, the plug-in estimate of an independent unit would be 99 / (2 n ln 2) = 0.007.
    assert found[2] < 0.003
    assert found[3] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(found[4], 1, atol=0.01)
    classes = np.arange(10_000) % 5
    np.testing.assert_allclose(mutual_information(classes[:, None] + 1.0, classes), np.log2(5), atol=1e-3)


SIZES = {"CIFAR-10": (10, 1000, 100), "Tiny ImageNet": (200, 50, 10), "a part of it": (10, 5, 2)}


@pytest.mark.parametrize(("classes", "per_class", "bins"), SIZES.values(), ids=list(SIZES))
def test_information_is_that_of_the_channel_whatever_the_samples_per_class(classes, per_class, bins):
    labels = np.repeat(np.arange(classes), per_class)
    assert information_bins(labels) == bins
    rng = np.random.default_rng(1)
    noise = rng.random([len(labels), 40])
    half = (labels < classes / 2)[:, None]  # of the classes
    flipped = half ^ (rng.random(noise.shape) < 0.1)
    silent = np.where(half & (rng.random(noise.shape) < 0.5), 0, noise)
    units = {"none": (noise, 0), "whole": (half + noise, 1), "flipped": (flipped + noise, 1 - entropy(0.1, 0.9)),
             "silent": (silent, entropy(0.25, 0.75) - 0.5), "dead": (0 * noise, 0)}  # fmt: skip
    tolerance = 3 / np.sqrt(len(labels)) / np.log(2) + 0.002
    for name, (values, known) in units.items():
        found = mutual_information(values.astype(np.float32), labels)
        assert found.mean() == pytest.approx(known, abs=tolerance), name
        assert found.std() < tolerance and (known or found.max() < 3 * tolerance), name


def test_information_is_what_shuffled_labels_have_less():
    """Against the definition, a value at a time."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    values = np.round(rng.normal(size=[90, 5]) + labels[:, None], 1)
    values[rng.random(values.shape) < 0.2] = 0

    def information(places, labels):
        counts = [Counter(each) for each in (places, labels, zip(places, labels, strict=True))]
        bits = [entropy(*(n / 90 for n in c.values())) + (len(c) - 1) / (180 * np.log(2)) for c in counts]
        return bits[0] + bits[1] - bits[2]

    shuffler = np.random.default_rng(4)
    shuffled = [shuffler.permutation(labels).tolist() for _ in range(2)]
    for unit, found in enumerate(mutual_information(values, labels, bins=4, shuffles=2, seed=4)):
        active = sorted(v for v in values[:, unit] if v)
        places = [1 + 4 * active.index(v) // len(active) if v else 0 for v in values[:, unit]]
        chance = np.mean([information(places, each) for each in shuffled])
        assert found == pytest.approx(max(0, information(places, labels.tolist()) - chance), abs=1e-12)


@pytest.mark.parametrize("wrong", [{"bins": 0}, {"shuffles": 0}], ids=str)
def test_no_bins_or_shuffles_are_refused(wrong):
    with pytest.raises(ValueError, match="a bin and a shuffle"):
        mutual_information(np.ones([4, 1]), [0, 0, 1, 1], **wrong)


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


def test_the_type_of_activations_does_not_matter():
    values = np.random.default_rng(5).integers(0, 4, [200, 3])
    for kind in (np.uint8, np.int32, np.float32):
        np.testing.assert_array_equal(precision(values.astype(kind), LABELS), precision(values * 1.0, LABELS))
    assert precision(values.tolist(), LABELS.tolist()).tolist() == precision(values * 1.0, LABELS).tolist()


@pytest.mark.parametrize("measure", [precision, mutual_information])
@pytest.mark.parametrize(
    ("activations", "labels", "message"),
    [
        (np.zeros([0, 3]), [], "some of each"),
        (np.ones([2, 3], bool), [0, 1], "must be numbers"),
        (np.full([2, 3], np.nan), [0, 1], "finite"),
        (np.ones([2, 3]), [0, 1, 2], "Expected 2 integer labels"),
        (np.ones([2, 3]), [0.0, 1.0], "integer labels"),
    ],
)
def test_other_activations_and_labels_are_refused(measure, activations, labels, message):
    with pytest.raises(InputError, match=message):
        measure(activations, labels)
