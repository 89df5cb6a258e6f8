"""Figures of selectivity, accuracy and training."""

import warnings
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_selectivity.reports._drawing import clean
from keras_selectivity.reports._drawing import colors
from keras_selectivity.reports._drawing import dots
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import legend
from keras_selectivity.reports._drawing import matrix
from keras_selectivity.results import Levels
from keras_selectivity.results import by_label
from keras_selectivity.results import mean_interval
from keras_selectivity.results import per_model
from keras_selectivity.results import pick


def overview(figure: Figure, table: Levels) -> None:
    """Accuracy and selectivity against alpha."""
    panels = (("accuracy", "test accuracy (%)", 100), ("mean_selectivity", "mean selectivity index", 1))
    for axes, (measure, label, scale) in zip(figure.subplots(1, 2), panels, strict=True):
        dots(axes, pick(table.rows, measure, evaluation="clean"), scale)
        axes.set_ylabel(label)
        from_zero(axes)
        clean(axes)


def by_layer(figure: Figure, table: Levels) -> None:
    """Selectivity by layer, and its mean over layers, against alpha."""
    layered(figure, table, "mean_selectivity", "mean selectivity index", "clean")


def layered(figure: Figure, table: Levels, measure: str, label: str, evaluation: str) -> None:
    """A measure of layers: by layer, and the mean over layers against alpha."""
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    layers_of(left, table, measure, label, evaluation=evaluation)
    left.tick_params("x", labelsize=6, labelrotation=90)
    found = pick(table.rows, measure, x="layer", evaluation=evaluation)
    dots(right, per_model(found, pl.col("value").mean()))
    right.set_ylabel(f"{label},\nmean over layers")
    from_zero(right)
    clean(right)


def training(figure: Figure, table: Levels) -> None:
    """Selectivity of the batches and validation accuracy over the epochs."""
    panels = (("selectivity", "batch selectivity index", 1), ("val_accuracy", "validation accuracy (%)", 100))
    for axes, (measure, label, scale) in zip(figure.subplots(1, 2), panels, strict=True):
        found = pick(table.rows, measure, x="epoch").sort("epoch", maintain_order=True)
        shades = colors(found["alpha"].unique())
        for _, alpha, part in by_label(found):
            for _, run in part.group_by("model", maintain_order=True):
                axes.plot(run["epoch"] + 1, run["value"] * scale, color=shades[alpha], label=run["label"][0])
        axes.set(xlabel="epoch", ylabel=label)
        from_zero(axes)
        legend(axes)


def layers_of(axes: Axes, table: Levels, measure: str, label: str, **where: Any) -> None:
    """One measure by layer, input side on the left: the mean of an alpha, with bootstrapped 95 % interval."""
    picked = pick(table.rows, measure, x="layer", **where)
    layers = picked["layer"].unique(maintain_order=True).to_list()
    shades = colors(picked["alpha"].unique())
    for title, alpha, part in by_label(picked):
        heights = matrix(part, "layer", layers)
        style = "o--" if alpha is None else "o-"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a layer may be undefined for all
            axes.plot(np.nanmean(heights, axis=0), style, ms=3, color=shades[alpha], label=title)
        if len(heights) > 1:
            defined = ~np.isnan(heights).any(axis=0)
            bounds = np.array([mean_interval(column)[1:] for column in heights[:, defined].T])
            if len(bounds):
                axes.fill_between(np.flatnonzero(defined), *bounds.T, color=shades[alpha], alpha=0.25, lw=0)
    axes.set_xticks(range(len(layers)), layers, rotation=40, ha="right", fontsize=7)
    axes.set_ylabel(label)
    from_zero(axes)
    legend(axes)
