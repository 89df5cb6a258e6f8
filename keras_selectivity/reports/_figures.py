"""Figures of a study, drawn from its rows alone."""

from collections import defaultdict

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_selectivity._files import whole_file


def colors(alphas):
    """A colour for each alpha: blue below zero, grey at zero, red above."""
    ordered = sorted(alphas)
    below, above = [a for a in ordered if a < 0], [a for a in ordered if a > 0]
    shades = {
        a: matplotlib.colormaps["Blues_r"](0.15 + 0.5 * i / max(len(below), 1)) for i, a in enumerate(below)
    }
    shades |= {
        a: matplotlib.colormaps["Reds"](0.85 - 0.5 * i / max(len(above), 1))
        for i, a in enumerate(above[::-1])
    }
    return {**shades, **({0.0: (0.35, 0.35, 0.35, 1.0)} if 0.0 in ordered else {})}


def draw(rows, folder):
    """Draws every figure that the rows allow.

    Args:
        rows: What `read_results` returns.
        folder: Folder for the PNG files.

    Returns:
        A list of `(file name, caption)`.
    """
    figures = (
        ("accuracy_and_selectivity.png", _overview,
         "Test accuracy and mean class selectivity of the hidden units against the regulariser's scale. "
         "One dot a run, the line through the means over seeds."),
        ("selectivity_by_layer.png", _by_layer,
         "Mean selectivity of the units of each layer on the test split, input side on the left. One line "
         "a run."),
        ("training.png", _training,
         "Selectivity of the training batches, which has a noise floor set by the batch size, and "
         "validation accuracy over the epochs. One line a run."),
    )  # fmt: skip
    for name, function, _ in figures:
        figure = Figure(figsize=(9, 3.4), layout="constrained", dpi=110)
        FigureCanvasAgg(figure)
        function(figure, rows)
        with whole_file(folder / name) as temporary:
            figure.savefig(temporary)
    return [(name, caption) for name, _, caption in figures]


def runs_of(rows, measure, layer="", history=False):
    """The rows of one measure as `(alpha, seed) -> values`; its history: one value an epoch."""
    found = defaultdict(list)
    for row in rows:
        if (row["measure"], row["layer"], row["epoch"] != "") == (measure, layer, history):
            found[row["alpha"], row["seed"]].append(row["value"])
    return dict(found)


def _overview(figure, rows):
    panels = (("accuracy", "test accuracy (%)", 100), ("mean_selectivity", "mean selectivity index", 1))
    for axes, (measure, label, scale) in zip(figure.subplots(1, 2), panels, strict=True):
        values = runs_of(rows, measure)
        alphas = sorted({alpha for alpha, _ in values})
        shades = colors(alphas)
        means = [np.mean([v[0] for (a, _), v in values.items() if a == alpha]) * scale for alpha in alphas]
        axes.plot(range(len(alphas)), means, color="0.8", zorder=0)
        for (alpha, _), (value,) in values.items():
            axes.plot(alphas.index(alpha), value * scale, "o", color=shades[alpha], markersize=8)
        axes.set_xticks(range(len(alphas)), [f"{a:g}" for a in alphas])
        axes.set(xlabel="regulariser scale α", ylabel=label)
        _from_zero(axes)
        axes.spines[["top", "right"]].set_visible(False)


def _by_layer(figure, rows):
    axes = figure.subplots()
    layers = list(dict.fromkeys(r["layer"] for r in rows if r["layer"]))
    by_layer = [runs_of(rows, "mean_selectivity", layer) for layer in layers]
    shades = colors({alpha for alpha, _ in by_layer[0]})
    for run in sorted(by_layer[0]):
        axes.plot([v[run][0] for v in by_layer], "o-", ms=3, color=shades[run[0]], label=f"α = {run[0]:g}")
    axes.set_xticks(range(len(layers)), layers, rotation=40, ha="right", fontsize=7)
    axes.set(ylabel="mean selectivity index")
    _from_zero(axes)
    _legend(axes)


def _training(figure, rows):
    panels = (("selectivity", "batch selectivity index", 1), ("val_accuracy", "validation accuracy (%)", 100))
    for axes, (measure, label, scale) in zip(figure.subplots(1, 2), panels, strict=True):
        values = runs_of(rows, measure, history=True)
        shades = colors({alpha for alpha, _ in values})
        for run in sorted(values):
            epochs = np.arange(1, len(values[run]) + 1)
            axes.plot(epochs, np.array(values[run]) * scale, color=shades[run[0]], label=f"α = {run[0]:g}")
        axes.set(xlabel="epoch", ylabel=label)
        _from_zero(axes)
        _legend(axes)


def _from_zero(axes):
    axes.set_ylim(0, 1.08 * axes.dataLim.y1 or 1)


def _legend(axes):
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
