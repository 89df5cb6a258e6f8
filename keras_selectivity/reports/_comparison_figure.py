"""The trade-offs of several studies in one figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import NDArray

from keras_selectivity.reports._drawing import OTHERS
from keras_selectivity.reports._drawing import panels
from keras_selectivity.reports._series import mean_with_interval
from keras_selectivity.reports._study_figures import named_networks
from keras_selectivity.results import Levels
from keras_selectivity.results import in_arm
from keras_selectivity.results import per_alpha
from keras_selectivity.results import pick

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """An architecture of a study: by alpha, the selectivity and the accuracy, in per cent, of its networks."""

    label: str
    values: dict[float, tuple[_Array, _Array]]


def parts_of(letter: str, table: Levels) -> list[Part]:
    """The architectures of a study's grid that have networks of two alphas."""
    found = []
    for name in named_networks(table):
        own = table.filter(in_arm(), pl.col("network") == name)
        index, accuracy = (
            per_alpha(pick(own.rows, measure, evaluation="clean"))
            for measure in ("mean_selectivity", "accuracy")
        )
        values = {
            alpha: (np.array(index[alpha]), 100 * np.array(accuracy[alpha]))
            for alpha in accuracy
            if len(index.get(alpha, ())) == len(accuracy[alpha])
        }
        if len(values) > 1:
            found.append(Part(f"{letter}: {name}", values))
    return found


def trade_offs(figure: Figure, parts: Sequence[Part]) -> None:
    """Accuracy against selectivity, as measured and relative to alpha = 0."""
    relative = [part for part in parts if 0.0 in part.values and np.mean(part.values[0.0][0]) > 0]
    axes = panels(figure, 2 if relative else 1)
    for number, part in enumerate(parts):
        _follow(axes[0], part.label, part.values, number)
    axes[0].set(xlabel="mean selectivity index", ylabel="test accuracy (%)")
    for number, part in enumerate(parts):
        if part in relative:
            index, accuracy = (float(np.mean(values)) for values in part.values[0.0])
            shifted = {alpha: (x / index, y - accuracy) for alpha, (x, y) in part.values.items()}
            _follow(axes[1], part.label, shifted, number)
    for panel in axes[1:]:
        panel.axhline(0, color="0.6", lw=0.8, zorder=0)
        panel.axvline(1, color="0.6", lw=0.8, zorder=0)
        panel.set(xlabel="multiple of the selectivity at α = 0", ylabel="change of test accuracy (points)")
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())


def _follow(axes: Axes, label: str, values: dict[float, tuple[_Array, _Array]], number: int) -> None:
    color = OTHERS[number % len(OTHERS)]
    means = np.array([[x.mean(), y.mean()] for x, y in values.values()])
    axes.plot(*means.T, "-", color=color, lw=1.2, alpha=0.7, zorder=1)
    for alpha, (x, y) in values.items():
        shown: Any = {"color": color, "along": True, "series": label, "called": f"α = {alpha:g}"}
        mean_with_interval(axes, x[:, None], y[:, None], ms=8 if alpha == 0 else 4.5, **shown)
    axes.plot([], [], "o-", color=color, ms=4.5, lw=1.2, label=label)
