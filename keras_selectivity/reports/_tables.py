"""The main numbers of networks, as text for a terminal and as cells for a page."""

from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace

import numpy as np
import polars as pl

from keras_selectivity.results import MAIN
from keras_selectivity.results import Column
from keras_selectivity.results import Table
from keras_selectivity.results import levels
from keras_selectivity.results import mean_interval
from keras_selectivity.results import networks
from keras_selectivity.results import pick

WIDTH = 100
"""Columns that a table for the terminal may fill."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table on a page: what it says, what stands small below it, and what it links to."""

    text: str
    note: str = ""
    link: str = ""


def table(rows: Table, columns: Iterable[Column], width: int | None = None) -> str:
    """One line per network, as aligned text: alpha, seed, and the main numbers there are.

    Args:
        rows: What `keras_selectivity.results.read` or `scan` returns.
        columns: The numbers, such as `keras_selectivity.measurements.columns` returns.
        width: Longest line. What does not fit follows in further tables below the first, each with network and seed.
            Defaults to lines as long as they get.

    Raises:
        InputError: The rows mix protocols.
    """
    heads, lines = cells(levels(rows).rows, columns)
    texts = [heads, *([cell.text for cell in line] for line in lines)]
    widths = [max(len(line[i]) for line in texts) for i in range(len(heads))]
    return "\n\n".join(
        "\n".join("  ".join(line[i].rjust(widths[i]) for i in shown) for line in texts)
        for shown in _blocks(widths, width)
    )


def _blocks(widths: list[int], width: int | None) -> list[list[int]]:
    """Numbers of the columns of tables of at most a width, each with the first two."""
    blocks: list[list[int]] = [[0, 1]]
    for column in range(2, len(widths)):
        fits = width is None or sum(widths[i] + 2 for i in blocks[-1]) + widths[column] <= width
        if fits or len(blocks[-1]) == 2:
            blocks[-1].append(column)
        else:
            blocks.append([0, 1, column])
    return blocks


def layer_table(rows: Table) -> str:
    """Selectivity of one network by layer, as aligned text."""
    found = levels(rows).rows
    width = max((len(name) for name in found["layer"].unique().drop_nulls()), default=0)
    values = [
        dict(pick(found, measure, x="layer", evaluation="clean").select("layer", "value").iter_rows())
        for measure in ("units", "mean_selectivity", "sd_selectivity", "dead_units")
    ]
    forms = ("{:5.0f}", "{:11.4f}", "{:5.3f}", "{:5.1%}")
    lines = [f"{'layer':{width}}  units  selectivity     sd   dead"]
    for layer in values[0]:
        shown = [
            form.format(of[layer]) if layer in of else "–".rjust(len(form.format(0)))
            for form, of in zip(forms, values, strict=True)
        ]
        lines.append("  ".join([layer.ljust(width), *shown]))
    return "\n".join(lines)


def cells(
    rows: pl.DataFrame, shown: Iterable[Column], by_alpha: bool = False
) -> tuple[list[str], list[list[Cell]]]:
    """The main numbers: a line per network, or a line per arm and alpha with intervals over seeds.

    Returns:
        `(heads, lines)`.
    """
    columns: list[tuple[str, str, dict[str, float]]] = []
    for column in _each(rows, shown):
        found = pick(rows, column.quantity, evaluation=column.evaluation, **column.where)
        if found.height:
            columns.append((column.heading, column.format, dict(found.select("model", "value").iter_rows())))
    headings = [heading for heading, *_ in columns]
    known = networks(rows)
    lines = []
    if by_alpha:
        arm, label = pl.col("arm").cast(pl.String), pl.col("label")
        known = known.with_columns(group=pl.when(arm == MAIN).then(label).otherwise(arm + ", " + label))
        for (group,), part in known.group_by("group", maintain_order=True):
            names = part["model"].to_list()
            numbers = [_mean(form, [of[name] for name in names if name in of]) for _, form, of in columns]
            lines.append([Cell(str(group)), Cell(str(len(names))), *numbers])
        return ["networks", "seeds", *headings], lines
    for name, seed, label in known.select("model", "seed", "label").iter_rows():
        numbers = [Cell(form.format(of[name]) if name in of else "") for _, form, of in columns]
        lines.append([Cell(label), Cell("" if seed is None else str(seed)), *numbers])
    return ["network", "seed", *headings], lines


def _each(rows: pl.DataFrame, shown: Iterable[Column]) -> Iterator[Column]:
    """The columns, with one for every perturbation in place of those that tell what it begins with."""
    names = sorted(str(name) for name in rows["perturbation"].unique().drop_nulls())
    for column in shown:
        if not column.begins:
            yield column
        for name in names if column.begins else ():
            if name.startswith(column.begins):
                heading = column.heading.format(name.removeprefix(column.begins))
                yield replace(
                    column, heading=heading, where={**column.where, "perturbation": name}, begins=""
                )


def _mean(form: str, values: list[float]) -> Cell:
    if not values:
        return Cell("")
    mean, low, high = mean_interval(values)
    note = ""
    if len(values) > 1:  # from ten values on, intervals are not symmetric
        symmetric = np.isclose(high - mean, mean - low)
        note = f"± {form.format(high - mean)}" if symmetric else f"{form.format(low)} to {form.format(high)}"
    return Cell(form.format(mean), note)
