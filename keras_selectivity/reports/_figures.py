"""Draws the figures that a table of results allows, and says what the others lack."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from keras_selectivity.reports._catalogue import FigureKind
from keras_selectivity.reports._catalogue import kinds
from keras_selectivity.reports._complete import incomplete
from keras_selectivity.reports._drawing import save
from keras_selectivity.results import MAIN
from keras_selectivity.results import Levels
from keras_selectivity.results import Table
from keras_selectivity.results import evaluation_in
from keras_selectivity.results import in_arm
from keras_selectivity.results import levels

# What has to be done for rows that a figure needs, where that is not a measurement of the same name
_SOURCES = {
    "clean selectivity": "evaluate",
    "two alphas": "runs with at least two α",
    "both signs": "runs with an α of either sign",
    "training": "study run",
    "test accuracy by epoch": "study run",
    "preferred classes by epoch": "study run",
    "all corruptions": "[evaluation.corruptions], all of them",
}


def draw(
    table: Table, folder: Path, formats: Iterable[str] = ("png",)
) -> tuple[list[FigureKind], list[tuple[FigureKind, str]]]:
    """Draws every figure that a table allows.

    Args:
        table: What `keras_selectivity.results.read` or `scan` returns.
        folder: Folder for the files.
        formats: Endings of the files, of those that matplotlib writes.

    Returns:
        `(drawn, missing)`: a list of `FigureKind`, and a list of `(FigureKind, what it takes)`.

    Raises:
        InputError: The rows mix protocols.
    """
    drawn, missing = [], []
    table = _as_drawn(levels(table).filter(pl.col("value").is_not_null()))
    arm, mine, there = None, table, set()
    for kind in kinds(
        name for name in table.rows["arm"].unique(maintain_order=True) if name not in (None, MAIN)
    ):
        if kind.arm != arm:
            arm, mine = kind.arm, table.filter(in_arm(kind.arm))
            there = _there(mine.rows)
        if mine.rows.is_empty():
            missing.append((kind, f"an arm {kind.arm!r} in the study"))
        elif kind.needs not in there:
            missing.append((kind, _SOURCES.get(kind.needs, f"[evaluation.{kind.needs}]")))
        elif lacking := incomplete(mine, kind.values):
            missing.append((kind, lacking))
        else:
            save([folder / f"{kind.name}.{ending}" for ending in formats], kind.draw, mine, kind.size)
            drawn.append(kind)
    return drawn, missing


def _as_drawn(table: Levels) -> Levels:
    """Names that are drawn as they are: matplotlib sets what stands between two dollar signs as a formula."""
    names = [
        pl.col(column).cast(pl.String).str.replace_all("$", r"\$", literal=True).cast(pl.Categorical)
        for column in ("model", "other", "layer", "perturbation")
        if any("$" in text for text in table.rows[column].unique().drop_nulls())
    ]
    return Levels(table.rows.with_columns(names), table.units.with_columns(names)) if names else table


def _there(rows: pl.DataFrame) -> set[str]:
    """What the rows hold: names of evaluations, and parts of them that figures need."""
    found = {evaluation_in(text) for text in rows["protocol"].unique() if text}
    measures = set(rows["measure"].unique())
    for measure, name in (
        ("mean_selectivity", "clean selectivity"),
        ("val_accuracy", "training"),
        ("test_accuracy", "test accuracy by epoch"),
        ("val_selectivity/preferred_changed_once", "preferred classes by epoch"),
    ):
        if measure in measures:
            found.add(name)
    alphas = rows["alpha"].unique().drop_nulls()
    if len(alphas) > 1 and "clean selectivity" in found:
        found.add("two alphas")
        if (alphas < 0).any() and (alphas > 0).any():
            found.add("both signs")
    if any(name.startswith("all ") for name in rows["perturbation"].unique().drop_nulls()):
        found.add("all corruptions")
    return found
