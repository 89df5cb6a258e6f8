"""What all figures share: colours, panels with letters, one key for all of them, files."""

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file
from keras_selectivity.results import Levels
from keras_selectivity.results import networks

Draw = Callable[[Figure, Levels], None]
GREY = (0.35, 0.35, 0.35, 1.0)
FORMATS = ("png", "svg", "pdf")
# Without a date in it, the same rows give the same file.
_DATES: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
_FEW = 8  # alphas that a legend tells apart; more have a colour bar
_MOST = 18  # entries of a legend
_LONGEST = 24  # characters of a name


def palette(known: pl.DataFrame | Levels) -> dict[str, Any]:
    """A colour per label: blues below zero, grey at zero, yellow to red above; others for networks without alpha."""
    if isinstance(known, Levels):
        known = networks(known.rows)
    labels = known.select("label", "alpha").unique(maintain_order=True)
    shades: dict[str, Any] = dict.fromkeys(labels.filter(pl.col("alpha") == 0)["label"], GREY)
    below = labels.filter(pl.col("alpha") < 0).sort("alpha", descending=True)["label"]
    above = labels.filter(pl.col("alpha") > 0).sort("alpha")["label"]
    without = labels.filter(pl.col("alpha").is_null())["label"]
    for names, colormap, ends in ((below, "YlGnBu", (0.5, 1)), (above, "YlOrRd", (0.42, 1))):
        places = np.linspace(*ends, len(names)) if len(names) != 1 else [0.75]
        shades |= dict(zip(names, matplotlib.colormaps[colormap](places), strict=True))
    others = matplotlib.colormaps["Dark2"](np.arange(len(without)) % 8)
    return shades | dict(zip(without, others, strict=True))


def panels(
    figure: Figure, columns: int, rows: int = 1, *, lettered: bool = False, **options: Any
) -> list[Axes]:
    """Panels, row by row, with letters where there are, or could be, several."""
    axes = list(figure.subplots(rows, columns, squeeze=False, **options).flat)
    for panel, letter in zip(axes, string.ascii_lowercase, strict=False):
        if lettered or len(axes) > 1:
            panel.set_title(letter, loc="left", fontsize=10, fontweight="bold")
        panel.spines[["top", "right"]].set_visible(False)
    return axes


def save(paths: list[Path], draw: Draw, table: Levels, size: tuple[float, float] = (9, 3.4)) -> str:
    """Draws a figure of a size in inches with `draw(figure, table)` and writes it whole, in every format.

    Returns:
        The letters of its panels.
    """
    # Without random names in it, the same rows give the same file; texts of a PDF stay texts.
    with matplotlib.rc_context({"svg.hashsalt": "keras_selectivity", "pdf.fonttype": 42}):
        figure = Figure(figsize=size, layout="constrained", dpi=110)
        FigureCanvasAgg(figure)
        draw(figure, table)
        letters = "".join(axes.get_title(loc="left") for axes in figure.axes)
        key(figure)
        for path in paths:
            with whole_file(path) as temporary:
                figure.savefig(temporary, metadata=_DATES.get(path.suffix))
    return letters


def check_formats(formats: tuple[str, ...]) -> None:
    """Refuses endings of files that figures are not written with."""
    unknown = [ending for ending in formats if ending not in FORMATS]
    if unknown:
        raise InputError(
            f"Figures are written as {', '.join(FORMATS)}. Received the format {', '.join(map(repr, unknown))}."
        )


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
        bar.set_ticks(range(len(alphas)), labels=[f"{alpha:g}" for alpha in sorted(alphas)])
        bar.ax.tick_params(labelsize=7, length=0)
        bar.ax.set_title("α", fontsize=8)
    if len(found) > _MOST:
        more = len(found) - _MOST + 1
        found = {
            **dict(list(found.items())[: _MOST - 1]),
            f"… and {more} more": Line2D([], [], linestyle="None"),
        }
    if found:
        figure.legend(
            found.values(),
            ["\n".join(map(short, label.split("\n"))) for label in found],
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


def _style(style: str) -> dict[str, str]:
    line = style.strip("osD^")
    return {"marker": style.removesuffix(line) or "None", "linestyle": line or "None"}


def _color(handle: Any) -> Any:
    return handle.get_color()


def from_zero(axes: Axes) -> None:
    """Lets the vertical axis start at zero."""
    top = 1.08 * axes.dataLim.y1
    axes.set_ylim(0, top if np.isfinite(top) and top > 0 else 1)
