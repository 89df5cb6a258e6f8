"""Figures of selectivity, accuracy and training."""

import numpy as np

from keras_selectivity.reports._drawing import clean
from keras_selectivity.reports._drawing import colors
from keras_selectivity.reports._drawing import dots
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import legend
from keras_selectivity.reports._rows import by_label
from keras_selectivity.reports._rows import networks
from keras_selectivity.reports._rows import pick


def overview(figure, rows):
    """Accuracy and selectivity against alpha."""
    panels = (("accuracy", "test accuracy (%)", 100), ("mean_selectivity", "mean selectivity index", 1))
    for axes, (measure, label, scale) in zip(figure.subplots(1, 2), panels, strict=True):
        dots(axes, by_label(rows, pick(rows, measure, evaluation="clean")), scale)
        axes.set_ylabel(label)
        from_zero(axes)
        clean(axes)


def by_layer(figure, rows):
    """Selectivity by layer, one line a network."""
    layers_of(figure.subplots(), rows, "mean_selectivity", "mean selectivity index", evaluation="clean")


def training(figure, rows):
    """Selectivity of the batches and validation accuracy over the epochs."""
    panels = (("selectivity", "batch selectivity index", 1), ("val_accuracy", "validation accuracy (%)", 100))
    known = networks(rows)
    shades = colors({alpha for alpha, *_ in known.values()})
    for axes, (measure, label, scale) in zip(figure.subplots(1, 2), panels, strict=True):
        for name, (alpha, _, legend_label) in known.items():
            history = {r["epoch"]: r["value"] for r in rows if (r["model"], r["measure"]) == (name, measure)}
            history.pop(None, None)
            values = np.array([history[epoch] for epoch in sorted(history)], float) * scale
            axes.plot(np.arange(1, len(values) + 1), values, color=shades[alpha], label=legend_label)
        axes.set(xlabel="epoch", ylabel=label)
        from_zero(axes)
        legend(axes)


def layers_of(axes, rows, measure, label, **columns):
    """One measure by layer, input side on the left, one line a network."""
    values = pick(rows, measure, x="layer", **columns)
    layers = list(dict.fromkeys(layer for found in values.values() for layer in found))
    known = networks(rows)
    shades = colors({alpha for alpha, *_ in known.values()})
    for name, (alpha, _, legend_label) in known.items():
        if name in values:
            heights = [values[name].get(layer) for layer in layers]
            heights = np.array([np.nan if h is None else h for h in heights], float)
            style = "o--" if alpha is None else "o-"
            axes.plot(heights, style, ms=3, color=shades[alpha], label=legend_label)
    axes.set_xticks(range(len(layers)), layers, rotation=40, ha="right", fontsize=7)
    axes.set_ylabel(label)
    from_zero(axes)
    legend(axes)
