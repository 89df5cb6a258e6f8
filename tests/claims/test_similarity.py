"""Distance ratios against a hand-made table."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from keras_selectivity.claims import distance_ratios
from keras_selectivity.claims import distances
from keras_selectivity.results import frame


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
    found = distances(frame(rows()))
    assert found.select("low", "high").unique(maintain_order=True).rows() == [(-1, -1), (-1, 0), (0, 0)]
    ones = found.filter(pl.col("low") == -1, pl.col("high") == 0, pl.col("layer") == "one")
    assert sorted(ones["value"]) == [0.2, 0.3, 0.3, 0.4]


def test_ratio_and_paired_test():
    found = distance_ratios(frame(rows()))
    between, within = 0.3 * np.arange(1, 4), 0.1 * np.arange(1, 4)
    assert found["alpha"].to_list() == [-1] * 3 and found["layer"].to_list() == ["one", "two", "three"]
    np.testing.assert_allclose(found["ratio"], between / within)
    t = (between - within).mean() / (between - within).std(ddof=1) * np.sqrt(3)
    assert found["p"][0] == pytest.approx(2 * stats.t.sf(abs(t), 2), abs=1e-6)


def test_two_seeds_have_a_ratio_and_no_p_value():
    found = distance_ratios(frame(row for row in rows() if "a3" not in (row["model"], row["other"])))
    assert found.height == 3 and found["p"].is_null().all()
