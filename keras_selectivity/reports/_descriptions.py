"""What the points of a figure stand for: shown where a pointer rests, and in words for those who do not see it."""

import re
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from keras_selectivity.reports._typography import minus

_Data: TypeAlias = list[tuple[float, float]]
_UNITS = ("%", "bits")
_ALPHA = re.compile(r"α = (−?[\d.]+(?:e[+−]?\d+)?)")
# A change by less than this share of the larger value is none in words
_SAME = 0.03


@dataclass(frozen=True)
class Points:
    """What the points of a line stand for.

    Attributes:
        series: What the line is of, such as `"α = −1"`.
        names: What its points are of, where the horizontal axis has no numbers.
        along: Whether the horizontal axis has numbers.
        low: `(points,)` lower ends of intervals, NaN where there are none.
        high: `(points,)` upper ends.
        called: What tells it from another line of the same series, such as `"mean over units"`.
        sideways: Whether the values are on the horizontal axis.
    """

    series: str
    names: tuple[str, ...]
    along: bool
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    called: str
    sideways: bool


_POINTS: weakref.WeakKeyDictionary[Line2D, Points] = weakref.WeakKeyDictionary()


def describe(
    line: Line2D,
    series: str | None,
    *,
    names: Sequence[str] = (),
    along: bool = False,
    low: ArrayLike = np.nan,
    high: ArrayLike = np.nan,
    called: str = "",
    sideways: bool = False,
) -> None:
    """Says what the points of a line stand for; the other arguments are those of `Points`."""
    count = len(line.get_xdata(orig=True))  # type: ignore[arg-type]
    ends = [np.broadcast_to(np.asarray(end, float), count) for end in (low, high)]
    shown = tuple(name.replace("\n", " ") for name in names)
    _POINTS[line] = Points(minus(series or ""), shown, along, ends[0], ends[1], called, sideways)


def described(axes: Axes) -> list[tuple[Line2D, Points]]:
    """The lines of a panel whose points stand for something that was said."""
    return [(line, _POINTS[line]) for line in axes.lines if line in _POINTS]


def hints(axes: Axes, line: Line2D, points: Points) -> list[str]:
    """A text for each point of a line."""
    (label, unit), across = _quantity(_label(axes, points)), _across(axes)
    texts = []
    for place, (x, y) in enumerate(_data(line, points)):
        value = f"{label} {_number(y, unit)}"
        if np.isfinite(points.low[place]):
            value += f" [{_number(points.low[place])}, {_number(points.high[place])}]"
        at = points.names[place] if points.names else f"{across} = {_number(x)}" if points.along else ""
        texts.append(minus(" · ".join(filter(None, (points.series, points.called, at, value)))))
    return texts


def sentences(panels: Sequence[Axes]) -> str:
    """What the panels show, from what was said of their points."""
    found, label = [], ""
    for axes in panels:
        label = axes.get_ylabel() or label  # panels that share an axis share its label
        if text := _sentence(axes, label):
            before = ", ".join(filter(None, (axes.get_title(loc="left"), _plain(axes.get_title()))))
            found.append(f"{before}: {text}." if before else f"{text[0].upper()}{text[1:]}.")
    return minus(" ".join(found))


def _sentence(axes: Axes, label: str) -> str:
    lines = described(axes)
    shown = [
        (data, points)
        for line, points in lines
        if points.called == lines[0][1].called and (data := _data(line, points))
    ]
    if not shown:
        return ""
    name, unit = _quantity(axes.get_xlabel() if shown[0][1].sideways else label)
    across = _across(axes)
    if all(len(data) == 1 for data, _ in shown):
        values = [(points.series, *data[0]) for data, points in shown]
        return f"{name}: {_trend(unit, across if shown[0][1].along else '', values)}"
    parts = []
    for data, points in _ends(shown):
        if points.names:
            order = sorted(range(len(data)), key=lambda place: data[place][1])
            ends = [f"{_number(data[p][1], unit)} ({points.names[p]})" for p in (order[0], order[-1])]
        else:
            ends = [_number(y, unit) for _, y in (data[0], data[-1])]
        parts.append(f"{ends[0]} to {ends[1]}" + (f" for {points.series}" if points.series else ""))
    first, last = (_number(shown[0][0][place][0]) for place in (0, -1))
    over = "" if shown[0][1].names else f", from {across} = {first} to {last}"
    return f"{name}{over}: {', '.join(parts)}"


def _trend(unit: str, across: str, values: list[tuple[str, float, float]]) -> str:
    """From alpha = 0 to both ends, or a list where there is no such middle."""

    def at(series: str, x: float) -> str:
        return f"at {series}" + (f" ({across} = {_number(x)})" if across else "")

    by_alpha = sorted((alpha, value) for value in values if (alpha := _alpha(value[0])) is not None)
    middle = next((value for alpha, value in by_alpha if alpha == 0), None)
    ends = [value for alpha, value in (by_alpha[:1] + by_alpha[-1:]) if alpha] if middle else []
    if middle is None or not ends:
        listed = [value for _, value in by_alpha] or values
        return ", ".join(f"{_number(y, unit)} {at(series, x)}" for series, x, y in listed[:6])
    changes = [f"{_change(middle[2], y, unit)} {at(series, x)}" for series, x, y in ends]
    return f"{_number(middle[2], unit)} {at(*middle[:2])}, {', '.join(changes)}"


def _change(start: float, end: float, unit: str) -> str:
    if abs(end - start) <= _SAME * max(abs(start), abs(end)):
        return f"about the same, {_number(end, unit)},"
    return f"{'up' if end > start else 'down'} to {_number(end, unit)}"


def _ends(shown: list[tuple[_Data, Points]]) -> list[tuple[_Data, Points]]:
    """The first lines of the smallest alpha, of 0 and of the largest, or the first few of others."""
    alphas: dict[float, int] = {}
    for number, (_, points) in enumerate(shown):
        if (alpha := _alpha(points.series)) is not None:
            alphas.setdefault(alpha, number)
    if not alphas:
        return shown[:3]
    wanted = [alphas[min(alphas)], *([alphas[0.0]] if 0.0 in alphas else []), alphas[max(alphas)]]
    return [shown[n] for n in dict.fromkeys(wanted)]


def _alpha(series: str) -> float | None:
    found = _ALPHA.fullmatch(series)
    return float(found[1].replace("−", "-")) if found else None


def _quantity(label: str) -> tuple[str, str]:
    """Name and unit of what an axis is labelled with, without remarks in brackets."""
    text = " ".join(label.split())
    unit = next((unit for unit in _UNITS if f"({unit})" in text), "")
    return re.split(r"[;(]", text)[0].strip(), unit


def _across(axes: Axes) -> str:
    """What the horizontal axis counts, without remarks before a colon and after a comma."""
    return _quantity(axes.get_xlabel())[0].rpartition(": ")[2].split(",")[0]


def _number(value: float, unit: str = "") -> str:
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{text} {unit}" if unit else text


def _label(axes: Axes, points: Points) -> str:
    """What the values are labelled with; panels beside each other may share the label of the first."""
    if points.sideways:
        return axes.get_xlabel()
    figure = axes.get_figure()
    shared = [each.get_ylabel() for each in figure.axes] if figure else []
    return axes.get_ylabel() or next(filter(None, shared), "")


def _plain(title: str) -> str:
    return " ".join(title.split())


def _data(line: Line2D, points: Points) -> _Data:
    """Places and values of the points."""
    x, y = (np.asarray(values, float).tolist() for values in line.get_data(orig=True))
    return list(zip(y, x, strict=True) if points.sideways else zip(x, y, strict=True))
