import numpy as np
import pytest
import reference

from keras_selectivity import ClassStatistics


def filled(values, labels, classes=4, chunk=7):
    statistics = ClassStatistics(classes, values.shape[1])
    for start in range(0, len(values), chunk):
        statistics.update(values[start : start + chunk], labels[start : start + chunk])
    return statistics


@pytest.fixture(name="data")
def _data():
    rng = np.random.default_rng(1)
    values = np.maximum(rng.normal(0.2, 1, (101, 5)), 0)
    values[:, 2] = 0
    return values, rng.integers(0, 4, 101)


def test_chunks_give_the_statistics_of_the_whole(data):
    values, labels = data
    statistics = filled(values, labels)
    np.testing.assert_allclose(
        statistics.selectivity(), reference.selectivity_index(values, labels), atol=1e-13
    )
    np.testing.assert_allclose(
        statistics.discriminability(), reference.discriminability(values, labels), rtol=1e-9
    )
    np.testing.assert_allclose(statistics.means, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(statistics.deviations, values.std(axis=0), atol=1e-12)
    assert statistics.dead.tolist() == [False, False, True, False, False]
    best = [int(np.argmax([u[labels == c].mean() for c in range(4)])) for u in values.T]
    assert statistics.preferred_class.tolist() == best


def test_shift_is_the_minimum_over_the_data_set(data):
    values, labels = data
    negative = values - 2.0
    shifted = negative - negative.min(axis=0)
    got = filled(negative, labels).selectivity(np.full(5, True))
    np.testing.assert_allclose(got, reference.selectivity_index(shifted, labels), atol=1e-12)


def test_a_million_float32_samples_lose_no_precision():
    statistics = ClassStatistics(2, 1)
    chunk = np.full((100_000, 1), np.float32(0.1))
    for label in (0, 1):
        for _ in range(5):
            statistics.update(chunk * (1 + label), np.full(100_000, label))
    assert statistics.class_means[0, 0] == pytest.approx(float(np.float32(0.1)), rel=1e-12)


@pytest.mark.parametrize(
    ("values", "labels", "message"),
    [
        (np.zeros((2, 3)), [0, 1], "Expected activations of shape"),
        (np.zeros((2, 5)), [0, 4], "classes 0 to 3.*from 0 to 4"),
        (np.zeros((2, 5)), [-1, 0], "classes 0 to 3.*from -1 to 0"),
        (np.zeros((2, 5)), [0.0, 0.5], "integer labels.*float64"),
        (np.full((2, 5), np.nan), [0, 1], "not finite"),
    ],
)
def test_bad_input_is_named(values, labels, message):
    with pytest.raises(ValueError, match=message):
        ClassStatistics(4, 5).update(values, np.array(labels))
