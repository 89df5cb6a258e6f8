"""Whether every network has all that a figure shows of it."""

from collections.abc import Callable

import polars as pl

from keras_selectivity.claims import mediation
from keras_selectivity.reports._corruption_figures import corrupted
from keras_selectivity.reports._representation_figures import distances_by_network
from keras_selectivity.results import Levels
from keras_selectivity.results import of_evaluation

# Function of a table that gives the names of the networks that have some values, and says what these are
Values = Callable[[Levels], tuple[set[str], str]]


def of_networks(measure: str, evaluation: str | None = None) -> Values:
    """A measure of networks, perhaps from one evaluation only."""
    return _of_rows(measure, evaluation, pl.col("layer").is_null() & pl.col("epoch").is_null())


def of_attacks(evaluation: str) -> Values:
    """Accuracy under attacks of an evaluation that rows name, by strength."""
    return _of_rows(
        "accuracy", evaluation, pl.all_horizontal(pl.col("perturbation", "epsilon").is_not_null())
    )


def of_layers(measure: str, evaluation: str | None = None) -> Values:
    """A measure of layers."""
    return _of_rows(measure, evaluation, pl.col("layer").is_not_null() & pl.col("epoch").is_null())


def of_epochs(measure: str) -> Values:
    """A log of a training."""
    return _of_rows(measure, None, pl.col("epoch").is_not_null())


def of_units(measure: str) -> Values:
    """A measure of units."""

    def found(table: Levels) -> tuple[set[str], str]:
        models = table.units.filter(pl.col("measure") == measure).select("model").unique()
        return set(models.collect(engine="streaming")["model"]), f"{measure} of units"

    return found


def every_severity(table: Levels) -> tuple[set[str], str]:
    """Accuracy of some corruption at all severities."""
    return set(corrupted(table)["model"]), "accuracy at every severity of a corruption"


def dependence_on_selectivity(table: Levels) -> tuple[set[str], str]:
    """Networks whose robustness can be set against their selectivity within seeds."""
    models, _ = ACCURACY(table)
    enough = bool(models) and not mediation(table).is_empty()
    return models if enough else set(), "a measure of robustness of three seeds of several α"


def comparable_pairs(table: Levels) -> tuple[set[str], str]:
    """Distances between networks of one alpha, or to one with alpha = 0."""
    found = set(distances_by_network(table)["model"])
    return found, "a distance to a network with α = 0, or between two of one α,"


def _of_rows(measure: str, evaluation: str | None, where: pl.Expr) -> Values:
    def found(table: Levels) -> tuple[set[str], str]:
        rows = table.rows.filter(pl.col("measure") == measure, where)
        if evaluation is not None:
            rows = rows.filter(of_evaluation(rows, evaluation))
        return set(rows["model"].unique()), measure

    return found


ACCURACY, SELECTIVITY = of_networks("accuracy", "clean"), of_networks("mean_selectivity", "clean")


def incomplete(table: Levels, values: tuple[Values, ...]) -> str:
    """What is missing for a figure, or an empty text.

    Args:
        table: The rows of one arm.
        values: Of which a network must have all, if it has the first; and some network must have them.
    """
    found = [each(table) for each in values]
    for models, what in found:
        lacking = found[0][0] - models
        if lacking or not models:
            of = f" of {min(lacking)}" if lacking else ""
            return f"rows that are complete: {what}{of} is missing"
    return ""
