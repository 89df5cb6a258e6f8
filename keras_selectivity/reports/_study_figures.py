"""Figures of many networks: accuracy against alpha and selectivity, signs compared, learning, preferred classes."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_selectivity.reports._descriptions import describe
from keras_selectivity.reports._drawing import OTHERS
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import palette
from keras_selectivity.reports._drawing import panels
from keras_selectivity.reports._series import against_alpha
from keras_selectivity.reports._series import every_network
from keras_selectivity.reports._series import mark
from keras_selectivity.reports._series import matrix
from keras_selectivity.reports._series import mean_with_interval
from keras_selectivity.reports._series import name_places
from keras_selectivity.results import MAIN
from keras_selectivity.results import Levels
from keras_selectivity.results import by_label
from keras_selectivity.results import in_arm
from keras_selectivity.results import mean_interval
from keras_selectivity.results import networks
from keras_selectivity.results import per_alpha
from keras_selectivity.results import per_model
from keras_selectivity.results import pick
from keras_selectivity.results import rank_sum
from keras_selectivity.results import t95
from keras_selectivity.results import t_test

_BESIDE = 0.15  # how far the two signs of a magnitude stand from its tick


def accuracy(figure: Figure, table: Levels) -> None:
    """Accuracy against alpha with tests against alpha = 0, and against selectivity."""
    found, index = _of(table, "accuracy"), _of(table, "mean_selectivity")
    means, relation = panels(figure, 2, sharey=True)
    shades = palette(table)
    for place, (alpha, values) in enumerate(found.items()):
        label, percent = f"α = {alpha:g}", 100 * np.array(values)
        shown = {"color": shades[label], "ms": 6}
        _distribution(means, place, percent, shades[label])
        mean_with_interval(means, [place], percent[:, np.newaxis], series=label, **shown)
        mean_with_interval(
            relation,
            np.array(index[alpha])[:, np.newaxis],
            percent[:, np.newaxis],
            label=label,
            along=True,
            **shown,
        )
        if alpha != 0 and 0.0 in found:
            test = t_test(values, found[0.0], len(found) - 1)
            mark(means, place, test.p, max(mean_interval(percent)[2], *percent))
    name_places(means, [f"α = {alpha:g}" for alpha in found])
    means.set_ylabel("test accuracy (%)")
    means.margins(y=0.12)
    _along_selectivity(relation, [float(np.mean(index[alpha])) for alpha in found], found)


def _along_selectivity(axes: Axes, means: list[float], found: dict[float, list[float]]) -> None:
    """The axis of selectivity, and a thin line that follows alpha through the means."""
    heights = [100 * float(np.mean(values)) for values in found.values()]
    axes.plot(means, heights, "-", color="0.75", lw=1, zorder=1)
    axes.set_xlabel("mean selectivity index")
    axes.margins(x=0.08)
    axes.locator_params("x", nbins=6)


def signs(figure: Figure, table: Levels) -> None:
    """Accuracy of alpha and -alpha by magnitude with rank-sum tests."""
    found = _of(table, "accuracy")
    magnitudes = sorted({abs(alpha) for alpha in found if alpha})
    (axes,) = panels(figure, 1)
    shades = palette(table)
    both = [m for m in magnitudes if m in found and -m in found]
    for place, magnitude in enumerate(magnitudes):
        for alpha in (-magnitude, magnitude):
            if alpha in found:
                percent, label = 100 * np.array(found[alpha]), f"α = {alpha:g}"
                beside = place + (np.sign(alpha) * _BESIDE if magnitude in both else 0)
                every_network(axes, beside, percent, shades[label])
                mean_with_interval(
                    axes, [beside], percent[:, np.newaxis], color=shades[label], label=label, ms=6
                )
        if magnitude in both:
            test = rank_sum(found[magnitude], found[-magnitude], len(both))
            mark(axes, place, test.p, 100 * max(*found[magnitude], *found[-magnitude]))
    name_places(axes, [f"α = {m:g}" for m in magnitudes])
    axes.set(xlabel="|α| (not to scale)", ylabel="test accuracy (%)")
    axes.margins(y=0.12)


def compared(figure: Figure, parts: Iterable[tuple[str, Levels]]) -> None:
    """Accuracy and selectivity against alpha, a line per part of a table."""
    known = [(title, part) for title, part in parts if part.rows.height]
    shown = (("accuracy", "test accuracy (%)", 100), ("mean_selectivity", "mean selectivity index", 1))
    for axes, (measure, label, scale) in zip(panels(figure, 2), shown, strict=True):
        found = [(title, pick(part.rows, measure, evaluation="clean")) for title, part in known]
        found = [(title, picked.drop_nulls("alpha")) for title, picked in found]
        alphas = sorted({alpha for _, picked in found for alpha in picked["alpha"]})
        for number, (title, picked) in enumerate(found):
            samples, shift = matrix(picked, "alpha", alphas) * scale, 0.06 * (number - (len(found) - 1) / 2)
            places = np.arange(len(alphas)) + shift
            names = [f"α = {alpha:g}" for alpha in alphas]
            color = OTHERS[number % len(OTHERS)]
            mean_with_interval(axes, places, samples, color=color, style="o-", label=title, names=names)
        name_places(axes, [f"α = {alpha:g}" for alpha in alphas])
        axes.set_ylabel(label)
        from_zero(axes)


def leaky(figure: Figure, table: Levels) -> None:
    """Leaky units of several slopes beside ReLUs."""
    arms = sorted(name for name in table.rows["arm"].unique().drop_nulls() if name.startswith("leaky"))
    titles = {MAIN: "ReLU", **{name: name.replace("_", " ReLU, slope ", 1) for name in arms}}
    compared(figure, ((title, table.filter(in_arm(arm))) for arm, title in titles.items()))


def architectures(figure: Figure, table: Levels) -> None:
    """The architectures of a table beside each other: of its grid, and of arms that are named after one."""
    names = named_networks(table)
    own = table.filter(pl.col("arm").cast(pl.String).fill_null(MAIN).is_in([MAIN, *names]))
    compared(figure, ((name, own.filter(pl.col("network") == name)) for name in names))


def named_networks(table: Levels) -> list[str]:
    """Names of the architectures in a table, of networks with an alpha."""
    known = table.rows.filter(pl.col("alpha").is_not_null())["network"]
    return sorted(str(name) for name in known.unique().drop_nulls())


def learning_time(figure: Figure, table: Levels) -> None:
    """Epochs until 95 % of a run's best test accuracy."""
    found = pick(table.rows, "test_accuracy", x="epoch")
    runs = per_model(found, pl.col("value").sort_by("epoch").implode())
    (axes,) = panels(figure, 1)
    times = pl.Series([t95(run) for run in runs["value"]], dtype=pl.Float64)
    against_alpha(axes, runs.with_columns(value=times))
    axes.set_ylabel("epochs to 95 % of the\nbest test accuracy")
    from_zero(axes)


def preferred_classes(figure: Figure, table: Levels) -> None:
    """Share of units that change their preferred class at least once, and number of changes."""
    once = pick(table.rows, "val_selectivity/preferred_changed_once", x="epoch")
    shares = pick(table.rows, "val_selectivity/preferred_changed", x="epoch")
    left, right = panels(figure, 2)
    against_alpha(left, per_model(once, pl.col("value").sort_by("epoch").last()), 100)
    left.set(ylabel="units that change their\npreferred class (%)", ylim=(0, 105))
    against_alpha(right, per_model(shares, pl.col("value").sum()))
    right.set_ylabel("changes per unit, mean")
    from_zero(right)


def activity(figure: Figure, table: Levels) -> None:
    """Share of samples that activate a unit: its distribution over units."""
    known = networks(table.rows).select("model", "alpha", "label")
    shares = table.units.filter(pl.col("measure") == "active_share").select("model", "value")
    found = shares.collect(engine="streaming").join(known, on="model", maintain_order="left")
    shades = palette(known)
    (axes,) = panels(figure, 1)
    labels = []
    for place, (label, _, part) in enumerate(by_label(found)):
        values = part["value"].to_numpy() * 100
        _box(axes, place, values, shades[label])
        (line,) = axes.plot(place, np.median(values), "_", color="w", ms=14, mew=1.5, zorder=3)
        low, high = np.quantile(values, [0.25, 0.75])
        describe(line, label, low=low, high=high, called="median and quartiles")
        labels.append(label)
    name_places(axes, labels)
    axes.set(ylabel="samples that activate\na unit (%)", ylim=(-3, 103))


def dead_units(figure: Figure, table: Levels) -> None:
    """Share of dead units against alpha."""
    (axes,) = panels(figure, 1)
    against_alpha(axes, pick(table.rows, "dead_units", evaluation="clean"), 100)
    axes.set_ylabel("dead units (%)")
    axes.set_ylim(0, max(5, 1.08 * axes.dataLim.y1))


def _distribution(axes: Axes, place: float, values: np.ndarray, color: Any) -> None:
    """Every network as a dot; with ten and more, a violin."""
    if len(values) >= 10 and np.ptp(values) > 0:
        shown: dict[str, Any] = axes.violinplot(values, [place], widths=0.9, showextrema=False)
        shown["bodies"][0].set(facecolor=color, alpha=0.25)
    else:
        every_network(axes, place, values, color)


def _box(axes: Axes, place: float, values: np.ndarray, color: Any) -> None:
    """A box of quartiles with whiskers from the 5th to the 95th percentile."""
    shown = axes.boxplot(
        values,
        positions=[place],
        patch_artist=True,
        manage_ticks=False,
        widths=0.5,
        whis=(5, 95),
        showfliers=False,
    )
    shown["boxes"][0].set(facecolor=color, edgecolor=color)
    for part in (*shown["whiskers"], *shown["caps"]):
        part.set(color=color, linewidth=1.2)
    for part in shown["medians"]:
        part.set_visible(False)


def _of(table: Levels, measure: str) -> dict[float, list[float]]:
    return per_alpha(pick(table.rows, measure, evaluation="clean"))
