"""The page of a study or an evaluation: what was done, five numbers, figures, the papers' claims."""

import re
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
from markupsafe import Markup
from markupsafe import escape

from keras_selectivity._files import write_text
from keras_selectivity.claims import absent_runs
from keras_selectivity.claims import departures
from keras_selectivity.claims import reportable
from keras_selectivity.reports._claims import PAPERS
from keras_selectivity.reports._claims import claims_context
from keras_selectivity.reports._figures import draw
from keras_selectivity.reports._kind import FigureKind
from keras_selectivity.reports._output import PAGE
from keras_selectivity.reports._output import check_page
from keras_selectivity.reports._papers import spelt
from keras_selectivity.reports._protocol import layers
from keras_selectivity.reports._protocol import measured
from keras_selectivity.reports._protocol import software
from keras_selectivity.reports._summary import facts
from keras_selectivity.reports._summary import five_numbers
from keras_selectivity.reports._tables import Cell
from keras_selectivity.reports._tables import cells
from keras_selectivity.reports._template import render
from keras_selectivity.results import Column
from keras_selectivity.results import Table

# The first of these that the rows allow stands on the first screen
_FIRST = ("accuracy", "accuracy_and_selectivity")
_WIDE = 6  # inches from which on a figure takes the whole width


def write_page(
    folder: str | Path,
    rows: Table,
    *,
    title: str,
    description: str,
    results: str | None,
    columns: Iterable[Column],
    claims: pl.DataFrame | None = None,
    formats: Iterable[str] = ("png",),
    next_steps: Sequence[tuple[str, str]] = (),
) -> Path:
    """Writes figures and a page that holds all of them, so that it can be sent as one file.

    Args:
        folder: Folder to write into: `index.html` and the figures.
        rows: What `keras_selectivity.results.read` or `scan` returns.
        title: Heading.
        description: What was done.
        results: Name of the file with all numbers, as the page should link to it, or `None`.
        columns: The numbers of its table, such as `keras_selectivity.measurements.columns` returns.
        claims: What `keras_selectivity.claims.check` returns, or `None` for no such section.
        formats: Endings of the figures' files: `"png"`, `"svg"`, `"pdf"`. The page needs none of them.
        next_steps: What to try next: texts and commands.

    Returns:
        Path of the page.

    Raises:
        InputError: The rows mix protocols, or hold no accuracy on a test split; a format is none of the three; or the
            folder holds another page or other pictures, which would be lost.
    """
    folder = Path(folder)
    check_page(folder)
    found, undefined = reportable(rows)
    drawn, missing = draw(found, folder, formats)
    hero = next((kind for name in _FIRST for kind in drawn if kind.name == name), None)
    groups = _groups([kind for kind in drawn if kind is not hero])
    heads, lines = cells(found.rows, columns, by_alpha=claims is not None)
    of_claims = claims_context(claims) if claims is not None else None
    lacking = _missing(missing) if claims is not None else []
    text = render(
        "page.html",
        kicker="Study report" if claims is not None else "Evaluation",
        title=title,
        description=description,
        known=facts(found),
        main_numbers=five_numbers(found, claims),
        hero=_figure(hero) if hero else None,
        departures=departures(found) if claims is not None else None,
        undefined=undefined,
        absent=absent_runs(rows) if claims is not None else [],
        table={
            "caption": _caption(lines, claims is not None),
            "heads": heads,
            "lines": lines,
        },
        protocol=measured(found.rows),
        layers=layers(found),
        groups=groups,
        claims=of_claims,
        missing=lacking,
        next_steps=[{"text": said, "command": Markup(escape(command))} for said, command in next_steps],
        papers=[(key, PAPERS[key]) for key in "SW"] if any(kind.papers for kind in drawn) else [],
        software=software(found.rows),
        results={"href": Markup(escape(quote(results))), "name": results} if results else None,
        contents=_contents(groups, of_claims is not None, bool(lacking), bool(next_steps)),
    )
    path = folder / PAGE
    write_text(path, text)
    return path


def _caption(lines: list[list[Cell]], by_alpha: bool) -> str:
    seeds = any(cell.note for line in lines for cell in line)
    return f"Main numbers{' by α' * by_alpha}{', with 95 % intervals over seeds' * seeds}"


def _groups(drawn: Iterable[FigureKind]) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in drawn:
        found.setdefault(kind.group, []).append(_figure(kind))
    return [
        {"id": _anchor(title), "title": title, "figures": _paired(figures)}
        for title, figures in found.items()
    ]


def _paired(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Two narrow figures stand beside each other: the second comes up to the first."""
    found, waiting = [], None
    for figure in figures:
        if figure["wide"]:
            found.append(figure)
        elif waiting is None:
            waiting = len(found)
            found.append(figure)
        else:
            found.insert(waiting + 1, figure)
            waiting = None
    return found


def _figure(kind: FigureKind) -> dict[str, Any]:
    return {
        "id": kind.name,
        "title": kind.title,
        "element": Markup(kind.picture.element),
        "caption": kind.caption,
        "compare": f"Compare {spelt(kind.papers)}." if kind.papers else "",
        "wide": kind.size[0] > _WIDE,
    }


def _missing(missing: Iterable[tuple[FigureKind, str]]) -> list[tuple[str, list[str]]]:
    """What figures need, and which need it."""
    found: dict[str, list[str]] = {}
    for kind, needed in missing:
        papers = f" ({spelt(kind.papers, panels=False)})" if kind.papers else ""
        found.setdefault(f"needs {needed}", []).append(f"{kind.name}{papers}")
    return list(found.items())


def _contents(
    groups: list[dict[str, Any]], claims: bool, missing: bool, next_steps: bool
) -> list[dict[str, Any]]:
    """The table of contents; an entry may have parts."""
    ends = [
        ("claims", "The papers' claims", claims),
        ("missing", "Missing figures", missing),
        ("next", "What to try next", next_steps),
    ]
    return [
        {"id": "summary", "title": "Summary", "parts": []},
        {"id": "networks", "title": "Networks and protocol", "parts": []},
        *({"id": group["id"], "title": group["title"], "parts": group["figures"]} for group in groups),
        *({"id": name, "title": title, "parts": []} for name, title, there in ends if there),
    ]


def _anchor(title: str) -> str:
    return f"figures-{re.sub(r'[^a-z0-9]+', '-', title.lower())}"
