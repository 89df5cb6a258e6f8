"""Selecting from a table of results: by level, by measure, by network, by alpha."""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from keras_selectivity._errors import InputError
from keras_selectivity.results._columns import COLUMNS
from keras_selectivity.results._frames import as_lazy

MAIN = "main"
"""The arm of the grid itself, as opposed to the arms that depart from it."""


@dataclass(frozen=True)
class Levels:
    """A table whose rows of units, most of all, are read when they are asked for.

    Attributes:
        rows: Those of networks, layers and epochs.
        units: Those of units.
    """

    rows: pl.DataFrame
    units: pl.LazyFrame

    def filter(self, *wanted: pl.Expr) -> "Levels":
        """The rows of either level that are wanted."""
        return Levels(self.rows.filter(*wanted), self.units.filter(*wanted))


Table: TypeAlias = pl.DataFrame | pl.LazyFrame | Levels
"""What functions of this package take as a table of results."""


def levels(table: Table) -> Levels:
    """Parts a table by level.

    Args:
        table: What `read`, `scan` or `frame` returns, or a part of its rows.

    Raises:
        InputError: It is not a frame, or lacks columns.
    """
    if isinstance(table, Levels):
        return table
    lazy = as_lazy(table)
    missing = set(COLUMNS) - set(lazy.collect_schema())
    if missing:
        raise InputError(f"The table lacks the columns {', '.join(sorted(missing))}.")
    of_units = pl.col("unit").is_not_null()
    return Levels(lazy.filter(~of_units).collect(engine="streaming"), lazy.filter(of_units))


def pick(
    rows: pl.DataFrame | pl.LazyFrame,
    measure: str,
    *,
    x: str | None = None,
    arm: str | None = None,
    evaluation: str | None = None,
    layer: str | None = None,
    **columns: object,
) -> pl.DataFrame:
    """The values of one measure by network.

    Args:
        rows: A table, or a part of its rows.
        measure: Name of the measure.
        x: Column that tells a network's values apart (`"epsilon"`, `"layer"`, ...), or `None` if there
            is one.
        arm: Arm of a study that they must come from; rows without an arm count as `"main"`.
        evaluation: Which evaluation they must come from.
        layer: Layer they must belong to; `None` for the network. Not compared if `x` is `"layer"`.
        columns: Further columns and their values.

    Returns:
        A frame with `model`, `alpha`, `seed`, `label`, x if it is given, and `value`: networks by alpha and seed, those
        without an alpha last; what is undefined is left out.

    Raises:
        InputError: The rows mix protocols, so that the values cannot be compared; a model is of several studies, arms
            or fingerprints; or there is no such column.
    """
    unknown = [name for name in (x, *columns) if name is not None and name not in COLUMNS]
    if unknown:
        raise InputError(f"There are no columns {', '.join(unknown)}. The columns are {', '.join(COLUMNS)}.")
    wanted = {"measure": measure, "epoch": None, "unit": None, "layer": layer, **columns}
    wanted.pop(x or "", None)
    there = [pl.col(name).eq_missing(pl.lit(value)) for name, value in wanted.items()]
    there += [pl.col(name).is_not_null() for name in ("value", x) if name]
    found = as_lazy(rows).filter(*there, *([in_arm(arm)] if arm else [])).collect()
    if evaluation is not None:
        found = found.filter(of_evaluation(found, evaluation))
    _check_protocols(found, measure)
    check_names(found)
    by = ["model", x] if x else ["model"]
    found = found.group_by(by, maintain_order=True).agg(pl.col("alpha", "seed", "value").last())
    return _in_order(found).select("model", "alpha", "seed", "label", *by[1:], "value")


def _check_protocols(found: pl.DataFrame, measure: str) -> None:
    protocols = found.select("dataset", "split", "samples", "protocol").unique()
    if protocols.height > 1:
        texts = sorted(" ".join(map(str, row)) for row in protocols.iter_rows())
        raise InputError(
            f"The rows of {measure} mix protocols, which cannot be compared: {'; '.join(texts)}. Keep one in a file."
        )


def check_names(rows: pl.DataFrame) -> None:
    """Refuses rows that call several networks by one name, as the tables of two studies do when they are put together.

    Raises:
        InputError: A model is of several studies, arms or fingerprints.
    """
    known = rows.select("model", "study", pl.col("arm").fill_null(MAIN), "fingerprint").unique()
    for column in ("study", "arm", "fingerprint"):
        # Rows of older tables may lack the fingerprint
        said = known.drop_nulls(column) if column == "fingerprint" else known
        found = said.select("model", column).unique().filter(pl.col("model").is_duplicated())
        if found.height:
            model = min(str(name) for name in found["model"])
            values = (
                found.filter(pl.col("model") == model)[column].cast(pl.String).sort(nulls_last=True).to_list()
            )
            raise InputError(
                f"The rows hold several networks called {model}, of {column} {' and '.join(map(str, values))}. Keep "
                f"those of one: `table.filter(pl.col({column!r}) == {values[0]!r})`."
            )


def of_evaluation(rows: pl.DataFrame, name: str) -> pl.Expr:
    """Whether a row comes from an evaluation of a name; training history comes from none.

    Args:
        rows: The rows that it is asked of.
        name: Name of the evaluation.
    """
    protocols = [text for text in rows["protocol"].unique() if text and evaluation_in(text) == name]
    return pl.col("protocol").is_in(protocols)


@functools.lru_cache(1 << 12)
def evaluation_in(protocol: str) -> str:
    """Name of the evaluation that a protocol is of."""
    return str(json.loads(protocol).get("evaluation", ""))


def networks(rows: pl.DataFrame) -> pl.DataFrame:
    """The networks of some rows.

    Returns:
        A frame with `model`, `arm`, `alpha`, `seed` and `label`, in the order of `pick`.

    Raises:
        InputError: A model is of several studies, arms or fingerprints.
    """
    check_names(rows)
    found = rows.group_by("model", maintain_order=True).agg(pl.col("arm", "alpha", "seed").last())
    return _in_order(found.with_columns(pl.col("arm").fill_null(MAIN)))


def _in_order(found: pl.DataFrame) -> pl.DataFrame:
    """Rows by alpha, seed and name of a network, with a label for each: its alpha, or its name if it has none."""
    texts = {alpha: f"α = {alpha:g}" for alpha in found["alpha"].unique().drop_nulls()}
    name = pl.col("model").cast(pl.String)
    label = pl.col("alpha").replace_strict(texts, default=None, return_dtype=pl.String)
    short = name.str.strip_chars_end("/").str.split("/").list.last()
    order = [pl.col("alpha"), pl.col("seed").fill_null(0), name]
    return found.sort(order, nulls_last=True, maintain_order=True).with_columns(label=label.fill_null(short))


def by_label(picked: pl.DataFrame) -> Iterator[tuple[str, float | None, pl.DataFrame]]:
    """Parts what `pick` returns by label.

    Yields:
        Label, alpha, and the rows of one label, in the order of `pick`.
    """
    for (label,), part in picked.group_by("label", maintain_order=True):
        yield str(label), part["alpha"][0], part


def in_arm(arm: str = MAIN) -> pl.Expr:
    """Whether a row is of an arm of a study; rows without an arm count as the main one."""
    return pl.col("arm").fill_null(MAIN) == arm


def per_alpha(picked: pl.DataFrame) -> dict[float, list[float]]:
    """What `pick` returns without an x, as lists of values by alpha, in ascending order, by seed."""
    known = picked.filter(pl.col("alpha").is_not_null())
    return {
        part["alpha"][0]: part["value"].to_list() for _, part in known.group_by("alpha", maintain_order=True)
    }


def per_model(picked: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    """What `pick` returns with an x, with one value for each network.

    Args:
        picked: What `pick` returns.
        value: Of the rows of one network.
    """
    shared = pl.col("alpha", "seed", "label").first()
    return picked.group_by("model", maintain_order=True).agg(shared, value.alias("value"))
