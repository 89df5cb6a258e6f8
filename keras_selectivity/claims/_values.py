"""What the claims are about, picked from a table."""

from typing import Any

import polars as pl

from keras_selectivity.claims._verdicts import ByAlpha
from keras_selectivity.results import MAIN
from keras_selectivity.results import Levels
from keras_selectivity.results import per_alpha
from keras_selectivity.results import per_model
from keras_selectivity.results import pick


def by_alpha(table: Levels, measure: str, arm: str = MAIN, **where: Any) -> ByAlpha:
    """A measure of networks: alpha -> one value per network, by seed; `where` as in `pick`."""
    return per_alpha(pick(table.rows, measure, arm=arm, **where))


def by_network(table: Levels, measure: str, x: str, value: pl.Expr, **where: Any) -> pl.DataFrame:
    """One value for each network of the main arm, made of those along x."""
    return per_model(pick(table.rows, measure, x=x, arm=MAIN, **where), value)


def selectivity(table: Levels, arm: str = MAIN) -> ByAlpha:
    """Mean selectivity by alpha."""
    return by_alpha(table, "mean_selectivity", arm, evaluation="clean")


def accuracy(table: Levels, arm: str = MAIN) -> ByAlpha:
    """Test accuracy by alpha."""
    return by_alpha(table, "accuracy", arm, evaluation="clean")


def layer_means(table: Levels, measure: str, layers: int | None = None, **where: Any) -> ByAlpha:
    """Mean of a measure over (the first) layers, by alpha."""
    values = pl.col("value") if layers is None else pl.col("value").head(layers)
    return per_alpha(by_network(table, measure, "layer", values.mean(), **where))


def has_arm(table: Levels, arm: str) -> bool:
    """Whether there are rows of an arm."""
    return arm in table.rows["arm"].unique()
