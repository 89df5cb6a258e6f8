"""Figures of selectivity, accuracy and training."""

import warnings

import numpy as np

from keras_selectivity.reports._drawing import clean
from keras_selectivity.reports._drawing import colors
from keras_selectivity.reports._drawing import dots
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import legend
from keras_selectivity.studies import mean_interval
from keras_selectivity.studies._rows import by_label
from keras_selectivity.studies._rows import networks
from keras_selectivity.studies._rows import pick


def overview(figure, rows):
    """Accuracy and selectivity against alpha."""
    panels = (("accuracy", "test accuracy (%)", 100), ("mean_selectivity", "mean selectivity index", 1))
    for axes, (measure, label, scale) in zip(figure.subplots(1, 2), panels, strict=True):
        dots(axes, by_label(rows, pick(rows, measure, evaluation="clean")), scale)
        axes.set_ylabel(label)
        from_zero(axes)
        clean(axes)


def by_layer(figure, rows):
    """Selectivity by layer, and its mean over layers, against alpha."""
    layered(figure, rows, "mean_selectivity", "mean selectivity index", "clean")


def layered(figure, rows, measure, label, evaluation):
    """A measure of layers: by layer, and the mean over layers against alpha."""
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    layers_of(left, rows, measure, label, evaluation=evaluation)
    left.tick_params("x", labelsize=6, labelrotation=90)
    found = pick(rows, measure, x="layer", evaluation=evaluation)
    means = {name: np.mean(list(run.values())) for name, run in found.items()}
    dots(right, by_label(rows, means))
    right.set_ylabel(f"{label},\nmean over layers")
    from_zero(right)
    clean(right)


def training(figure, rows):
    """Selectivity of the batches and validation accuracy over the epochs."""
    panels = (("selectivity", "batch selectivity index", 1), ("val_accuracy", "validation accuracy (%)", 100))
    known = networks(rows)
    shades = colors({alpha for alpha, *_ in known.values()})
    for axes, (measure, label, scale) in zip(figure.subplots(1, 2), panels, strict=True):
        for name, (alpha, _, legend_label) in known.items():
            history = {r["epoch"]: r["value"] for r in rows if (r["model"], r["measure"]) == (name, measure)}
            history.pop(None, None)
            epochs = np.array(sorted(history), int)
            values = np.array([history[epoch] for epoch in epochs], float) * scale
            axes.plot(epochs + 1, values, color=shades[alpha], label=legend_label)
        axes.set(xlabel="epoch", ylabel=label)
        from_zero(axes)
        legend(axes)


def layers_of(axes, rows, measure, label, **columns):
    """One measure by layer, input side on the left: the mean of an alpha, with bootstrapped 95 % interval."""
    values = pick(rows, measure, x="layer", **columns)
    layers = list(dict.fromkeys(layer for found in values.values() for layer in found))
    groups = by_label(rows, values)
    shades = colors({alpha for alpha, _ in groups.values()})
    for title, (alpha, series) in groups.items():
        heights = np.array([[run.get(layer) for layer in layers] for run in series], float)
        style = "o--" if alpha is None else "o-"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a layer may be undefined for all
            axes.plot(np.nanmean(heights, axis=0), style, ms=3, color=shades[alpha], label=title)
        if len(series) > 1:
            defined = ~np.isnan(heights).any(axis=0)
            bounds = np.array([mean_interval(column)[1:] for column in heights[:, defined].T])
            if len(bounds):
                axes.fill_between(np.flatnonzero(defined), *bounds.T, color=shades[alpha], alpha=0.25, lw=0)
    axes.set_xticks(range(len(layers)), layers, rotation=40, ha="right", fontsize=7)
    axes.set_ylabel(label)
    from_zero(axes)
    legend(axes)
