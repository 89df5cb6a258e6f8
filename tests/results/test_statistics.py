"""Significance tests against closed forms and brute force."""

import itertools

import numpy as np
import pytest
from scipy import special

from keras_selectivity.results import rank_sum
from keras_selectivity.results import t_test

A = np.array([0.51, 0.53, 0.55, 0.52])
B = np.array([0.50, 0.49, 0.52])


def two_sided(t, freedom):
    """P-value of a t statistic, from the incomplete beta function."""
    return special.betainc(freedom / 2, 0.5, freedom / (freedom + t * t))


def test_welchs_t_test():
    variances = A.var(ddof=1) / 4, B.var(ddof=1) / 3
    t = (A.mean() - B.mean()) / np.sqrt(sum(variances))
    freedom = sum(variances) ** 2 / (variances[0] ** 2 / 3 + variances[1] ** 2 / 2)
    test = t_test(A, B)
    assert test.p == pytest.approx(two_sided(t, freedom), rel=1e-9)
    assert test.statistic == pytest.approx(A.mean() - B.mean()) and test.sizes == (4, 3)
    assert t_test(A, B, comparisons=4).p == pytest.approx(min(1, 4 * test.p))
    assert "Bonferroni for 4" in str(t_test(A, B, 4)) and "n = 4 and 3" in str(test)


def test_rank_sum_counts_all_arrangements():
    values = [0.1, 0.25, 0.3], [0.2, 0.4, 0.5, 0.6]
    ranks = np.argsort(np.argsort(np.concatenate(values))) + 1
    sums = [sum(c) for c in itertools.combinations(range(1, 8), 3)]
    observed, mean = ranks[:3].sum(), 3 * 8 / 2
    exact = np.mean([abs(s - mean) >= abs(observed - mean) for s in sums])
    assert rank_sum(*values).p == pytest.approx(exact)


@pytest.mark.parametrize(
    "test",
    [
        t_test(A[:2], B), t_test(A, B[:2]), rank_sum(A[:2], B),
    ],
)  # fmt: skip
def test_fewer_than_three_seeds_have_no_p_value(test):
    assert test.p is None and not test.significant
    assert str(test).startswith("no p-value: n = ") and "at least 3" in str(test)


def test_samples_without_spread_have_no_p_value():
    assert t_test([0.5] * 3, [0.5] * 3).p is None
    assert str(t_test([0.5] * 3, [0.7] * 3)) == "no p-value: n = 3 and 3, they have no spread"


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_networks_at_chance_are_tested_without_a_warning():
    """Against Welch's formula."""
    baseline = np.array([0.5, 0.52, 0.51, 0.55])
    found = t_test([0.1] * 4, baseline)
    error = baseline.std(ddof=1) / 2
    assert found.p == pytest.approx(2 * special.stdtr(3, (0.1 - baseline.mean()) / error), rel=1e-9)
    assert found.statistic == pytest.approx(0.1 - baseline.mean())
