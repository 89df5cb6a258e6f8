"""Draws the figures that a table of results allows, and says what the others lack."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import polars as pl

from keras_selectivity.reports._captions import caption
from keras_selectivity.reports._captions import per_alpha
from keras_selectivity.reports._catalogue import kinds
from keras_selectivity.reports._complete import incomplete
from keras_selectivity.reports._kind import FigureKind
from keras_selectivity.reports._output import check_figures
from keras_selectivity.reports._papers import drawn_in
from keras_selectivity.reports._papers import of_networks
from keras_selectivity.reports._picture import check_formats
from keras_selectivity.reports._picture import save
from keras_selectivity.reports._robustness_figures import APART
from keras_selectivity.reports._robustness_figures import perturbations
from keras_selectivity.reports._study_figures import named_networks
from keras_selectivity.results import MAIN
from keras_selectivity.results import Levels
from keras_selectivity.results import Table
from keras_selectivity.results import evaluation_in
from keras_selectivity.results import in_arm
from keras_selectivity.results import levels

_ROOM = 2_400_000  # characters of the pictures of a page

# What has to be done for rows that a figure needs, where that is not a measurement of the same name
_SOURCES = {
    "clean selectivity": "evaluate",
    "two alphas": "runs with at least two α",
    "both signs": "runs with an α of either sign",
    "training": "study run",
    "test accuracy by epoch": "study run",
    "preferred classes by epoch": "study run",
    "all corruptions": "[evaluation.corruptions], all of them",
    "both gradients": "[evaluation.fgsm] and [evaluation.pgd] along both gradients",
    "alive units": "[evaluation.units] with the selectivity of units that are not dead",
    "leaky arms": "arms whose names begin with 'leaky'",
    "two networks": "two architectures in one table, such as an arm 'vgg16' with network = \"vgg16\"",
}


def draw(
    table: Table, folder: Path, formats: Iterable[str] = ("png",)
) -> tuple[list[FigureKind], list[tuple[FigureKind, str]]]:
    """Draws every figure that a table allows.

    Args:
        table: What `keras_selectivity.results.read` or `scan` returns.
        folder: Folder for the files.
        formats: Endings of the files: `"png"`, `"svg"`, `"pdf"`.

    Returns:
        `(drawn, missing)`: a list of `FigureKind`, their pictures, captions and papers those of this table, and a list
        of `(FigureKind, what it takes)`.

    Raises:
        InputError: The rows mix protocols, a format is none of the three, or a file exists that is none of ours.
    """
    formats = tuple(formats)
    check_formats(formats)
    drawable, missing = _sorted(_as_drawn(levels(table).filter(pl.col("value").is_not_null())))
    drawn, room = [], _ROOM
    files = [[folder / f"{kind.name}.{ending}" for ending in formats] for kind, _ in drawable]
    check_figures(chain.from_iterable(files))
    for left, (kind, mine), paths in zip(range(len(drawable), 0, -1), drawable, files, strict=True):
        picture = save(
            paths,
            kind.draw,
            mine,
            kind.size,
            name=kind.name,
            alternative=kind.caption,
            room=room * 2 // (left + 1),  # twice an equal share, but for the last
        )
        room -= len(picture.element)
        said = caption(kind.caption, kind.interval, kind.test, per_alpha(mine, kind.values))
        papers = drawn_in(picture.letters, of_networks(kind.papers, named_networks(mine)))
        drawn.append(replace(kind, caption=said, papers=papers, picture=picture))
    return drawn, missing


def _sorted(table: Levels) -> tuple[list[tuple[FigureKind, Levels]], list[tuple[FigureKind, str]]]:
    """Figures that a table allows, with their part of it; and the others, with what they lack."""
    found, missing = [], []
    arm: str | None = ""
    mine, there = table, set[str]()
    arms = [name for name in table.rows["arm"].unique(maintain_order=True) if name not in (None, MAIN)]
    for kind in kinds(arms):
        if kind.arm != arm:
            arm, mine = kind.arm, table.filter(in_arm(kind.arm)) if kind.arm else table
            there = _there(mine)
        if mine.rows.is_empty():
            missing.append((kind, f"an arm {kind.arm!r} in the study"))
        elif kind.arm and len(mixed := named_networks(mine)) > 1:
            missing.append((kind, f"a table of one architecture: these rows are of {' and '.join(mixed)}"))
        elif kind.unless in there:
            continue
        elif kind.needs not in there:
            missing.append((kind, _SOURCES.get(kind.needs, f"[evaluation.{kind.needs}]")))
        elif lacking := incomplete(mine, kind.values):
            missing.append((kind, lacking))
        else:
            found.append((kind, mine))
    return found, missing


def _as_drawn(table: Levels) -> Levels:
    """Names that are drawn as they are: matplotlib sets what stands between two dollar signs as a formula."""
    names = [
        pl.col(column).cast(pl.String).str.replace_all("$", r"\$", literal=True).cast(pl.Categorical)
        for column in ("model", "other", "network", "layer", "perturbation")
        if any("$" in text for text in table.rows[column].unique().drop_nulls())
    ]
    return Levels(table.rows.with_columns(names), table.units.with_columns(names)) if names else table


def _there(table: Levels) -> set[str]:
    """What a table holds: names of evaluations, and parts of them that figures need."""
    rows = table.rows
    found = {evaluation_in(text) for text in rows["protocol"].unique() if text}
    measures = set(rows["measure"].unique())
    for measure, name in (
        ("mean_selectivity", "clean selectivity"),
        ("val_accuracy", "training"),
        ("test_accuracy", "test accuracy by epoch"),
        ("val_selectivity/preferred_changed_once", "preferred classes by epoch"),
        ("mean_selectivity_of_alive", "alive units"),
    ):
        if measure in measures:
            found.add(name)
    alphas = rows["alpha"].unique().drop_nulls()
    if len(alphas) > 1 and "clean selectivity" in found:
        found.add("two alphas")
        if rows["alpha"].null_count() == 0:
            found.add("all alphas")
        if (alphas < 0).any() and (alphas > 0).any():
            found.add("both signs")
    known = perturbations(table)
    if any(name.startswith("all ") for name in known):
        found.add("all corruptions")
    if f"pgd{APART}" in known and "pgd" in known:
        found.add("both gradients")
    if any(name.startswith("leaky") for name in rows["arm"].unique().drop_nulls()):
        found.add("leaky arms")
    if len(named_networks(table)) > 1:
        found.add("two networks")
    return found
