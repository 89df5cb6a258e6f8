"""The arithmetic of verdicts against closed forms, brute force and simulation."""

import itertools

import numpy as np
import pytest
from scipy import special

from keras_selectivity.claims import _tests as tests
from keras_selectivity.claims._kinds import Counted
from keras_selectivity.claims._kinds import Every
from keras_selectivity.claims._kinds import Inside
from keras_selectivity.claims._kinds import Shift
from keras_selectivity.claims._rows import Lacking
from keras_selectivity.claims._rows import Values

VALUES = np.array([0.4, 1.1, 0.7, 1.6, 0.2])


def one_sided(t, freedom):
    """Upper tail of Student's t, from the incomplete beta function."""
    half = special.betainc(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2
    return half if t > 0 else 1 - half


def statistic(values, mean):
    return (values.mean() - mean) / (values.std(ddof=1) / np.sqrt(len(values)))


def test_t_test():
    assert tests.against_zero(VALUES) == pytest.approx(2 * one_sided(statistic(VALUES, 0), 4), rel=1e-9)


def test_equivalence_is_two_one_sided_tests():
    low, high = one_sided(statistic(VALUES, -2), 4), 1 - one_sided(statistic(VALUES, 2), 4)
    assert tests.between(VALUES, -2, 2) == pytest.approx(max(low, high), rel=1e-9)
    assert tests.between(VALUES, -2, np.inf) == pytest.approx(low, rel=1e-9)
    assert tests.outside(VALUES, -2, 2) == 1
    assert tests.outside(VALUES, -2, 0.5) == pytest.approx(2 * one_sided(statistic(VALUES, 0.5), 4), rel=1e-9)


def test_values_that_are_all_alike_are_counted():
    """Coarse values agree by chance: three epochs that are the same say no more than three coins."""
    assert tests.against_zero(np.zeros(4)) == 1
    assert tests.between(np.zeros(4), -0.5, 0.5) == 1 / 16
    assert tests.against_zero(np.full(4, 0.3)) == 1 / 8
    assert tests.between(np.full(20, 0.3), -0.5, 0.5) == 2**-20
    assert tests.between(np.full(4, 0.7), -0.5, 0.5) == 1
    assert tests.outside(np.full(4, 0.7), -0.5, 0.5) == 1 / 8


def test_coarse_values_are_not_surer_than_they_are():
    rng = np.random.default_rng(0)
    draws = [np.round(rng.normal(0, 0.3, 3) / 0.5) * 0.5 for _ in range(4000)]
    assert np.mean([tests.against_zero(values) < 0.05 / 60 for values in draws]) < 0.005


def test_holm():
    ps = [0.01, 0.04, 0.03, 0.005]
    assert tests.holm(ps) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert tests.holm([0.9, 0.8]) == [1.0, 1.0] and tests.holm([]) == []


def test_sign_flips_count_all_patterns():
    values = np.random.default_rng(0).normal(0.3, 1, (5, 7))
    found = []
    for signs in itertools.product((1, -1), repeat=5):
        mean = (np.array(signs)[:, None] * values).mean(0)
        found.append(((mean > 0).sum(), mean.mean()))
    assert tests.by_sign_flips(values) == np.mean([each >= found[0] for each in found])


@pytest.mark.parametrize("seeds", [4, 16])
def test_sign_flips_are_right_without_an_effect(seeds):
    """However much the columns of a seed depend on each other."""
    rng = np.random.default_rng(seeds)
    draws = [rng.standard_normal((seeds, 1)) + 0.3 * rng.standard_normal((seeds, 15)) for _ in range(400)]
    share = np.mean([tests.by_sign_flips(values, 500) <= 0.1 for values in draws])
    assert 0.04 < share < 0.15


def test_needed_seeds_have_the_power():
    needed = tests.seeds_needed(1.0, 1.0, 0.05, True)
    rng = np.random.default_rng(0)
    for seeds, low, high in ((needed, 0.78, 0.87), (needed - 1, 0.72, 0.81)):
        power = np.mean([tests.against_zero(rng.normal(1, 1, seeds)) < 0.05 for _ in range(3000)])
        assert low < power < high
    assert tests.seeds_needed(0.001, 1.0, 0.05, True) is None


def test_verdicts_need_the_direction():
    up, down = Shift(VALUES, 1.0), Shift(VALUES, -1.0)
    assert up.p_support == up.p == down.p and down.p_support == 1
    assert down.p_refute == up.p and up.p_refute > 0.5
    # A precise effect that is too small to be of interest speaks against the claim
    tiny = Shift(np.array([0.1, 0.11, 0.09, 0.1]), 1.0)
    assert tiny.p < 0.01 and tiny.p_refute < 0.01


def test_parts_must_all_hold():
    parts = (Shift(VALUES, 1.0), Inside(VALUES, 0, 3), Inside(VALUES, 5, 9))
    assert Every(parts[:2]).p == max(tests.holm([parts[0].p, parts[1].p]))
    assert Every(parts).p > 0.9 and Every(parts).p_refute == pytest.approx(3 * parts[2].p_against)


def test_a_count_brackets_the_true_number():
    """The interval of the number of conditions that improve covers it at least as often as it says."""
    rng = np.random.default_rng(0)
    truth = np.repeat([1.0, -1.0], [12, 7])
    covered = []
    for _ in range(200):
        values = truth + rng.standard_normal((6, 1)) + rng.standard_normal((6, 19))
        count, low, high = Counted(values, 12, 0.5, 1.0).effect()
        covered.append(low <= 12 <= high)
        assert low <= count <= high
    assert np.mean(covered) >= 0.95


def test_slopes_and_contrasts_are_within_seeds():
    rng = np.random.default_rng(0)
    cells = {a: {s: float(rng.normal()) for s in range(4)} for a in (-2.0, -1.0, -0.4, 0.0, 1.0)}
    del cells[-1.0][2]
    values = Values(cells)
    expected = []
    for seed in range(4):
        x = [a for a in (-2.0, -1.0, -0.4, 0.0) if seed in cells[a]]
        expected.append(np.polyfit(x, [cells[a][seed] for a in x], 1)[0])
    np.testing.assert_allclose(values.slope(-2, 0), expected)
    np.testing.assert_allclose(values.contrast(-1.0), [cells[-1.0][s] - cells[0.0][s] for s in (0, 1, 3)])
    with pytest.raises(Lacking, match="α = 3"):
        values.contrast(3.0)


@pytest.mark.parametrize("seeds", [5, 30])
def test_seeds_for_equivalence_place_both_bounds(seeds):
    spreads = np.geomspace(0.05, 3, 500)
    spread = max(s for s in spreads if Inside(s * unit(seeds), -0.5, 0.5).needed(0.05) == seeds)
    draws = np.random.default_rng(0).normal(0, spread, (2000, seeds))
    power = np.mean([tests.between(draw, -0.5, 0.5) < 0.05 for draw in draws])
    assert 0.77 < power < 0.83


def unit(seeds):
    """Values of mean 0 and standard deviation 1."""
    values = np.linspace(-1, 1, seeds)
    return values / values.std(ddof=1)


def test_a_count_needs_as_many_seeds_as_its_signs_can_say():
    values = np.array([[3.0, 3.1], [3.1, 3.0], [3.05, 3.05]])
    assert Counted(values, 2, 1.0, 3.0).needed(0.05 / 40) == 10  # 2^-10 is the first below
    assert Counted(np.full((4, 2), 3.0), 2, 1.0, 3.0).effect() == (2, 0, 2)
    assert Counted(np.full((12, 2), 3.0), 2, 1.0, 3.0).effect() == (2, 2, 2)
    assert Counted(np.full((12, 2), -3.0), 2, 1.0, 3.0).effect() == (0, 0, 0)
