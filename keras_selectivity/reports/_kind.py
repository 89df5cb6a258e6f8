"""What a kind of figure is."""

from dataclasses import dataclass
from dataclasses import field
from functools import partial
from typing import Any

from keras_selectivity.reports import _training_figures as training
from keras_selectivity.reports._captions import BARS
from keras_selectivity.reports._captions import BOTH
from keras_selectivity.reports._complete import Values
from keras_selectivity.reports._complete import of_layers
from keras_selectivity.reports._drawing import Draw
from keras_selectivity.reports._papers import Panels
from keras_selectivity.reports._picture import Picture
from keras_selectivity.results import MAIN


@dataclass(frozen=True)
class FigureKind:
    """A figure that a table may allow.

    Attributes:
        name: Name of its files.
        title: Its heading on a page.
        draw: Function of a matplotlib figure and a table.
        needs: What must be in the table, a key of what `draw` finds there.
        values: What it shows of every network: if a network has one, it must have all.
        size: Inches.
        caption: What it shows.
        interval: What is said where an alpha has several networks.
        test: What is said where there are enough for a test.
        papers: What it is of the papers' figures.
        arm: Arm of the study that it is about, or `None` for several.
        group: Part of a page that it stands in.
        unless: What makes it superfluous, a key of what `draw` finds in the table.
        picture: What was drawn.
    """

    name: str
    title: str
    draw: Draw
    needs: str
    values: tuple[Values, ...]
    size: tuple[float, float]
    caption: str
    interval: str = BARS
    test: str = ""
    papers: tuple[Panels, ...] = ()
    arm: str | None = MAIN
    group: str = "Accuracy and selectivity"
    unless: str = ""
    picture: Picture = field(default_factory=Picture)


OVER_UNITS = "layers (as the regulariser weighs them) and, where their number is known, over all units (as the papers draw it)"


def layered(
    name: str,
    title: str,
    needs: str,
    measure: str,
    label: str,
    evaluation: str,
    shown: str,
    means: str = OVER_UNITS,
    group: str = "Accuracy and selectivity",
    **options: Any,
) -> FigureKind:
    """A figure of a measure of layers."""
    return FigureKind(
        name,
        title,
        partial(training.layered, measure=measure, label=label, evaluation=evaluation, **options),
        needs,
        (of_layers(measure, evaluation),),
        (9.5, 3.4),
        f"a: {shown} of the units of each layer. b: Its mean over {means} against α.",
        BOTH,
        group=group,
    )


SELECTIVITY_BY_LAYER = (
    "Selectivity by layer",
    "clean selectivity",
    "mean_selectivity",
    "mean selectivity index",
    "clean",
    "Mean selectivity (test split)",
)
