"""What all figures share: colours, canvas, axes."""

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_selectivity._files import whole_file

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


def save(path, draw, rows, size=(9, 3.4)):
    """Draws a figure of a size in inches with `draw(figure, rows)` and writes it whole."""
    figure = Figure(figsize=size, layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    draw(figure, rows)
    with whole_file(path) as temporary:
        figure.savefig(temporary)


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
    """One column a label, one dot a network, the line through the means of those with an alpha."""
    shades = colors({alpha for alpha, _ in groups.values()})
    means = [np.mean(values) * scale for alpha, values in groups.values() if alpha is not None]
    axes.plot(range(len(means)), means, color="0.8", zorder=0)
    for x, (alpha, values) in enumerate(groups.values()):
        axes.plot([x] * len(values), np.array(values) * scale, "o", color=shades[alpha], ms=7)
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
