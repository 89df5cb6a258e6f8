"""What was studied in a line, and in five numbers."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from keras_selectivity.claims import AGREES
from keras_selectivity.claims import DISAGREES
from keras_selectivity.claims import UNDECIDED
from keras_selectivity.claims import UNTESTED
from keras_selectivity.reports._series import examples
from keras_selectivity.results import Levels
from keras_selectivity.results import in_arm
from keras_selectivity.results import networks
from keras_selectivity.results import per_alpha
from keras_selectivity.results import pick


@dataclass(frozen=True)
class Number:
    """A number of the first screen: what it is, of what, and what goes with it."""

    value: str
    label: str
    note: str = ""


def facts(table: Levels) -> list[tuple[str, str]]:
    """What was studied: names and values."""
    rows = table.rows
    tested = rows.filter(pl.col("measure") == "accuracy", pl.col("samples") > 0)
    found = [("Network", _names(rows["network"])), ("Data set", _names(rows["dataset"]))]
    alphas = sorted(rows["alpha"].unique().drop_nulls())
    if alphas:
        texts = [f"{alpha:g}" for alpha in alphas]
        found.append(
            ("α", ", ".join(texts) if len(texts) < 8 else f"{texts[0]} to {texts[-1]} ({len(texts)})")
        )
    seeds = rows.filter(pl.col("alpha").is_not_null())["seed"].drop_nulls().n_unique()
    found.append(("Seeds", str(seeds) if seeds else ""))
    epochs = sorted(rows.filter(pl.col("epochs") > 0)["epochs"].unique())
    found.append(("Epochs", ", ".join(map(str, epochs))))
    if tested.height:
        found.append(("Test images", f"{max(tested['samples']):,}"))
    return [(name, value) for name, value in found if value]


@dataclass(frozen=True)
class Change:
    """What an alpha changes from alpha = 0: selectivity by a share, accuracy by points."""

    alpha: float
    selectivity: str
    accuracy: str


@dataclass(frozen=True)
class TradeOff:
    """The grid of a study in brief: accuracy and selectivity at alpha = 0, and what the example alphas change."""

    accuracy: str
    selectivity: str
    changes: list[Change]


def trade_off(table: Levels) -> TradeOff | None:
    """The trade-off of the grid of a study, where it has one architecture, alpha = 0 and another alpha."""
    rows = table.filter(in_arm()).rows
    accuracy, index = (
        {
            alpha: float(np.mean(values))
            for alpha, values in per_alpha(pick(rows, name, evaluation="clean")).items()
        }
        for name in ("accuracy", "mean_selectivity")
    )
    several = rows.filter(pl.col("alpha").is_not_null())["network"].drop_nulls().n_unique() > 1
    both = sorted(set(accuracy) & set(index))
    if several or 0.0 not in both or len(both) < 2:
        return None
    changes = []
    for alpha in filter(None, examples(both)):
        share = f"{index[alpha] / index[0.0] - 1:+.0%}" if index[0.0] > 0 else f"{index[alpha]:.3g}"
        changes.append(Change(alpha, share, f"{100 * (accuracy[alpha] - accuracy[0.0]):+.1f} points"))
    return TradeOff(f"{accuracy[0.0]:.1%}", f"{index[0.0]:.3g}", changes)


def how_many(table: Levels) -> Number:
    """The networks of a table."""
    known = networks(table.rows)
    alphas, seeds = known.drop_nulls("alpha").select(pl.col("alpha", "seed").n_unique()).row(0)
    of = f"{alphas} α, {seeds} seed{'s' * (seeds > 1)}" if alphas else ""
    return Number(str(known.height), f"network{'s' * (known.height > 1)}", of)


def five_numbers(table: Levels, claims: pl.DataFrame | None) -> list[Number]:
    """The numbers of the first screen."""
    found = [how_many(table)]
    if grid := trade_off(table):
        found.append(Number(grid.accuracy, "test accuracy at α = 0", f"mean selectivity {grid.selectivity}"))
        found += [
            Number(each.selectivity, f"selectivity at α = {each.alpha:g}", f"accuracy {each.accuracy}")
            for each in grid.changes
        ]
    else:
        found += _of_any(table)
    if claims is not None and (claims["verdict"] != UNTESTED).any():
        found.append(_verdicts(claims))
    else:
        dead = pick(table.rows, "dead_units", evaluation="clean")
        if dead.height:
            worst = dead.sort("value")[-1]
            found.append(Number(f"{worst['value'][0]:.1%}", "most dead units", f"{worst['label'][0]}"))
    return found[:5]


def _of_any(table: Levels) -> list[Number]:
    """Numbers of networks that have no alpha = 0 to be compared with."""
    found = []
    accuracy = pick(table.rows, "accuracy", evaluation="clean").sort("value", descending=True)
    if accuracy.height:
        label = "best test accuracy" if accuracy.height > 1 else "test accuracy"
        found.append(Number(f"{accuracy['value'][0]:.1%}", label, str(accuracy["label"][0])))
    index = pick(table.rows, "mean_selectivity", evaluation="clean").sort("value")
    if index.height:
        ends = (f"{index['value'][0]:.3g}", f"{index['value'][-1]:.3g}")
        found.append(Number(" – ".join(dict.fromkeys(ends)), "mean selectivity index"))
    units = pick(table.rows, "units", x="layer", evaluation="clean")
    if units.height:
        counts = units.group_by("model").agg(pl.col("value").sum(), layers=pl.len()).sort("value")
        found.append(Number(f"{counts['value'][-1]:,.0f}", "units", f"{counts['layers'][-1]} layers"))
    return found


def _verdicts(claims: pl.DataFrame) -> Number:
    count = {
        name: int((claims["verdict"] == name).sum()) for name in (AGREES, DISAGREES, UNDECIDED, UNTESTED)
    }
    tested = sum(count.values()) - count[UNTESTED]
    note = f"{count[DISAGREES]} disagree, {count[UNDECIDED]} undecided"
    return Number(f"{count[AGREES]} of {tested}", "tested claims agree", note)


def _names(column: pl.Series) -> str:
    return ", ".join(sorted(map(str, column.unique().drop_nulls())))
