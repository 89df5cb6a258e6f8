"""What all figures share: colours, canvas, axes."""

from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from keras_selectivity._files import whole_file
from keras_selectivity.results import Levels
from keras_selectivity.results import by_label
from keras_selectivity.results import mean_interval

GREY = (0.35, 0.35, 0.35, 1.0)


def colors(alphas: Iterable[float | None]) -> dict[float | None, Any]:
    """A colour for each alpha: blue below zero, grey at zero, red above; black where there is none."""
    ordered = sorted({a for a in alphas if a is not None})
    below, above = [a for a in ordered if a < 0], [a for a in ordered if a > 0]
    shades = {
        a: matplotlib.colormaps["Blues_r"](0.15 + 0.5 * i / max(len(below), 1)) for i, a in enumerate(below)
    }
    shades |= {
        a: matplotlib.colormaps["Reds"](0.85 - 0.5 * i / max(len(above), 1))
        for i, a in enumerate(above[::-1])
    }
    found: dict[float | None, Any] = {0.0: GREY, None: (0, 0, 0, 1)}
    return found | shades


def save(
    paths: list[Path],
    draw: Callable[[Figure, Levels], None],
    table: Levels,
    size: tuple[float, float] = (9, 3.4),
) -> None:
    """Draws a figure of a size in inches with `draw(figure, table)` and writes it whole, in every format."""
    # Without a date or random names in them, the same rows give the same files.
    with matplotlib.rc_context({"svg.hashsalt": "keras_selectivity"}):
        figure = Figure(figsize=size, layout="constrained", dpi=110)
        FigureCanvasAgg(figure)
        draw(figure, table)
        for path in paths:
            with whole_file(path) as temporary:
                figure.savefig(temporary, metadata={"Date": None} if path.suffix == ".svg" else None)


def curves(axes: Axes, picked: pl.DataFrame, x: str, scale: float = 1, of_x: float = 1) -> None:
    """One line per label through the means of what `pick` returns with an x, thin lines for single networks."""
    shades = colors(picked["alpha"].unique())
    for label, alpha, part in by_label(picked):
        networks = part["model"].n_unique()
        means = (
            part.group_by(x).agg(pl.col("value").mean(), pl.len()).filter(pl.col("len") == networks).sort(x)
        )
        style = "--" if alpha is None else "-"
        if networks > 1:
            for _, own in (
                part.filter(pl.col(x).is_in(means[x].implode()))
                .sort(x)
                .group_by("model", maintain_order=True)
            ):
                axes.plot(own[x] * of_x, own["value"] * scale, style, color=shades[alpha], alpha=0.3, lw=0.8)
        axes.plot(
            means[x] * of_x, means["value"] * scale, style, marker="o", ms=3, color=shades[alpha], label=label
        )


def dots(axes: Axes, picked: pl.DataFrame, scale: float = 1) -> None:
    """One column per label, one dot per network; mean with bootstrapped 95 % interval where there are several."""
    shades = colors(picked["alpha"].unique())
    groups = [(label, alpha, part["value"].to_numpy()) for label, alpha, part in by_label(picked)]
    means = [np.mean(values) * scale for _, alpha, values in groups if alpha is not None]
    axes.plot(range(len(means)), means, color="0.8", zorder=0)
    for x, (_, alpha, values) in enumerate(groups):
        several = len(values) > 1
        places = x + (np.linspace(-0.12, 0.12, len(values)) if several else np.zeros(1))
        axes.plot(
            places,
            values * scale,
            "o",
            color=shades[alpha],
            ms=4 if several else 7,
            alpha=0.6 if several else 1,
        )
        if several:
            mean, low, high = (v * scale for v in mean_interval(values))
            axes.errorbar(
                x, mean, [[mean - low], [high - mean]], fmt="_", color=shades[alpha], ms=14, mew=2, capsize=3
            )
    alphas_below(axes, [label for label, *_ in groups])


def alphas_below(axes: Axes, labels: list[str]) -> None:
    """Names the places 0, 1, ... of a horizontal axis after alphas, or networks without one."""
    texts = [label.removeprefix("α = ").replace("_", "\n") for label in labels]
    axes.set_xticks(range(len(texts)), texts, fontsize=8)
    axes.set_xlabel("regulariser scale α")


def matrix(part: pl.DataFrame, column: str, names: list[str]) -> NDArray[np.float64]:
    """What `pick` returns of one label as `(networks, names)`, NaN where there is nothing."""
    models = {model: number for number, model in enumerate(part["model"].unique(maintain_order=True))}
    rows, columns = (
        part[of].cast(pl.String).replace_strict(places, return_dtype=pl.Int64).to_numpy()
        for of, places in (("model", models), (column, {name: number for number, name in enumerate(names)}))
    )
    found = np.full((len(models), len(names)), np.nan)
    found[rows, columns] = part["value"].to_numpy()
    return found


def from_zero(axes: Axes) -> None:
    """Lets the vertical axis start at zero."""
    axes.set_ylim(0, 1.08 * axes.dataLim.y1 or 1)


def legend(axes: Axes, **options: Any) -> None:
    """A legend with one entry per label, and no frame around the axes."""
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), **{"frameon": False, "fontsize": 8, **options})
    clean(axes)


def clean(axes: Axes) -> None:
    """Takes away the upper and right border."""
    axes.spines[["top", "right"]].set_visible(False)
