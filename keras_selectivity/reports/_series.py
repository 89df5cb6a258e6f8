"""The one way to draw a mean over networks with its 95 % interval, against alpha, layers, or any numbers."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from keras_selectivity.reports._descriptions import describe
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import palette
from keras_selectivity.reports._drawing import short
from keras_selectivity.reports._typography import minus
from keras_selectivity.results import Levels
from keras_selectivity.results import by_label
from keras_selectivity.results import mean_interval
from keras_selectivity.results import pick

STARS = "* p < 0.05, ** p < 0.01"
_Array = NDArray[np.float64]


def mean_with_interval(
    axes: Axes,
    x: ArrayLike,
    samples: _Array,
    *,
    color: Any,
    style: str = "o",
    band: bool = False,
    label: str | None = None,
    series: str | None = None,
    names: Sequence[str] = (),
    along: bool = False,
    called: str = "",
    sideways: bool = False,
    **options: Any,
) -> None:
    """Draws the means over networks with their 95 % intervals over seeds.

    Args:
        axes: Panel.
        x: `(places,)` numbers, or `(networks, places)`: then their means have intervals, too.
        samples: `(networks, places)`, NaN for what a network lacks.
        color: Of all of it.
        style: Marker and line.
        band: Whether the intervals are a band along the line, in place of bars.
        label: What the key says of it.
        series: What is said of its points that they are of, such as an alpha; the label if left out.
        names: What is said of each of them, where the axis has no numbers.
        along: Whether the axis has numbers.
        called: What tells them from other points of that series.
        sideways: Whether the values are on the horizontal axis.
        options: Of the line.
    """
    across = np.asarray(x, float)
    means, errors = _summary(samples)
    across, x_errors = _summary(across) if across.ndim > 1 else (across, None)
    there = np.isfinite(means)
    low, high = means - errors[0], means + errors[1]
    places = (means[there], across[there]) if sideways else (across[there], means[there])
    (line,) = axes.plot(*places, style, color=color, label=label, **{"ms": 4, "zorder": 3, **options})
    describe(
        line,
        series or label,
        names=[name for name, shown in zip(names, there, strict=False) if shown],
        along=along,
        low=low[there],
        high=high[there],
        called=called,
        sideways=sideways,
    )
    if not np.isfinite(errors).any():
        return
    if band:
        axes.fill_between(across[there], low[there], high[there], color=color, alpha=0.15, lw=0)
        return
    bars: Any = {"fmt": "none", "ecolor": color, "elinewidth": 1.2, "capsize": 2}
    if sideways:
        axes.errorbar(means, across, xerr=errors, yerr=x_errors, **bars)
    else:
        axes.errorbar(across, means, yerr=errors, xerr=x_errors, **bars)


def _summary(samples: _Array) -> tuple[_Array, _Array]:
    """Means of columns, `(places,)`, and how far the interval reaches below and above, `(2, places)`."""
    found = []
    for column in samples.T:
        values = column[np.isfinite(column)]
        mean, low, high = mean_interval(values) if len(values) else (np.nan,) * 3
        reach = (mean - low, high - mean) if len(values) > 1 else (np.nan, np.nan)
        found.append((mean, *reach))
    means, below, above = np.array(found, float).reshape(-1, 3).T
    return means, np.array([below, above])


def curves(axes: Axes, picked: pl.DataFrame, x: str, scale: float = 1, of_x: float = 1) -> None:
    """One line with a band per label through what `pick` returns with an x that is a number."""
    places = sorted(picked[x].unique())
    shades = palette(picked)
    for label, alpha, part in by_label(picked):
        samples = matrix(part, x, places) * scale
        style = "o--" if alpha is None else "o-"
        mean_with_interval(
            axes,
            np.array(places) * of_x,
            samples,
            color=shades[label],
            style=style,
            band=True,
            label=label,
            along=True,
            ms=3,
        )


def layers_of(axes: Axes, table: Levels, measure: str, label: str, **where: Any) -> None:
    """One line with a band per label through a measure by layer; layers are numbered from the input side."""
    picked = pick(table.rows, measure, x="layer", **where)
    layers = layer_names(table)
    numbered = picked.with_columns(
        layer=pl.col("layer").cast(pl.String).replace_strict(layers, range(1, len(layers) + 1))
    )
    curves(axes, numbered, "layer")
    number_layers(axes)
    axes.set_ylabel(label)
    from_zero(axes)


def number_layers(axes: Axes) -> None:
    """Numbers the places 1, 2, ... of a horizontal axis as layers."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
    axes.set_xlabel("layer, input side first")


def layer_names(table: Levels) -> list[str]:
    """Names of layers, those of the input side first, as figures number them."""
    rows = table.rows.filter(pl.col("layer").is_not_null(), pl.col("epoch").is_null())
    return [str(name) for name in rows["layer"].unique(maintain_order=True)]


def against_alpha(
    axes: Axes,
    picked: pl.DataFrame,
    scale: float = 1,
    *,
    marker: str = "o",
    shift: float = 0,
    called: str = "",
) -> None:
    """A place per alpha: every network as a dot, and their mean with its interval.

    Args:
        axes: Panel.
        picked: What `pick` returns without an x.
        scale: What values are multiplied by.
        marker: Of the means.
        shift: To the right of the place.
        called: What tells these points from others at the same place.
    """
    shades = palette(picked)
    groups = [(label, part["value"].to_numpy() * scale) for label, _, part in by_label(picked)]
    for place, (label, values) in enumerate(groups):
        every_network(axes, place + shift, values, shades[label])
        mean_with_interval(
            axes,
            [place + shift],
            values[:, np.newaxis],
            color=shades[label],
            style=marker,
            series=label,
            called=called,
            ms=6 if len(groups) < 16 else 4,
        )
    name_places(axes, [label for label, _ in groups])


def every_network(axes: Axes, x: float, values: _Array, color: Any) -> None:
    """A small dot per network, beside each other; none where there is one network, which is its mean."""
    if len(values) > 1:
        places = x + np.linspace(-0.13, 0.13, len(values))
        axes.plot(places, values, "o", color=color, ms=3, alpha=0.5, mew=0)


def name_places(axes: Axes, labels: Sequence[str]) -> None:
    """Names the places 0, 1, ... of a horizontal axis after alphas (`α = ...`), or networks without one."""
    texts = [minus(label.removeprefix("α = ")) for label in labels]
    upright = len(texts) > 7
    if upright:
        texts = [short(text) for text in texts]
    else:  # names of networks: a word below the other
        texts = [
            "\n".join(textwrap.wrap(text.replace("_", " "), 10, max_lines=4, placeholder="…"))
            for text in texts
        ]
    named = range(0, len(texts), 1 + len(texts) // 26)  # as many as there is room for
    size = 8 if len(texts) < 16 else 7
    axes.set_xticks(named, [texts[place] for place in named], fontsize=size, rotation=90 * upright)
    axes.set_xlim(-0.6, len(texts) - 0.4)
    axes.set_xlabel("α (not to scale)" if any(label.startswith("α = ") for label in labels) else "network")


def mark(axes: Axes, place: float, p: float | None, top: float) -> None:
    """Stars above a place, `STARS`."""
    stars = "" if p is None or p >= 0.05 else "**" if p < 0.01 else "*"
    axes.annotate(
        stars, (place, top), (0, 3), textcoords="offset points", ha="center", va="bottom", fontsize=8
    )


def examples(alphas: Sequence[float]) -> list[float]:
    """The papers' example alphas -2, 0 and 2: of those there are, the nearest to them on their side of 0."""
    below, above = [a for a in alphas if a < 0], [a for a in alphas if a > 0]
    far_below, far_above = [a for a in below if a >= -2], [a for a in above if a <= 2]
    found = [min(far_below) if far_below else max(below)] if below else []
    found += [a for a in alphas if a == 0]
    return found + ([max(far_above) if far_above else min(above)] if above else [])


def matrix(part: pl.DataFrame, column: str, names: Sequence[Any]) -> _Array:
    """What `pick` returns of one label as `(networks, names)`, NaN where there is nothing."""
    models = {model: number for number, model in enumerate(part["model"].unique(maintain_order=True))}
    places = {name: number for number, name in enumerate(names)}
    found = np.full((len(models), len(places)), np.nan)
    for model, name, value in part.select("model", column, "value").iter_rows():
        found[models[model], places[name]] = value
    return found
