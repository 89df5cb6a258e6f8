"""PWCCA against its definition, its invariances, and known cases."""

import numpy as np
import pytest
import scipy.linalg

import keras_selectivity as ks
from keras_selectivity.representations import pwcca_baseline


@pytest.fixture(name="pair")
def _pair():
    """Two related rectified layers of 12 and 8 units on 400 samples."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal([400, 10])
    a = np.maximum(inputs @ rng.standard_normal([10, 12]) + rng.standard_normal([400, 12]), 0)
    b = np.maximum(inputs @ rng.standard_normal([10, 8]) + rng.standard_normal([400, 8]), 0)
    return a, b


def definition(a, b):
    """Solved as the generalised eigenproblem of canonical correlation, not through bases."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    saa, sbb, sab = a.T @ a, b.T @ b, a.T @ b
    values, vectors = scipy.linalg.eigh(sab @ np.linalg.solve(sbb, sab.T), saa)
    order = np.argsort(values)[::-1][: min(a.shape[1], b.shape[1])]
    correlations, variates = np.sqrt(values[order].clip(0)), a @ vectors[:, order]
    weights = np.abs(variates.T @ a).sum(axis=1)
    return 1 - (weights * correlations).sum() / weights.sum()


def test_the_definition(pair):
    a, b = pair
    assert ks.pwcca_distance(a, b) == pytest.approx(definition(a, b), abs=1e-9)
    assert ks.pwcca_distance(b, a) == pytest.approx(definition(b, a), abs=1e-9)
    assert definition(a, b) != pytest.approx(definition(b, a), abs=1e-4)
    symmetric = ks.pwcca_distance(a, b, symmetric=True)
    assert symmetric == pytest.approx((definition(a, b) + definition(b, a)) / 2, abs=1e-9)
    assert symmetric == ks.pwcca_distance(b, a, symmetric=True)


def test_one_unit_each_is_one_minus_the_correlation():
    x, y = np.random.default_rng(0).standard_normal([2, 100, 1])
    y = y + x
    expected = 1 - abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1])
    assert ks.pwcca_distance(x, y) == pytest.approx(expected, abs=1e-12)


def test_affine_maps_are_at_distance_zero(pair):
    a, b = pair
    rng = np.random.default_rng(1)
    for scale in (1e-3, 1, 1e4):
        image = a @ rng.standard_normal([12, 12]) * scale + rng.standard_normal(12) * 50
        assert ks.pwcca_distance(a, image) < 1e-6
    mapped = b @ rng.standard_normal([8, 8]) + 3
    assert ks.pwcca_distance(a, mapped) == pytest.approx(ks.pwcca_distance(a, b), abs=1e-9)


def test_dead_shifted_and_collinear_units_change_nothing(pair):
    a, b = pair
    expected = ks.pwcca_distance(a, b)
    dead = np.concatenate([b, np.zeros([400, 2]), np.full([400, 1], 3.0)], axis=1)
    assert ks.pwcca_distance(a, dead) == pytest.approx(expected, abs=1e-9)
    collinear = np.concatenate([b, b[:, :2] - b[:, 2:4]], axis=1)
    assert ks.pwcca_distance(a, collinear) == pytest.approx(expected, abs=1e-9)
    assert ks.pwcca_distance(np.concatenate([a, np.zeros([400, 3])], axis=1) + 5, b) == pytest.approx(
        expected, abs=1e-9
    )
    tiny = np.concatenate([b[:, :1] * 1e-9, b[:, 1:]], axis=1)
    assert ks.pwcca_distance(a, tiny) == pytest.approx(expected, abs=1e-6)


def test_unrelated_layers_are_at_the_baseline():
    """For many samples the canonical correlations of unrelated layers tend to zero."""
    assert pwcca_baseline(5000, 4, 4) > 0.95
    few, many = pwcca_baseline(30, 10, 10), pwcca_baseline(600, 10, 10)
    assert few < many
    assert pwcca_baseline(50, 3, 5, seed=1) == pwcca_baseline(50, 3, 5, seed=1)


def popular(a, b):
    """The popular code's steps, for as many units in `a` as in `b` or fewer."""
    covariance = np.cov(a.T, b.T)
    n = a.shape[1]
    xx, xy, yy = covariance[:n, :n], covariance[:n, n:], covariance[n:, n:]
    xmax, ymax = np.abs(xx).max(), np.abs(yy).max()
    xx, yy, xy = xx / xmax, yy / ymax, xy / np.sqrt(xmax * ymax)
    roots = [scipy.linalg.sqrtm(np.linalg.pinv(m)).real for m in (xx, yy)]
    u, s, _ = np.linalg.svd(roots[0] @ xy @ roots[1])
    means = a.mean(axis=0)[:, None]
    directions = u.T @ (a.T - means) + means
    p = np.linalg.qr(directions.T)[0]
    weights = np.abs(p.T @ a).sum(axis=1)
    return 1 - (weights / weights.sum() * s).sum()


def test_the_popular_variant_follows_its_steps_and_depends_on_a_shift(pair):
    b, a = pair
    assert ks.pwcca_distance(a, b, variant="google") == pytest.approx(popular(a, b), abs=1e-9)
    # The other order, where the original fails: the weights still come from the smaller side. With the
    # mean added the result depends on the arbitrary signs of singular vectors, so it is close, not equal.
    assert ks.pwcca_distance(b, a, variant="google") == pytest.approx(popular(a, b), abs=0.02)
    assert abs(popular(a, b) - ks.pwcca_distance(a, b)) > 1e-3
    assert abs(ks.pwcca_distance(a + 5, b, variant="google") - popular(a, b)) > 1e-3
    assert ks.pwcca_distance(a + 5, b) == pytest.approx(ks.pwcca_distance(a, b), abs=1e-9)


def test_bad_input_is_named(pair):
    a, b = pair
    for x, y, message in (
        (a[:12], b[:12], "first activations have 12 samples of 12 units.*more samples than units"),
        (a, b[:-1], "same samples. Received: 400 and 399"),
        (a[:, 0], b, "must be .samples, units."),
        (a[:, :0], b, "are empty"),
        (a, b * np.nan, "second activations must be finite"),
        (np.ones([400, 3]), b, "first activations are the same for every sample"),
    ):
        with pytest.raises(ks.InputError, match=message):
            ks.pwcca_distance(x, y)
    with pytest.raises(ks.InputError, match="variant must be 'paper' or 'google'"):
        ks.pwcca_distance(a, b, variant="svcca")
