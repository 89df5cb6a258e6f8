"""A small plot for a row of a table: an effect with its interval, the paper's number, and no effect."""

import math
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from markupsafe import escape

from keras_selectivity.reports._typography import minus

_WIDTH, _MARGIN, _MIDDLE = 180.0, 8.0, 13.0


def marks(claim: Mapping[str, Any]) -> list[float]:
    """The numbers that a plot of a claim shows."""
    names = ("low", "effect", "high", "theirs_low", "theirs_high", "no_effect")
    return [claim[name] for name in names if claim[name] is not None and math.isfinite(claim[name])]


def interval_plot(claim: Mapping[str, Any], beside: Iterable[float] = ()) -> Markup:
    """An `svg` element of a row that `keras_selectivity.claims.check` returns for a claim that was tested.

    Args:
        claim: The row.
        beside: Further numbers that the scale has to hold, of plots that this one is compared with.
    """
    ours = [claim[name] for name in ("low", "effect", "high")]
    theirs = [claim["theirs_low"], claim["theirs_high"]]
    shown = [*marks(claim), *beside]
    ratio = claim["unit"] == "times" and min(shown) > 0  # equal factors are equal distances
    x = _scale(shown, math.log if ratio else float)
    text = _said(claim)
    parts = [f'<line class="axis" x1="0" x2="{_WIDTH:g}" y1="{_MIDDLE:g}" y2="{_MIDDLE:g}"/>']
    if theirs[0] is None or theirs[1] is None or theirs[0] != theirs[1]:
        if theirs != [None, None]:
            left, right = (x(v) if v is not None else end for v, end in zip(theirs, (0, _WIDTH), strict=True))
            parts.append(f'<rect class="range" x="{left:.1f}" y="7" width="{right - left:.1f}" height="12"/>')
    if claim["no_effect"] is not None:
        place = x(claim["no_effect"])
        parts.append(f'<line class="none" x1="{place:.1f}" x2="{place:.1f}" y1="1" y2="25"/>')
    low, effect, high = (x(v) if math.isfinite(v) else None for v in ours)
    if low is not None and high is not None:
        parts.append(f'<line class="ours" x1="{low:.1f}" x2="{high:.1f}" y1="{_MIDDLE:g}" y2="{_MIDDLE:g}"/>')
    if theirs[0] is not None and theirs[0] == theirs[1]:
        parts.append(f'<path class="theirs" d="M{x(theirs[0]):.1f} 7.5l5.5 5.5-5.5 5.5-5.5-5.5z"/>')
    if effect is not None:
        parts.append(f'<circle class="ours" cx="{effect:.1f}" cy="{_MIDDLE:g}" r="3.5"/>')
    kind = claim["verdict"].split()[0]
    return Markup(
        f'<svg class="interval {escape(kind)}" viewBox="0 0 {_WIDTH:g} 26" role="img" aria-label="{escape(text)}">'
        f"<title>{escape(text)}</title>{''.join(parts)}</svg>"
    )


def _scale(shown: list[float], function: Any) -> Any:
    """From numbers to places: all marks within the margins."""
    ends = [function(v) for v in (min(shown), max(shown))]
    span = ends[1] - ends[0] or 1.0
    return lambda v: (
        _MARGIN + (_WIDTH - 2 * _MARGIN) * ((function(v) - ends[0]) / span if ends[1] > ends[0] else 0.5)
    )


def _said(claim: Mapping[str, Any]) -> str:
    low, high = claim["theirs_low"], claim["theirs_high"]
    unit = f" {claim['unit']}" if claim["unit"] else ""
    if low is not None and low == high:
        theirs = f"the paper {low:.3g}"
    elif low is not None and high is not None:
        theirs = f"the paper {low:.3g} to {high:.3g}"
    else:
        theirs = f"the paper at least {low:.3g}" if low is not None else f"the paper at most {high or 0:.3g}"
    ours = "{:.3g} [{:.3g}, {:.3g}]".format(*(claim[name] for name in ("effect", "low", "high")))
    return minus(f"Here {ours}, {theirs}{unit}")
