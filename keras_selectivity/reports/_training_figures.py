"""Figures of training, and of measures of layers."""

import polars as pl
from matplotlib.figure import Figure

from keras_selectivity.reports._descriptions import describe
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import marks
from keras_selectivity.reports._drawing import palette
from keras_selectivity.reports._drawing import panels
from keras_selectivity.reports._series import against_alpha
from keras_selectivity.reports._series import layers_of
from keras_selectivity.results import Levels
from keras_selectivity.results import by_label
from keras_selectivity.results import per_model
from keras_selectivity.results import pick

_VALUE = pl.col("value")


def overview(figure: Figure, table: Levels) -> None:
    """Accuracy and selectivity against alpha."""
    shown = (("accuracy", "test accuracy (%)", 100), ("mean_selectivity", "mean selectivity index", 1))
    for axes, (measure, label, scale) in zip(panels(figure, 2), shown, strict=True):
        against_alpha(axes, pick(table.rows, measure, evaluation="clean"), scale)
        axes.set_ylabel(label)
        from_zero(axes)


def layered(
    figure: Figure,
    table: Levels,
    *,
    measure: str,
    label: str,
    evaluation: str,
    part: pl.Expr = _VALUE,
    called: str = "layers",
    over_units: bool = True,
) -> None:
    """A measure of layers: by layer, and its mean over (a part of) the layers and over all units against alpha.

    Args:
        figure: The figure.
        table: The rows of one arm.
        measure: Name of the measure, a mean over the units of a layer.
        label: What it is called.
        evaluation: Which evaluation it comes from.
        part: Which layers the mean is over, of the values by layer of a network.
        called: What these are called.
        over_units: Whether to draw the mean over all units, too.
    """
    left, right = panels(figure, 2, width_ratios=(1.2, 1))
    layers_of(left, table, measure, label, evaluation=evaluation)
    found = pick(table.rows, measure, x="layer", evaluation=evaluation)
    over_layers = per_model(found, part.mean())
    weighted = _with_counts(table, found)
    if over_units and weighted["units"].null_count() == 0:
        value = (_VALUE * pl.col("units")).sum() / pl.col("units").sum()
        against_alpha(right, over_layers, shift=-0.14, called="mean over layers")
        against_alpha(right, per_model(weighted, value), marker="D", shift=0.14, called="mean over units")
        marks(right, {"mean over layers": "o", "mean over units": "D"})
        right.set_ylabel(label)
    else:
        against_alpha(right, over_layers)
        right.set_ylabel(f"{label},\nmean over {called}")
    from_zero(right)


def _with_counts(table: Levels, found: pl.DataFrame) -> pl.DataFrame:
    """What `pick` returns by layer, with the `units` of the layers, where these are known."""
    counts = pick(table.rows, "units", x="layer", evaluation="clean")
    counts = counts.select("model", "layer", units="value")
    return found.join(counts, on=["model", "layer"], maintain_order="left")


def training(figure: Figure, table: Levels) -> None:
    """Selectivity of the batches and validation accuracy over the epochs."""
    shown = (("selectivity", "batch selectivity index", 1), ("val_accuracy", "validation accuracy (%)", 100))
    shades = palette(table)
    for axes, (measure, label, scale) in zip(panels(figure, 2), shown, strict=True):
        found = pick(table.rows, measure, x="epoch").sort("epoch", maintain_order=True)
        for title, _, part in by_label(found):
            for _, run in part.group_by("model", maintain_order=True):
                (line,) = axes.plot(
                    run["epoch"] + 1, run["value"] * scale, color=shades[title], label=title, lw=1
                )
                describe(line, title, along=True)
        axes.set(xlabel="epoch", ylabel=label)
        from_zero(axes)
