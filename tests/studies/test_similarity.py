"""Distance ratios against a hand-made table."""

import numpy as np
import pytest
from scipy import stats

from keras_selectivity.studies import distance_ratios
from keras_selectivity.studies import distances_by_alpha


def rows():
    alphas = {"a1": -1.0, "a2": -1.0, "a3": -1.0, "z1": 0.0, "z2": 0.0, "r": None}
    pairs = [("a1", "a2", 0.1), ("a1", "a3", 0.05), ("a2", "a3", 0.15), ("a1", "z1", 0.2), ("a1", "z2", 0.4), ("a2", "z1", 0.3), ("z1", "z2", 0.15),
             ("z2", "a2", 0.3), ("a1", "r", 0.9)]  # fmt: skip
    for first, second, value in pairs:
        for number, layer in enumerate(("one", "two", "three")):
            yield {"model": first, "other": second, "alpha": alphas[first], "layer": layer,
                   "measure": "pwcca_distance", "value": value * (1 + number)}  # fmt: skip
    for name, alpha in alphas.items():
        yield {
            "model": name,
            "other": None,
            "alpha": alpha,
            "layer": None,
            "measure": "accuracy",
            "value": 0.5,
        }


def test_pairs_are_sorted_by_alpha():
    found = distances_by_alpha(list(rows()))
    assert set(found) == {(-1, -1), (-1, 0), (0, 0)}
    assert sorted(found[-1, 0]["one"]) == [0.2, 0.3, 0.3, 0.4]


def test_ratio_and_paired_test():
    ((alpha, (ratios, p)),) = distance_ratios(list(rows())).items()
    between, within = 0.3 * np.arange(1, 4), 0.1 * np.arange(1, 4)
    assert alpha == -1 and list(ratios) == ["one", "two", "three"]
    np.testing.assert_allclose(list(ratios.values()), between / within)
    t = (between - within).mean() / (between - within).std(ddof=1) * np.sqrt(3)
    assert p == pytest.approx(2 * stats.t.sf(abs(t), 2), abs=1e-6)


def test_two_seeds_have_a_ratio_and_no_p_value():
    two = [row for row in rows() if "a3" not in (row["model"], row["other"])]
    ((_, (ratios, p)),) = distance_ratios(two).items()
    assert len(ratios) == 3 and p is None
