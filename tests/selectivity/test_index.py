import numpy as np
import pytest
import reference
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import keras_selectivity as ks
from keras_selectivity.selectivity import mean_over_layers


def class_means(samples, labels, classes):
    counts = np.array([(labels == c).sum() for c in range(classes)])
    sums = np.array([samples[labels == c].sum(axis=0) for c in range(classes)])
    return sums / np.maximum(counts, 1)[:, None], counts


def test_closed_forms():
    means = np.array([[3.0, 1.0, 0.0, 2.0], [1.0, 1.0, 0.0, 0.0], [2.0, 1.0, 0.0, 0.0]])
    # (3 - 1.5) / 4.5, constant unit, dead unit, perfectly selective unit
    index = ks.selectivity_index(means[:, [0, 1, 3]], epsilon=0.0)
    np.testing.assert_allclose(index, [1 / 3, 0, 1], rtol=1e-15)
    assert ks.selectivity_index(means)[2] == 0


def test_absent_classes_count_neither_as_maximum_nor_in_the_mean():
    means = np.array([[3.0], [1.0], [0.0]])
    index = ks.selectivity_index(means, np.array([5, 5, 0]), epsilon=0.0)
    np.testing.assert_allclose(index, [(3 - 1) / (3 + 1)])


@pytest.mark.parametrize("counts", [[5, 0, 0], [0, 0, 0]])
def test_fewer_than_two_classes_give_zero(counts):
    means = np.array([[3.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    assert np.array_equal(ks.selectivity_index(means, np.array(counts)), [0, 0])
    assert np.array_equal(ks.class_discriminability(means, means**2, np.array(counts)), [0, 0])


@st.composite
def activations(draw):
    classes, units, samples = draw(st.integers(2, 7)), draw(st.integers(1, 6)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    values = np.maximum(rng.normal(0.3, 1, (samples, units)), 0) * 10.0 ** draw(st.integers(-4, 4))
    for unit in range(units):
        kind = draw(st.sampled_from(["relu", "dead", "constant"]))
        if kind != "relu":
            values[:, unit] = 0.0 if kind == "dead" else draw(st.floats(1e-3, 1e3))
    return values, rng.integers(0, classes, samples), classes


@settings(max_examples=80, deadline=None)
@given(activations())
def test_any_shape_matches_the_formula_and_stays_within_bounds(case):
    samples, labels, classes = case
    means, counts = class_means(samples, labels, classes)
    index = ks.selectivity_index(means, counts)
    np.testing.assert_allclose(index, reference.selectivity_index(samples, labels), atol=1e-12)
    single = np.asarray(ks.selectivity_index(tf.constant(means, "float32"), tf.constant(counts)))
    assert single.dtype == np.float32
    for values in (index, single):
        assert np.isfinite(values).all() and (values >= 0).all() and (values <= 1).all()
    np.testing.assert_allclose(single, index, atol=2e-5)


@settings(max_examples=60, deadline=None)
@given(activations())
def test_discriminability_matches_the_formula(case):
    samples, labels, classes = case
    means, counts = class_means(samples, labels, classes)
    squares = class_means(samples**2, labels, classes)[0]
    value = ks.class_discriminability(means, squares, counts)
    assert np.isfinite(value).all() and (value >= 0).all()
    # A variance that is zero but for rounding makes d' arbitrarily large: compare where it is not.
    spread = samples.std(axis=0) > 1e-3 * (samples.mean(axis=0) + 1e-12)
    if len(set(labels.tolist())) > 1:
        expected = reference.discriminability(samples, labels)
        np.testing.assert_allclose(
            value[spread & (expected < 1e3)], expected[spread & (expected < 1e3)], rtol=1e-5
        )


@pytest.mark.parametrize("metric", ["selectivity", "discriminability"])
def test_gradient_against_finite_differences(metric):
    rng = np.random.default_rng(3)
    means = rng.random((5, 4)) + 0.1
    squares = means**2 + rng.random((5, 4)) + 0.1
    counts = np.array([3.0, 1, 4, 0, 2])

    def value(m):
        if metric == "selectivity":
            return ks.selectivity_index(m, tf.constant(counts) if tf.is_tensor(m) else counts)
        if tf.is_tensor(m):
            return ks.class_discriminability(m, tf.constant(squares), tf.constant(counts))
        return ks.class_discriminability(m, squares, counts)

    variable = tf.Variable(means)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(value(tf.convert_to_tensor(variable)))
    gradient = tape.gradient(total, variable).numpy()
    for index in np.ndindex(means.shape):
        step = np.zeros_like(means)
        step[index] = 1e-6
        slope = (value(means + step).sum() - value(means - step).sum()) / 2e-6
        assert gradient[index] == pytest.approx(slope, abs=1e-6)


def test_gradient_of_dead_and_constant_units_is_finite():
    means = tf.Variable(np.array([[0.0, 2.0], [0.0, 2.0], [0.0, 2.0]]))
    with tf.GradientTape() as tape:
        index = ks.selectivity_index(tf.convert_to_tensor(means), tf.constant([1.0, 1, 1]))
        d = ks.class_discriminability(
            tf.convert_to_tensor(means), means * means, tf.constant([1.0, 1, 1], "float64")
        )
        total = tf.reduce_sum(index) + tf.reduce_sum(d)
    assert np.isfinite(tape.gradient(total, means).numpy()).all()


def test_layers_weigh_the_same_whatever_their_width():
    values = np.array([1.0, 0.0, 0.0, 0.5])
    assert mean_over_layers(values, [3, 1]) == pytest.approx((1 / 3 + 0.5) / 2)
    assert float(mean_over_layers(tf.constant(values), [3, 1])) == pytest.approx((1 / 3 + 0.5) / 2)


def test_wrong_rank_is_named():
    with pytest.raises(ValueError, match=r"\(classes, units\)"):
        ks.selectivity_index(np.zeros(3))


def test_a_dead_unit_has_no_slope():
    """1 / epsilon would overflow in float16; an alive unit's gradient is that of the formula."""
    means = tf.Variable([[0.0, 3.0], [0.0, 1.0], [0.0, 2.0]])
    with tf.GradientTape() as tape:
        index = ks.selectivity_index(means, tf.constant([4, 4, 4]))
    gradient = tape.gradient(index, means).numpy()
    assert np.array_equal(gradient[:, 0], [0, 0, 0])
    # d/da of (a - r) / (a + r) is 2 r / (a + r)^2; r is the mean of two others.
    np.testing.assert_allclose(gradient[:, 1], [3 / 4.5**2, -3 / 4.5**2, -3 / 4.5**2], rtol=1e-5)
