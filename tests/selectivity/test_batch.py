import numpy as np
import pytest
import reference
import tensorflow as tf
from keras import ops

from keras_selectivity.selectivity import Reduction
from keras_selectivity.selectivity import batch_selectivity
from keras_selectivity.selectivity import class_weights

UNITS = [3, 2]


def two_best(means, counts):
    """Share of a unit's response that its two best classes have: a metric of somebody's own."""
    ordered = ops.sort(means, axis=0)
    return ops.sum(ordered[-2:], axis=0) / ops.maximum(ops.sum(ordered, axis=0), 1e-7)


def batch(seed=0, samples=30, classes=4):
    rng = np.random.default_rng(seed)
    values = np.maximum(rng.normal(0.2, 1, (samples, 5)), 0)
    return values.astype("float32"), rng.integers(0, classes, samples)


def value(values, labels, classes=4, metric="selectivity", shifted=(False, False), weights=None, **kwargs):
    weights = class_weights(tf.constant(labels), classes, None if weights is None else tf.constant(weights))
    return batch_selectivity(
        tf.convert_to_tensor(values), weights, UNITS, metric=metric, shifted=shifted, **kwargs
    )


def test_equals_the_formula():
    values, labels = batch()
    expected = reference.mean_over_layers(reference.selectivity_index(values, labels), UNITS)
    assert float(value(values, labels)) == pytest.approx(expected, abs=1e-6)


def test_discriminability_survives_a_large_offset():
    values, labels = batch()
    expected = reference.mean_over_layers(reference.discriminability(values, labels), UNITS)
    for offset in (0, 300):
        got = float(value(values + np.float32(offset), labels, metric="discriminability"))
        assert got == pytest.approx(expected, rel=2e-4)


def test_label_forms_agree():
    values, labels = batch()
    one_hot = np.eye(4, dtype="float32")[labels]
    for form in (labels[:, None], labels.astype("float32"), one_hot):
        assert float(value(values, form)) == pytest.approx(float(value(values, labels)), abs=1e-7)


def test_weight_two_counts_as_two_samples_and_weight_zero_as_none():
    values, labels = batch()
    weights = np.array([0.0, 1.0, 2.0] * 10, "float32")
    repeated = np.repeat(np.arange(30), weights.astype(int))
    got = float(value(values, labels, weights=weights))
    assert got == pytest.approx(float(value(values[repeated], labels[repeated])), abs=1e-6)


def test_shift_subtracts_each_unit_s_minimum():
    values, labels = batch()
    values = values - 0.7
    shifted = values.copy()
    shifted[:, :3] -= shifted[:, :3].min(axis=0)
    shifted[:, 3:] += 0.7
    values[:, 3:] += 0.7
    expected = reference.mean_over_layers(reference.selectivity_index(shifted, labels), UNITS)
    assert float(value(values, labels, shifted=(True, False))) == pytest.approx(expected, abs=1e-6)


def test_a_function_is_given_class_means_and_numbers():
    values, labels = batch()
    labels = np.where(labels == 3, 0, labels)  # a class without samples
    means = np.array(
        [values[labels == c].mean(axis=0) if c < 3 else np.zeros(5) for c in range(4)], np.float64
    )
    best = np.sort(means, axis=0)[-2:].sum(axis=0) / means.sum(axis=0)
    expected = reference.mean_over_layers(best, UNITS)
    seen = []

    def recording(means, counts):
        seen.append(np.asarray(counts))
        return two_best(means, counts)

    assert float(value(values, labels, metric=recording)) == pytest.approx(expected, abs=1e-6)
    np.testing.assert_array_equal(seen[0], np.bincount(labels, minlength=4))


@pytest.mark.parametrize("metric", ["selectivity", "discriminability", two_best])
def test_shards_see_the_whole_batch(metric):
    """Three shards of different classes, summed by hand, give the value of the whole batch."""
    values, labels = batch()
    order = np.argsort(labels)  # the first shard lacks the last classes
    shards = np.array_split(order, 3)
    shifted = (True, False)

    sums = []  # first pass records every shard's tensors, call by call; later passes replay the sums

    def recording(shard, calls):
        def all_reduce(tensor):
            calls.append(tensor)
            return sums[len(calls) - 1] if len(calls) <= len(sums) else tensor

        return Reduction(all_reduce, shard, 3)

    whole = float(value(values, labels, metric=metric, shifted=shifted))
    for _ in range(2 if metric == "discriminability" else 1):  # one collective each, in turn
        recorded = []
        for number, shard in enumerate(shards):
            calls = []
            value(
                values[shard],
                labels[shard],
                metric=metric,
                shifted=shifted,
                reduction=recording(number, calls),
            )
            recorded.append(calls)
        depth = len(sums)
        sums.append(sum(calls[depth] for calls in recorded))
    for number, shard in enumerate(shards):
        calls = []
        got = value(
            values[shard], labels[shard], metric=metric, shifted=shifted, reduction=recording(number, calls)
        )
        assert float(got) == pytest.approx(whole, rel=1e-5)
        assert len(calls) == len(sums)


def test_one_class_gives_zero_and_a_finite_gradient():
    values, _ = batch()
    for metric in ("selectivity", "discriminability", two_best):
        variable = tf.Variable(values)
        with tf.GradientTape() as tape:
            result = value(tf.convert_to_tensor(variable), np.zeros(30, int), metric=metric)
        assert float(result) == 0
        assert np.array_equal(tape.gradient(result, variable).numpy(), np.zeros_like(values))


@pytest.mark.parametrize("shape", [(5, 3), (5, 2, 2), ()])
def test_wrong_rank_of_labels_is_named(shape):
    with pytest.raises(ValueError, match="Labels must be integers of shape"):
        class_weights(tf.zeros(shape), 4)
