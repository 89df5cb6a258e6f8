"""Similarity between networks of one alpha and of two, from rows of PWCCA distances."""

import numpy as np
import polars as pl

from keras_selectivity.results import networks


def distances(rows: pl.DataFrame) -> pl.DataFrame:
    """PWCCA distances by pair of alphas.

    Args:
        rows: Of networks and layers.

    Returns:
        A frame with `low` and `high`, the alphas of a pair, its `layer`, and `value`, the distance; by alphas, layers of
        the input side first. Pairs with a network without alpha are left out.
    """
    alphas = networks(rows).select("model", "alpha")
    found = rows.filter(pl.col("measure") == "pwcca_distance").select("model", "other", "layer", "value")
    found = found.join(alphas, on="model", maintain_order="left")
    found = found.join(
        alphas.rename({"alpha": "others"}), left_on="other", right_on="model", maintain_order="left"
    )
    found = found.drop_nulls(["alpha", "others"])
    low, high = pl.min_horizontal("alpha", "others"), pl.max_horizontal("alpha", "others")
    return found.select("layer", "value", low=low, high=high).sort("low", "high", maintain_order=True)


def distance_ratios(rows: pl.DataFrame) -> pl.DataFrame:
    """How much farther networks are from those with alpha = 0 than from their equals.

    By layer: mean distance over all pairs of a network with this alpha and one with alpha = 0, over
    the mean distance of all pairs with this alpha. A ratio of 1 would mean that regularisation
    changes representations by no more than an affine map does. ("Selectivity considered harmful",
    section 4.2, appendix A.3, Figures 2b and A3.)

    Args:
        rows: Of networks and layers.

    Returns:
        A frame with `alpha`, `layer`, `ratio`, and `p`: of a paired t-test over layers between the two mean
        distances, empty for fewer than three layers or three pairs of equals (three seeds). Alphas without a
        pair of equals are left out.
    """
    means = (
        distances(rows)
        .group_by("low", "high", "layer", maintain_order=True)
        .agg(mean=pl.col("value").mean(), pairs=pl.len())
    )
    equals = means.filter(pl.col("low") == pl.col("high"), pl.col("low") != 0)
    to_zero = means.filter((pl.col("low") == 0) != (pl.col("high") == 0))
    to_zero = to_zero.with_columns(alpha=pl.when(pl.col("low") == 0).then("high").otherwise("low"))
    both = to_zero.join(
        equals, left_on=["alpha", "layer"], right_on=["low", "layer"], suffix="_equals", maintain_order="left"
    )
    ratios = both.select("alpha", "layer", ratio=pl.col("mean") / pl.col("mean_equals"))
    tests = [
        {"alpha": alpha, "p": _p(part)} for (alpha,), part in both.group_by("alpha", maintain_order=True)
    ]
    known = pl.DataFrame(tests, schema={"alpha": pl.Float64, "p": pl.Float64})
    return ratios.join(known, on="alpha", maintain_order="left")


def _p(both: pl.DataFrame) -> float | None:
    from scipy import stats

    fewest = both["pairs_equals"].min()
    if not isinstance(fewest, int) or min(both.height, fewest) < 3:
        return None
    return float(stats.ttest_rel(np.asarray(both["mean"]), np.asarray(both["mean_equals"])).pvalue)
