"""Figures of many networks: accuracy against alpha and selectivity, signs compared, learning, preferred classes."""

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from keras_selectivity.reports._drawing import alphas_below
from keras_selectivity.reports._drawing import clean
from keras_selectivity.reports._drawing import colors
from keras_selectivity.reports._drawing import dots
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import legend
from keras_selectivity.reports._training_figures import layered
from keras_selectivity.results import Levels
from keras_selectivity.results import Significance
from keras_selectivity.results import by_label
from keras_selectivity.results import mean_interval
from keras_selectivity.results import networks
from keras_selectivity.results import per_alpha
from keras_selectivity.results import per_model
from keras_selectivity.results import pick
from keras_selectivity.results import rank_sum
from keras_selectivity.results import t95
from keras_selectivity.results import t_test

_STARS = "* p < 0.05, ** p < 0.01"


def accuracy(figure: Figure, table: Levels) -> None:
    """Accuracy against alpha with tests against alpha = 0, its distribution, and accuracy against selectivity."""
    found, index = _of(table, "accuracy"), _of(table, "mean_selectivity")
    means, spread, relation = figure.subplots(1, 3)
    shades = colors(found)
    for place, (alpha, values) in enumerate(found.items()):
        middle, low, high = (100 * v for v in mean_interval(values))
        means.errorbar(
            place, middle, [[middle - low], [high - middle]], fmt="o", color=shades[alpha], capsize=3
        )
        if alpha != 0 and 0.0 in found:
            test = t_test(values, found[0.0], len(found) - 1)
            means.annotate(_stars(test), (place, high), ha="center", va="bottom")
        box = spread.boxplot(
            np.array(values) * 100,
            positions=[place],
            widths=0.6,
            patch_artist=True,
            manage_ticks=False,
            medianprops={"color": "k"},
        )
        box["boxes"][0].set(facecolor=shades[alpha])
        x, x_low, x_high = mean_interval(index[alpha])
        relation.errorbar(
            x,
            middle,
            [[middle - low], [high - middle]],
            [[x - x_low], [x_high - x]],
            fmt="o",
            color=shades[alpha],
            label=f"α = {alpha:g}",
            capsize=2,
        )
    for axes in (means, spread):
        axes.set_xticks(range(len(found)), [f"{a:g}" for a in found], fontsize=8)
        axes.set_xlabel("regulariser scale α")
        axes.margins(y=0.15)
        clean(axes)
    means.set_ylabel("test accuracy (%)")
    fewest = min(map(len, found.values()))
    means.set_title(f"n ≥ {fewest}; {_STARS}" if fewest > 2 else f"n ≥ {fewest}: no tests", fontsize=8)
    relation.set_xlabel("mean selectivity index")
    relation.margins(y=0.15)
    legend(relation)


def signs(figure: Figure, table: Levels) -> None:
    """Accuracy of alpha and -alpha by magnitude with rank-sum tests, and against selectivity."""
    found, index = _of(table, "accuracy"), _of(table, "mean_selectivity")
    magnitudes = sorted({abs(a) for a in found if a})
    left, right = figure.subplots(1, 2)
    shades = colors(found)
    both = [m for m in magnitudes if m in found and -m in found]
    for place, magnitude in enumerate(magnitudes):
        top = 0
        for alpha, shift in ((-magnitude, -0.12), (magnitude, 0.12)):
            if alpha in found:
                percent = np.array(found[alpha]) * 100
                left.plot([place + shift] * len(percent), percent, "o", ms=4, color=shades[alpha], alpha=0.6)
                left.plot(place + shift, percent.mean(), "_", ms=14, mew=2, color=shades[alpha])
                top = max(top, percent.max())
        if magnitude in both:
            test = rank_sum(found[magnitude], found[-magnitude], len(both))
            left.annotate(_stars(test), (place, top), ha="center", va="bottom")
    left.set_xticks(range(len(magnitudes)), [f"{m:g}" for m in magnitudes], fontsize=8)
    left.set(xlabel="|α| (blue: negative, red: positive)", ylabel="test accuracy (%)")
    left.margins(y=0.15)
    clean(left)
    for alpha, values in found.items():
        right.plot(
            index[alpha], np.array(values) * 100, "o", ms=5, color=shades[alpha], label=f"α = {alpha:g}"
        )
    right.set_xlabel("mean selectivity index")
    legend(right)


def learning_time(figure: Figure, table: Levels) -> None:
    """Epochs until 95 % of a run's best test accuracy."""
    found = pick(table.rows, "test_accuracy", x="epoch")
    runs = per_model(found, pl.col("value").sort_by("epoch").implode())
    axes = figure.subplots()
    dots(axes, runs.with_columns(value=pl.Series([t95(run) for run in runs["value"]], dtype=pl.Float64)))
    axes.set_ylabel("epochs to 95 % of the\nbest test accuracy")
    from_zero(axes)
    clean(axes)


def preferred_classes(figure: Figure, table: Levels) -> None:
    """Share of units that change their preferred class at least once, and number of changes."""
    once = pick(table.rows, "val_selectivity/preferred_changed_once", x="epoch")
    shares = pick(table.rows, "val_selectivity/preferred_changed", x="epoch")
    left, right = figure.subplots(1, 2)
    dots(left, per_model(once, pl.col("value").sort_by("epoch").last()), 100)
    left.set_ylabel("units that change their\npreferred class (%)")
    left.set_ylim(0, 105)
    dots(right, per_model(shares, pl.col("value").sum()))
    right.set_ylabel("changes a unit, mean")
    from_zero(right)
    clean(left)
    clean(right)


def precision(figure: Figure, table: Levels) -> None:
    """Mean precision by layer, and over layers."""
    layered(figure, table, "mean_precision", "mean precision", "units")


def information(figure: Figure, table: Levels) -> None:
    """Mean mutual information by layer, and over layers."""
    layered(figure, table, "mean_mutual_information", "mutual information (bits)", "units")


def activity(figure: Figure, table: Levels) -> None:
    """Share of samples that activate a unit: its distribution over units."""
    known = networks(table.rows).select("model", "alpha", "label")
    shares = table.units.filter(pl.col("measure") == "active_share").select("model", "value")
    found = shares.collect(engine="streaming").join(known, on="model", maintain_order="left")
    shades = colors(known["alpha"].unique())
    axes = figure.subplots()
    labels = []
    for place, (label, alpha, part) in enumerate(by_label(found)):
        box = axes.boxplot(
            part["value"] * 100,
            positions=[place],
            widths=0.6,
            whis=2,
            patch_artist=True,
            manage_ticks=False,
            flierprops={"ms": 2},
            medianprops={"color": "k"},
        )
        box["boxes"][0].set(facecolor=shades[alpha])
        labels.append(label)
    alphas_below(axes, labels)
    axes.set(ylabel="samples that activate\na unit (%)", ylim=(-3, 103))
    clean(axes)


def dead_units(figure: Figure, table: Levels) -> None:
    """Share of dead units against alpha."""
    axes = figure.subplots()
    dots(axes, pick(table.rows, "dead_units", evaluation="clean"), 100)
    axes.set_ylabel("dead units (%)")
    axes.set_ylim(0, max(5, 1.08 * axes.dataLim.y1))
    clean(axes)


def _of(table: Levels, measure: str) -> dict[float, list[float]]:
    return per_alpha(pick(table.rows, measure, evaluation="clean"))


def _stars(test: Significance) -> str:
    return "" if not test.significant else "**" if (test.p or 0) < 0.01 else "*"
