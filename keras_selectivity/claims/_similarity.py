"""Similarity between networks of one alpha and of two, from rows of PWCCA distances."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keras_selectivity.claims._tests import LEAST_SEEDS
from keras_selectivity.claims._tests import against_zero
from keras_selectivity.results import networks


def distances(rows: pl.DataFrame) -> pl.DataFrame:
    """PWCCA distances by pair of alphas.

    Args:
        rows: Of networks and layers.

    Returns:
        A frame with `low` and `high`, the alphas of a pair, its `layer`, `value`, the distance, `seed` and
        `other_seed`, and `alpha`, that of `seed`; by alphas, layers of the input side first. Pairs with a network
        without alpha are left out.
    """
    alphas = networks(rows).select("model", "alpha", "seed")
    found = rows.filter(pl.col("measure") == "pwcca_distance").select("model", "other", "layer", "value")
    found = found.join(alphas, on="model", maintain_order="left")
    found = found.join(
        alphas.rename({"alpha": "others", "seed": "other_seed"}),
        left_on="other",
        right_on="model",
        maintain_order="left",
    )
    found = found.drop_nulls(["alpha", "others"])
    low, high = pl.min_horizontal("alpha", "others"), pl.max_horizontal("alpha", "others")
    return found.select("layer", "value", "seed", "other_seed", "alpha", low=low, high=high).sort(
        "low", "high", maintain_order=True
    )


def distance_ratios(rows: pl.DataFrame) -> pl.DataFrame:
    """How much farther networks are from those with alpha = 0 than from their equals.

    By layer: mean distance over all pairs of a network with this alpha and one with alpha = 0, over
    the mean distance of all pairs with this alpha. A ratio of 1 would mean that regularisation
    changes representations by no more than an affine map does. ("Selectivity considered harmful",
    section 4.2, appendix A.3, Figures 2b and A3.)

    Args:
        rows: Of networks and layers.

    Returns:
        A frame with `alpha`, `layer`, `ratio`, and `p`: of a t-test over seeds that the ratio is 1 (`ratio_by_seed`),
        empty for fewer than three seeds. Alphas without a pair of equals are left out.
    """
    means = (
        distances(rows).group_by("low", "high", "layer", maintain_order=True).agg(mean=pl.col("value").mean())
    )
    equals = means.filter(pl.col("low") == pl.col("high"), pl.col("low") != 0)
    to_zero = means.filter((pl.col("low") == 0) != (pl.col("high") == 0))
    to_zero = to_zero.with_columns(alpha=pl.when(pl.col("low") == 0).then("high").otherwise("low"))
    both = to_zero.join(
        equals, left_on=["alpha", "layer"], right_on=["low", "layer"], suffix="_equals", maintain_order="left"
    )
    ratios = both.select("alpha", "layer", ratio=pl.col("mean") / pl.col("mean_equals"))
    ps = {
        alpha: against_zero(np.array(list(of.values())))
        for alpha, of in ratio_by_seed(rows).items()
        if len(of) >= LEAST_SEEDS
    }
    known = pl.DataFrame(
        {"alpha": list(ps), "p": list(ps.values())}, schema={"alpha": pl.Float64, "p": pl.Float64}
    )
    return ratios.join(known, on="alpha", how="left", maintain_order="left")


def ratio_by_seed(rows: pl.DataFrame) -> dict[float, dict[int, float]]:
    """The logarithm of the distance ratio, mean over layers, as one value per seed.

    The distances of all pairs are not independent, since each network is part of many. The values are those of the
    jackknife, `n T - (n - 1) T without the seed`, whose mean and spread are right for such a statistic.
    (Efron and Stein 1981.) Seeds count that both alphas have: leaving one out leaves both its networks out.

    Args:
        rows: Of networks and layers.

    Returns:
        Dict, alpha -> seed -> value; of alphas with at least three seeds.
    """
    found = distances(rows).drop_nulls(["seed", "other_seed"])
    zero = found.filter((pl.col("low") == 0) != (pl.col("high") == 0))
    result = {}
    for (alpha,), within in found.filter(pl.col("low") == pl.col("high"), pl.col("low") != 0).group_by(
        "low", maintain_order=True
    ):
        between = zero.filter((pl.col("low") == alpha) | (pl.col("high") == alpha))
        values = _jackknife(within, between)
        if len(values) >= LEAST_SEEDS:
            result[float(alpha)] = values
    return result


def _jackknife(within: pl.DataFrame, between: pl.DataFrame) -> dict[int, float]:
    """Pseudo-values by seed of the mean over layers of the log ratio of two mean distances."""
    of_zero = pl.when(pl.col("alpha") == 0).then("seed").otherwise("other_seed")
    zeros = between.select(of_zero).to_series()
    seeds = sorted({*within["seed"], *within["other_seed"]} & {*zeros})
    common = pl.col("seed").is_in(seeds) & pl.col("other_seed").is_in(seeds)
    within, between = within.filter(common), between.filter(common)
    layers = within["layer"].unique(maintain_order=True).to_list()
    if between.is_empty() or len(seeds) < LEAST_SEEDS:
        return {}
    means = [_means_without(part, layers, seeds) for part in (between, within)]
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(means[0] / means[1])
    # A layer that some seed alone has pairs of, or whose networks are all alike, has no ratio
    logs = logs[:, np.isfinite(logs).all(0)]
    if not logs.size:
        return {}
    statistics = logs.mean(1)
    whole, without = statistics[0], statistics[1:]
    n = len(seeds)
    values = n * whole - (n - 1) * without
    return {seed: float(value) for seed, value in zip(seeds, values, strict=True) if np.isfinite(value)}


def _means_without(pairs: pl.DataFrame, layers: list[str], seeds: list[int]) -> NDArray[np.float64]:
    """Mean distance over all pairs, then without each seed: `(1 + seeds, layers)`."""
    place = {layer: number for number, layer in enumerate(layers)}
    layer = np.array([place.get(name, -1) for name in pairs["layer"].cast(pl.String)])
    first, second, value = (pairs[name].to_numpy() for name in ("seed", "other_seed", "value"))
    found = []
    for seed in (None, *seeds):
        kept = (layer >= 0) & (True if seed is None else (first != seed) & (second != seed))
        sums = np.bincount(layer[kept], value[kept], len(layers))
        with np.errstate(invalid="ignore"):
            found.append(sums / np.bincount(layer[kept], minlength=len(layers)))
    return np.array(found)
