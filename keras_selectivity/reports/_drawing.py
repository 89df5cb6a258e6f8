"""What all figures share: colours, canvas, axes."""

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_selectivity._files import whole_file
from keras_selectivity.studies import mean_interval

GREY = (0.35, 0.35, 0.35, 1.0)


def colors(alphas):
    """A colour for each alpha: blue below zero, grey at zero, red above; black where there is none."""
    ordered = sorted(a for a in alphas if a is not None)
    below, above = [a for a in ordered if a < 0], [a for a in ordered if a > 0]
    shades = {
        a: matplotlib.colormaps["Blues_r"](0.15 + 0.5 * i / max(len(below), 1)) for i, a in enumerate(below)
    }
    shades |= {
        a: matplotlib.colormaps["Reds"](0.85 - 0.5 * i / max(len(above), 1))
        for i, a in enumerate(above[::-1])
    }
    return {**shades, 0.0: GREY, None: (0, 0, 0, 1)}


def save(paths, draw, rows, size=(9, 3.4)):
    """Draws a figure of a size in inches with `draw(figure, rows)` and writes it whole, in every format."""
    # Without a date or random names in them, the same rows give the same files.
    with matplotlib.rc_context({"svg.hashsalt": "keras_selectivity"}):
        figure = Figure(figsize=size, layout="constrained", dpi=110)
        FigureCanvasAgg(figure)
        draw(figure, rows)
        for path in paths:
            with whole_file(path) as temporary:
                figure.savefig(temporary, metadata={"Date": None} if path.suffix == ".svg" else None)


def curves(axes, groups, scale=1):
    """One line a label through the means of dicts from x to value, thin lines for single networks."""
    shades = colors({alpha for alpha, _ in groups.values()})
    for label, (alpha, series) in groups.items():
        xs = sorted(set.intersection(*(set(values) for values in series)))
        style = "--" if alpha is None else "-"
        if len(series) > 1:
            for values in series:
                axes.plot(xs, [values[x] * scale for x in xs], style, color=shades[alpha], alpha=0.3, lw=0.8)
        means = [np.mean([values[x] for values in series]) * scale for x in xs]
        axes.plot(xs, means, style, marker="o", ms=3, color=shades[alpha], label=label)


def dots(axes, groups, scale=1):
    """One column a label, one dot a network; mean with bootstrapped 95 % interval where there are several."""
    shades = colors({alpha for alpha, _ in groups.values()})
    means = [np.mean(values) * scale for alpha, values in groups.values() if alpha is not None]
    axes.plot(range(len(means)), means, color="0.8", zorder=0)
    for x, (alpha, values) in enumerate(groups.values()):
        several = len(values) > 1
        places = x + (np.linspace(-0.12, 0.12, len(values)) if several else np.zeros(1))
        axes.plot(
            places,
            np.array(values) * scale,
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
    labels = [label.removeprefix("α = ").replace("_", "\n") for label in groups]
    axes.set_xticks(range(len(groups)), labels, fontsize=8)
    axes.set_xlabel("regulariser scale α")


def from_zero(axes):
    """Lets the vertical axis start at zero."""
    axes.set_ylim(0, 1.08 * axes.dataLim.y1 or 1)


def legend(axes, **options):
    """A legend with one entry a label, and no frame around the axes."""
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), **{"frameon": False, "fontsize": 8, **options})
    clean(axes)


def clean(axes):
    """Takes away the upper and right border."""
    axes.spines[["top", "right"]].set_visible(False)
