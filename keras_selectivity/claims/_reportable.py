"""Networks that can be reported: those whose accuracy and selectivity are defined."""

import polars as pl

from keras_selectivity._errors import InputError
from keras_selectivity.results import Levels
from keras_selectivity.results import Table
from keras_selectivity.results import check_names
from keras_selectivity.results import levels
from keras_selectivity.results import of_evaluation

# A value whose square overflows is as good as infinite.
_DEFINED = (pl.col("value").abs() < 1e150).fill_null(False)


def reportable(table: Table) -> tuple[Levels, list[str]]:
    """What tables of claims and pages can use.

    Args:
        table: What `keras_selectivity.results.read` or `scan` returns.

    Returns:
        `(table, undefined)`: the rows that have a value, without the networks whose accuracy or selectivity on
        the test split is undefined, as when a training diverged; and the names of those.

    Raises:
        InputError: No network has an accuracy on a test split, or a model is of several studies, arms or fingerprints.
    """
    table = levels(table)
    check_names(table.rows)
    clean = table.rows.filter(
        pl.col("measure").is_in(["accuracy", "mean_selectivity"]),
        pl.col("layer").is_null(),
        of_evaluation(table.rows, "clean"),
    )
    undefined = clean.filter(~_DEFINED)["model"].unique().to_list()
    accurate = clean.filter(pl.col("measure") == "accuracy", ~pl.col("model").is_in(undefined))
    if accurate.is_empty():
        raise InputError("The rows hold no accuracy on a test split, so there is nothing to report.")
    of_undefined = [pl.col(name).is_in(undefined).fill_null(False) for name in ("model", "other")]
    return table.filter(_DEFINED, ~pl.any_horizontal(of_undefined)), sorted(undefined)
