"""Figures of attacks, corruptions and input gradients.

They follow the figures of "On the relationship between class selectivity, dimensionality, and
robustness" that are named with each.
"""

import matplotlib
import numpy as np
import polars as pl
from matplotlib.figure import Figure

from keras_selectivity.reports._drawing import clean
from keras_selectivity.reports._drawing import colors
from keras_selectivity.reports._drawing import curves
from keras_selectivity.reports._drawing import dots
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import legend
from keras_selectivity.reports._drawing import matrix
from keras_selectivity.reports._training_figures import layers_of
from keras_selectivity.results import Levels
from keras_selectivity.results import by_label
from keras_selectivity.results import networks
from keras_selectivity.results import pick


def attacks(figure: Figure, table: Levels) -> None:
    """Accuracy against FGSM strength and PGD steps (Figures 2a, b and A7a, b)."""
    fgsm, pgd = figure.subplots(1, 2)
    curves(fgsm, pick(table.rows, "accuracy", x="epsilon", perturbation="fgsm"), "epsilon", 100, 255)
    fgsm.set_xscale("symlog", base=2, linthresh=0.125)
    ticks = (0, 0.25, 0.5, 1, 2, 4, 8, 16)
    fgsm.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    fgsm.set_xlim(0, None)
    fgsm.set(xlabel="FGSM: ε · 255", ylabel="test accuracy (%)")
    curves(pgd, pick(table.rows, "accuracy", x="steps", perturbation="pgd"), "steps", 100)
    pgd.set(xlabel="PGD: steps", ylabel="test accuracy (%)")
    for axes in (fgsm, pgd):
        axes.set_ylim(0, 100)
        legend(axes)


def jacobian(figure: Figure, table: Levels) -> None:
    """Mean norm of the input-output Jacobian (Figures 2c and A7c), with its interval over samples."""
    axes = figure.subplots()
    dots(axes, pick(table.rows, "jacobian_norm_mean"))
    low, high = (pick(table.rows, f"jacobian_norm_mean_{end}") for end in ("low", "high"))
    for x, (_, _, part) in enumerate(by_label(low.join(high, on="model", maintain_order="left"))):
        for bottom, top in part.select("value", "value_right").iter_rows():
            axes.plot([x, x], [bottom, top], color="0.2", lw=1.2)
    axes.set_ylabel("Jacobian, Frobenius norm")
    from_zero(axes)
    clean(axes)


def corruption(figure: Figure, table: Levels) -> None:
    """Mean corrupted accuracy, its ratio to clean accuracy (Figures 1a, b and A4a, b)."""
    title = _all(table)
    panels = (("accuracy", f"accuracy, {title} (%)"), ("relative_accuracy", "corrupted / clean accuracy (%)"))
    for axes, (measure, label) in zip(figure.subplots(1, 2), panels, strict=True):
        dots(axes, pick(table.rows, measure, perturbation=title), 100)
        axes.set_ylabel(label)
        axes.margins(y=0.2)
        clean(axes)


def severest(figure: Figure, table: Levels) -> None:
    """Accuracy at severity 5 over clean accuracy, by corruption (Figures 1c and A4c)."""
    found = corrupted(table).filter(pl.col("severity") == 5)
    values = found.join(_clean_accuracy(table), on="model", maintain_order="left")
    _bars(
        figure,
        values.with_columns(pl.col("value") / pl.col("clean")),
        "corrupted / clean accuracy\nat severity 5 (%)",
    )


def each_corruption(figure: Figure, table: Levels) -> None:
    """Accuracy by corruption, mean over severities (Figures A2 and A5)."""
    means = (
        corrupted(table)
        .group_by("model", "corruption", maintain_order=True)
        .agg(pl.col("alpha", "label").first(), pl.col("value").mean())
    )
    _bars(figure, means, "accuracy, mean over\nseverities (%)")


def trade_off(figure: Figure, table: Levels) -> None:
    """Clean against corrupted accuracy by severity (Figures A3 and A6)."""
    axes = figure.subplots()
    means = (
        corrupted(table)
        .group_by("model", "severity", maintain_order=True)
        .agg(pl.col("alpha", "label").first(), pl.col("value").mean())
    )
    means = means.join(_clean_accuracy(table), on="model", maintain_order="left")
    shades = colors(means["alpha"].unique())
    borders = matplotlib.colormaps["viridis"]([0.0, 0.25, 0.5, 0.75, 1.0])
    for severity, alpha, label, mean, accuracy in means.select(
        "severity", "alpha", "label", "value", "clean"
    ).iter_rows():
        axes.plot(
            accuracy * 100,
            mean * 100,
            "o",
            ms=9,
            mew=2,
            color=shades[alpha],
            markeredgecolor=borders[severity - 1],
            label=label if severity == 1 else None,
        )
    for severity, border in zip(range(1, 6), borders, strict=True):
        axes.plot([], [], "o", ms=7, mew=2, color="w", markeredgecolor=border, label=f"severity {severity}")
    axes.set(xlabel="clean accuracy (%)", ylabel="corrupted accuracy (%)")
    legend(axes, loc="center left", bbox_to_anchor=(1, 0.5))


def unit_gradients(figure: Figure, table: Levels) -> None:
    """Variation of the input-unit gradients over samples and over units, by layer."""
    panels = (("samples", "CV over samples,\nmean over units"), ("units", "CV over units"))
    for axes, (over, label) in zip(figure.subplots(1, 2), panels, strict=True):
        layers_of(axes, table, f"unit_gradient_variation_over_{over}", label)
        axes.tick_params("x", labelsize=6, labelrotation=90)
        axes.autoscale(axis="y")
        if np.isfinite(axes.dataLim.minposy):  # there is something above zero
            axes.set_yscale("log")


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
    """What the mean over all corruptions is called."""
    names = table.rows["perturbation"].unique(maintain_order=True).drop_nulls()
    return next(name for name in names if name.startswith("all "))


def _bars(figure: Figure, values: pl.DataFrame, label: str) -> None:
    axes = figure.subplots()
    names = values["corruption"].unique(maintain_order=True).to_list()
    groups = list(by_label(values))
    shades = colors(values["alpha"].unique())
    width = 0.8 / len(groups)
    for i, (title, alpha, part) in enumerate(groups):
        found = matrix(part, "corruption", names) * 100
        places = np.arange(len(names)) + (i - (len(groups) - 1) / 2) * width
        axes.bar(places, found.mean(axis=0), width, color=shades[alpha], label=title)
        for heights in found if len(found) > 1 else ():
            axes.plot(places, heights, ".", color="k", ms=2)
    axes.set_xticks(
        range(len(names)), [n.replace("_", " ") for n in names], rotation=35, ha="right", fontsize=8
    )
    axes.set_ylabel(label)
    legend(axes, ncols=min(len(groups), 8), loc="lower center", bbox_to_anchor=(0.5, 1.0))
