"""In narrow precision the gradient of the selectivity arrives unbiased."""

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from keras_selectivity.training import _unit_means
from keras_selectivity.training._rounding import round_at_random

TYPES = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}


@pytest.mark.parametrize("dtype", TYPES)
def test_rounding_keeps_the_mean_and_goes_to_a_neighbour(dtype):
    exact = np.array([1.001, -1.001, 3.3e-3, -700.3, 1.0, 0.0, np.inf, -np.inf], np.float32)
    found = np.asarray(round_at_random(tf.tile(exact[None, None], [3, 20_000, 1]), dtype)).astype(np.float64)
    np.testing.assert_array_equal(found[0], found[2])
    found = found[0]
    eps = float(ml_dtypes.finfo(TYPES[dtype]).eps)
    for value, column in zip(exact[:4].astype(float), found.T[:4], strict=True):
        ulp = 2.0 ** np.floor(np.log2(abs(value))) * eps
        assert np.ptp(column) == ulp and np.abs(column - value).max() < ulp
        assert column.mean() == pytest.approx(value, abs=0.02 * ulp)  # five standard errors of the mean
    assert (found[:, 4:] == exact[4:]).all()
    assert np.isnan(np.asarray(round_at_random(tf.fill([2, 3], np.nan), dtype)).astype(float)).all()


def test_the_gradient_of_the_selectivity_is_not_rounded_away():
    """The cross-entropy's gradient per pixel is made a thousand times the selectivity's, as in a wide early layer."""
    rng = np.random.default_rng(0)
    outputs = tf.constant(rng.uniform(0, 1, [64, 16, 16, 8]), tf.bfloat16)
    upstream = tf.constant(rng.normal(0, 1, [64, 16, 16, 8]), tf.bfloat16)
    plain, rectified = (_unit_means.Reading("layer", response=response) for response in (None, "rectified"))
    shares = []
    for read, reading in (
        (_unit_means.spatial_mean, plain),
        (_unit_means.spatial_mean_in_training, plain),
        (_unit_means.spatial_mean_in_training, rectified),
    ):
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            passed, means = read(outputs, reading, None)
            total = tf.reduce_sum(tf.cast(passed * upstream, tf.float32)) + 0.256 * tf.reduce_sum(means)
        arrived = np.asarray(tape.gradient(total, outputs)).astype(float) - np.asarray(upstream).astype(float)
        shares.append(arrived.mean() / 1e-3)  # of 0.256 in a mean of 256 pixels
    assert shares[1:] == pytest.approx([1, 1], abs=0.05) and shares[0] < 0.7
