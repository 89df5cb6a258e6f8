"""What all figures share: colours, panels with letters, one key for all of them."""

import string
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from keras_selectivity.reports._typography import minus
from keras_selectivity.results import Levels
from keras_selectivity.results import networks

Draw = Callable[[Figure, Levels], None]
GREY = (0.35, 0.35, 0.35, 1.0)
# Three times as dark or light as the ground, also where the page is dark and they are inverted; the two ends of alpha
# and the neighbours in a list differ for the colour-blind, too.
_BLUES = LinearSegmentedColormap.from_list("below", ["#3a97d3", "#1f5fae", "#0a2463"])
_REDS = LinearSegmentedColormap.from_list("above", ["#dd7f0e", "#bf3a12", "#6b0a1c"])
OTHERS = ("#1f5fae", "#c8641a", "#008a70", "#a5479b", "#7a6a00", "#4d4d4d", "#d1495b", "#2a7f9e")
_FEW = 8  # alphas that a legend tells apart; more have a colour bar
_MOST = 18  # entries of a legend
_LONGEST = 24  # characters of a name


def palette(known: pl.DataFrame | Levels) -> dict[str, Any]:
    """A colour per label: blues below zero, grey at zero, orange to red above; others for networks without alpha."""
    if isinstance(known, Levels):
        known = networks(known.rows)
    labels = known.select("label", "alpha").unique(maintain_order=True)
    shades: dict[str, Any] = dict.fromkeys(labels.filter(pl.col("alpha") == 0)["label"], GREY)
    below = labels.filter(pl.col("alpha") < 0).sort("alpha", descending=True)["label"]
    above = labels.filter(pl.col("alpha") > 0).sort("alpha")["label"]
    without = labels.filter(pl.col("alpha").is_null())["label"]
    for names, colormap in ((below, _BLUES), (above, _REDS)):
        places = np.linspace(0, 1, len(names)) if len(names) != 1 else [0.5]
        shades |= dict(zip(names, colormap(places), strict=True))
    return shades | {label: OTHERS[number % len(OTHERS)] for number, label in enumerate(without)}


def panels(
    figure: Figure, columns: int, rows: int = 1, *, lettered: bool = False, **options: Any
) -> list[Axes]:
    """Panels, row by row, with letters where there are, or could be, several."""
    axes = list(figure.subplots(rows, columns, squeeze=False, **options).flat)
    for panel, letter in zip(axes, string.ascii_lowercase, strict=False):
        if lettered or len(axes) > 1:
            panel.set_title(letter, loc="left", fontsize=10, fontweight="bold")
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", color="0.92", lw=0.8)
        panel.set_axisbelow(True)
    return axes


def sideways(axes: Axes, names: Sequence[str], label: str) -> None:
    """Names the places 0, 1, ... of the vertical axis, from the top, for values on the horizontal one."""
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color="0.92", lw=0.8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.tick_params("y", length=0)
    axes.set_xlabel(label)


def key(figure: Figure) -> None:
    """One legend for all panels, beside them, with an entry per label; many alphas have a colour bar instead."""
    found: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    alphas = {alpha: label for label in found if (alpha := _alpha(label)) is not None}
    if len(alphas) > _FEW:
        shown = ListedColormap([_color(found.pop(alphas[alpha])) for alpha in sorted(alphas)])
        bounds = BoundaryNorm(np.arange(len(alphas) + 1) - 0.5, len(alphas))
        bar = figure.colorbar(ScalarMappable(bounds, shown), ax=figure.axes, pad=0.01, aspect=30)
        bar.set_ticks(range(len(alphas)), labels=[minus(f"{alpha:g}") for alpha in sorted(alphas)])
        bar.ax.tick_params(labelsize=7, length=0)
        bar.ax.set_title("α", fontsize=8)
    if len(found) > _MOST:
        more = len(found) - _MOST + 1
        found = {
            **dict(list(found.items())[: _MOST - 1]),
            f"… and {more} more": Line2D([], [], linestyle="None"),
        }
    found = dict(sorted(found.items(), key=lambda entry: _order(entry[0])))
    if found:
        figure.legend(
            found.values(),
            [minus("\n".join(map(short, label.split("\n")))) for label in found],
            loc="outside right upper",
            frameon=False,
            fontsize=8,
        )


def marks(axes: Axes, labels: dict[str, str], **options: Any) -> None:
    """Entries of the key for what markers and lines mean, drawn in grey: label -> a format such as `"o-"`."""
    for label, style in labels.items():
        axes.add_line(Line2D([], [], label=label, **{"color": GREY, **_style(style), **options}))


def short(name: str) -> str:
    """A name with its middle left out, if it is long."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 9]}…{name[-8:]}"


def _alpha(label: str) -> float | None:
    """The alpha that a label is of; a network without alpha may have any name."""
    try:
        return float(label.removeprefix("α = ")) if label.startswith("α = ") else None
    except ValueError:
        return None


def _order(label: str) -> tuple[bool, float]:
    """Alphas first, in ascending order; the rest as it comes."""
    alpha = _alpha(label)
    return alpha is None, alpha or 0


def _style(style: str) -> dict[str, str]:
    line = style.strip("osD^")
    return {"marker": style.removesuffix(line) or "None", "linestyle": line or "None"}


def _color(handle: Any) -> Any:
    return handle.get_color()


def from_zero(axes: Axes) -> None:
    """Lets the vertical axis start at zero."""
    top = 1.08 * axes.dataLim.y1
    axes.set_ylim(0, top if np.isfinite(top) and top > 0 else 1)
