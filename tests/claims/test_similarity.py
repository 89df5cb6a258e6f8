"""Distance ratios against a hand-made table."""

import itertools

import numpy as np
import polars as pl
import pytest

from keras_selectivity.claims import distance_ratios
from keras_selectivity.claims import distances
from keras_selectivity.claims._similarity import ratio_by_seed
from keras_selectivity.claims._tests import against_zero
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


def test_ratio():
    found = distance_ratios(frame(rows()))
    assert found["alpha"].to_list() == [-1] * 3 and found["layer"].to_list() == ["one", "two", "three"]
    np.testing.assert_allclose(found["ratio"], 0.3 / 0.1 * np.ones(3))
    assert found["p"].is_null().all()  # none of these networks has a seed


def table(seeds, rng, apart=0.0):
    """Distances in which every network has an effect of its own, so that no two pairs of it are independent."""
    own = {(a, s): 0.05 * rng.standard_normal() for a in (-1.0, 0.0) for s in range(seeds)}
    found = []
    for (a, s), (b, t) in itertools.combinations(own, 2):
        value = 0.3 * np.exp(apart * (a != b)) + own[a, s] + own[b, t]
        found.append({"model": f"{a}_{s}", "other": f"{b}_{t}", "alpha": a, "seed": s, "layer": "one",
                      "measure": "pwcca_distance", "value": value})  # fmt: skip
    for a, s in own:
        found.append({"model": f"{a}_{s}", "alpha": a, "seed": s, "measure": "accuracy", "value": 0.5})
    return frame(found)


def test_the_jackknife_is_that_of_the_whole_statistic():
    rows = table(4, np.random.default_rng(0), 0.2)

    def whole(rows):
        return np.log(distance_ratios(rows)["ratio"][0])

    found = ratio_by_seed(rows)[-1.0]
    for seed in range(4):
        names = [f"{a}_{seed}" for a in (-1.0, 0.0)]
        without = rows.filter(~pl.col("model").is_in(names), ~pl.col("other").is_in(names).fill_null(False))
        assert found[seed] == pytest.approx(4 * whole(rows) - 3 * whole(without))


def test_seeds_are_the_units():
    """Networks that are as far from each other as from those of alpha = 0 are called farther in one of twenty
    tables."""
    rng = np.random.default_rng(0)
    draws = [against_zero(np.array(list(ratio_by_seed(table(8, rng))[-1.0].values()))) for _ in range(200)]
    assert np.mean(np.array(draws) < 0.05) < 0.1


def test_two_seeds_have_a_ratio_and_no_p_value():
    found = distance_ratios(frame(row for row in rows() if "a3" not in (row["model"], row["other"])))
    assert found.height == 3 and found["p"].is_null().all()


def test_seeds_of_one_side_alone_do_not_count():
    rng = np.random.default_rng(0)
    whole = table(6, rng)
    others = pl.when(pl.col("alpha") == -1.0).then(pl.col("seed") + 6).otherwise("seed")
    assert ratio_by_seed(whole.with_columns(seed=others)) == {}
    fewer = whole.filter(~((pl.col("alpha") == 0) & (pl.col("seed") > 3)).fill_null(False))
    gone = fewer["other"].cast(pl.String).is_in(["0.0_4", "0.0_5"]).fill_null(False)
    assert set(ratio_by_seed(fewer.filter(~gone))[-1.0]) == {0, 1, 2, 3}


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_pairs_of_one_network_have_no_ratio():
    star = table(5, np.random.default_rng(0)).filter(pl.col("other").is_null() | (pl.col("seed") == 0))
    assert ratio_by_seed(star) == {}
