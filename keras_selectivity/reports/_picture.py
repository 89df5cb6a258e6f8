"""Figures as files, and as pictures inside a page."""

import base64
import io
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file
from keras_selectivity.reports import _descriptions
from keras_selectivity.reports._drawing import key
from keras_selectivity.reports._output import MARK
from keras_selectivity.reports._svg import inside
from keras_selectivity.results import Levels

FORMATS = ("png", "svg", "pdf")
# Without a date in it, the same rows give the same file. `check_figures` knows it by its mark.
_SAID: dict[str, dict[str, Any]] = {
    ".png": {"Software": MARK},
    ".svg": {"Creator": MARK, "Date": None},
    ".pdf": {"Creator": MARK, "CreationDate": None},
}
_DOTS = 200  # per inch, of files
_COARSE = 130  # of clouds of points inside a vector picture
# A picture inside a page that is a vector has at most so many characters; else it is a raster, the first of these
# resolutions that there is room for.
_MOST = 180_000
_RASTERS = (170, 130, 100, 75)
_COLORS = 128
_STYLE: Any = {
    "axes.edgecolor": "0.3",
    "axes.labelcolor": "0.15",
    "axes.linewidth": 0.8,
    "text.color": "0.15",
    "xtick.color": "0.3",
    "ytick.color": "0.3",
    "xtick.labelcolor": "0.15",
    "ytick.labelcolor": "0.15",
    # Without random names in it, the same rows give the same file; texts of a PDF stay texts.
    "svg.hashsalt": "keras_selectivity",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Picture:
    """A figure that was drawn.

    Attributes:
        letters: Those of its panels.
        element: What a page holds: an `svg` or `img` element.
        alternative: What it shows, in words.
    """

    letters: str = ""
    element: str = ""
    alternative: str = ""


def save(
    paths: Sequence[Path],
    draw: Callable[[Figure, Any], None],
    table: Levels | None,
    size: tuple[float, float] = (9, 3.4),
    *,
    name: str = "figure",
    alternative: str = "",
    room: int = _MOST,
) -> Picture:
    """Draws a figure of a size in inches with `draw(figure, table)` and writes it whole, in every format.

    Args:
        paths: Files to write.
        draw: Function of a figure and a table.
        table: The table.
        size: Width and height.
        name: Of the picture in a page.
        alternative: What it shows, where its points do not say it.
        room: Characters that the page has for it.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained", dpi=_DOTS)
        FigureCanvasAgg(figure)
        draw(figure, table)
        panels = list(figure.axes)
        letters = "".join(axes.get_title(loc="left") for axes in panels)
        key(figure)
        for path in paths:
            with whole_file(path) as temporary:
                figure.savefig(temporary, metadata=_SAID[path.suffix])
        shown = _descriptions.sentences(panels) or alternative
        return Picture(letters, _element(figure, panels, name, shown, room), shown)


def check_formats(formats: tuple[str, ...]) -> None:
    """Refuses endings of files that figures are not written with."""
    unknown = [ending for ending in formats if ending not in FORMATS]
    if unknown:
        raise InputError(
            f"Figures are written as {', '.join(FORMATS)}. Received the format {', '.join(map(repr, unknown))}."
        )


def _element(figure: Figure, panels: list[Any], name: str, alternative: str, room: int) -> str:
    hints: dict[str, list[str]] = {}
    for axes in panels:
        for line, points in _descriptions.described(axes):
            hints[mark := f"hint{len(hints)}"] = _descriptions.hints(axes, line, points)
            line.set_gid(mark)
    text = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(text, format="svg", dpi=_COARSE, transparent=True, metadata=_SAID[".svg"])
    element = inside(text.getvalue(), name, hints, alternative)
    if len(element) <= min(room, _MOST):
        return element
    for dots in _RASTERS:
        element = f'<img src="data:image/png;base64,{_raster(figure, dots)}" alt="{escape(alternative)}">'
        if len(element) <= room:
            break
    return element


def _raster(figure: Figure, dots: int) -> str:
    """The figure as a PNG of few colours, in base64."""
    raster, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raster, format="png", dpi=dots)
    with Image.open(raster) as image:
        colors = image.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
    colors.save(small, format="png", optimize=True)
    return base64.b64encode(small.getvalue()).decode()
