"""Figures of corruptions."""

from collections import Counter
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from keras_selectivity.reports._drawing import palette
from keras_selectivity.reports._drawing import panels
from keras_selectivity.reports._drawing import sideways
from keras_selectivity.reports._series import against_alpha
from keras_selectivity.reports._series import examples
from keras_selectivity.reports._series import matrix
from keras_selectivity.reports._series import mean_with_interval
from keras_selectivity.results import Levels
from keras_selectivity.results import by_label
from keras_selectivity.results import networks
from keras_selectivity.results import pick

_SEVERITIES = range(1, 6)


def corruption(figure: Figure, table: Levels) -> None:
    """Mean corrupted accuracy, and its ratio to clean accuracy."""
    title = _all(table)
    shown = (("accuracy", f"accuracy, {title} (%)"), ("relative_accuracy", "corrupted / clean accuracy (%)"))
    for axes, (measure, label) in zip(panels(figure, 2), shown, strict=True):
        against_alpha(axes, pick(table.rows, measure, perturbation=title), 100)
        axes.set_ylabel(label)
        axes.margins(y=0.2)


def severest(figure: Figure, table: Levels) -> None:
    """Accuracy at severity 5 over clean accuracy, by corruption, of three example alphas."""
    found = corrupted(table).filter(pl.col("severity") == 5)
    shown = examples(found["alpha"].unique().drop_nulls().to_list())
    values = found.join(_clean_accuracy(table), on="model", maintain_order="left")
    # Of a network that gets no image right there is no ratio
    values = values.filter(pl.col("clean") > 0).with_columns(pl.col("value") / pl.col("clean"))
    values = values.filter(pl.col("alpha").is_in(shown) | pl.col("alpha").is_null())
    _by_corruption(figure, table, values, "corrupted / clean accuracy at severity 5 (%)")


def each_corruption(figure: Figure, table: Levels) -> None:
    """Accuracy by corruption, mean over severities."""
    means = (
        corrupted(table)
        .group_by("model", "corruption", maintain_order=True)
        .agg(pl.col("alpha", "label").first(), pl.col("value").mean())
    )
    _by_corruption(figure, table, means, "accuracy, mean over severities (%)")


def trade_off(figure: Figure, table: Levels) -> None:
    """Clean against corrupted accuracy by severity: every network, and their means with both intervals."""
    (axes,) = panels(figure, 1)
    means = (
        corrupted(table)
        .group_by("model", "severity", maintain_order=True)
        .agg(pl.col("alpha", "label").first(), pl.col("value").mean())
    )
    means = means.join(_clean_accuracy(table), on="model", maintain_order="left")
    shades = palette(table)
    at: dict[int, list[tuple[float, float]]] = {severity: [] for severity in _SEVERITIES}
    for label, alpha, part in by_label(means):
        y = 100 * matrix(part, "severity", _SEVERITIES)
        x = 100 * matrix(part.with_columns(value="clean"), "severity", _SEVERITIES)
        if len(y) > 1:
            axes.plot(x, y, "o", ms=3, alpha=0.5, mew=0, color=shades[label])
        for place, severity in enumerate(_SEVERITIES):
            column = slice(place, place + 1)
            options: dict[str, Any] = {"along": True, "called": f"severity {severity}", "ms": 6}
            mean_with_interval(axes, x[:, column], y[:, column], color=shades[label], series=label, **options)
            if alpha is not None:
                at[severity].append((float(np.nanmean(x[:, place])), float(np.nanmean(y[:, place]))))
        axes.plot([], [], "o", ms=6, color=shades[label], label=label)
    for severity, places in at.items():
        if places:
            axes.plot(*np.transpose(places), "-", color="0.75", lw=1, zorder=1)
            axes.annotate(
                f"severity {severity}",
                (1, max(places)[1]),
                (2, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                fontsize=8,
                va="center",
            )
    axes.set(xlabel="clean accuracy (%)", ylabel="corrupted accuracy (%)")


def corrupted(table: Levels) -> pl.DataFrame:
    """Accuracy of networks by `corruption` and `severity`, for corruptions that have every severity; as `pick`."""
    of_severity = table.rows.filter(pl.col("severity").is_not_null())
    found = []
    for name in of_severity["perturbation"].unique(maintain_order=True):
        values = pick(of_severity, "accuracy", x="severity", perturbation=name)
        whole = values.filter(pl.len().over("model") == 5).sort("severity", maintain_order=True)
        found.append(whole.select("model", "severity", "value", corruption=pl.lit(name, pl.String)))
    if not found:
        return networks(of_severity).clear()
    return networks(table.rows).join(pl.concat(found), on="model", maintain_order="left_right")


def _clean_accuracy(table: Levels) -> pl.DataFrame:
    return pick(table.rows, "accuracy", evaluation="clean").select("model", clean="value")


def _all(table: Levels) -> str:
    """What the mean over all corruptions is called; where some networks have more of them, that of most networks."""
    perturbation = pl.col("perturbation").cast(pl.String)
    rows = table.rows.select("model", perturbation).filter(perturbation.str.starts_with("all ")).unique()
    counts = Counter(rows["perturbation"])
    return max(counts, key=lambda name: (counts[name], int(name.split()[1])))


def _by_corruption(figure: Figure, table: Levels, values: pl.DataFrame, label: str) -> None:
    (axes,) = panels(figure, 1)
    names = values.drop_nulls("corruption")["corruption"].unique(maintain_order=True).to_list()
    groups = list(by_label(values.drop_nulls("corruption")))
    shades = palette(table)
    ticks = [name.replace("_", " ") for name in names]
    for number, (title, _, part) in enumerate(groups):
        places = np.arange(len(names)) + 0.75 * ((number + 0.5) / len(groups) - 0.5)
        found = matrix(part, "corruption", names) * 100
        mean_with_interval(
            axes, places, found, color=shades[title], label=title, names=ticks, sideways=True, ms=3.5
        )
    sideways(axes, ticks, label)
    for border in range(1, len(names)):
        axes.axhline(border - 0.5, color="0.92", lw=0.8, zorder=0)
    axes.set_xlim(0, 1.04 * axes.dataLim.x1 if axes.dataLim.x1 > 0 else 1)
