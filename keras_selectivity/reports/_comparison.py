"""A page across studies: their main numbers, their trade-offs in one figure, their verdicts side by side."""

import string
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
from markupsafe import Markup
from markupsafe import escape

from keras_selectivity._errors import InputError
from keras_selectivity._files import write_text
from keras_selectivity.claims import AGREES
from keras_selectivity.claims import DISAGREES
from keras_selectivity.claims import UNDECIDED
from keras_selectivity.claims import UNTESTED
from keras_selectivity.claims import absent_runs
from keras_selectivity.claims import departures
from keras_selectivity.claims import reportable
from keras_selectivity.reports._claims import PAPERS
from keras_selectivity.reports._comparison_figure import Part
from keras_selectivity.reports._comparison_figure import parts_of
from keras_selectivity.reports._comparison_figure import trade_offs
from keras_selectivity.reports._interval import interval_plot
from keras_selectivity.reports._interval import marks
from keras_selectivity.reports._output import PAGE
from keras_selectivity.reports._output import check_figures
from keras_selectivity.reports._output import check_page
from keras_selectivity.reports._picture import check_formats
from keras_selectivity.reports._picture import save
from keras_selectivity.reports._summary import Number
from keras_selectivity.reports._summary import facts
from keras_selectivity.reports._summary import how_many
from keras_selectivity.reports._summary import trade_off
from keras_selectivity.reports._tables import Cell
from keras_selectivity.reports._template import render
from keras_selectivity.results import Levels
from keras_selectivity.results import Table

_VERDICTS = (AGREES, DISAGREES, UNDECIDED)


@dataclass(frozen=True)
class Reported:
    """A study that is compared with others.

    Attributes:
        title: Its heading.
        rows: What `keras_selectivity.results.read` or `scan` returns.
        claims: What `keras_selectivity.claims.check` returns.
        link: Its own page, as the common page should link to it, or `None`.
    """

    title: str
    rows: Table
    claims: pl.DataFrame
    link: str | None = None


def write_comparison(
    folder: str | Path, studies: Sequence[Reported], *, formats: Iterable[str] = ("png",)
) -> Path:
    """Writes a page that compares studies.

    Args:
        folder: Folder to write into: `index.html` and the figure.
        studies: The studies, at least two.
        formats: Endings of the figure's files: `"png"`, `"svg"`, `"pdf"`. The page needs none of them.

    Returns:
        Path of the page.

    Raises:
        InputError: There are fewer than two studies or more than 26; rows mix protocols, or hold no accuracy on a test
            split; a format is none of the three; or the folder holds another page or picture, which would be lost.
    """
    folder, formats = Path(folder), tuple(formats)
    check_page(folder)
    check_formats(formats)
    if not 2 <= len(studies) <= len(string.ascii_uppercase):
        raise InputError(f"A page compares 2 to 26 studies. Received {len(studies)}.")
    tables = [reportable(study.rows)[0] for study in studies]
    letters = string.ascii_uppercase[: len(studies)]
    parts = [part for letter, table in zip(letters, tables, strict=True) for part in parts_of(letter, table)]
    claims = _claims(studies)
    text = render(
        "comparison.html",
        title=f"{len(studies)} studies compared",
        description="What is the same, what differs, and on which of the papers' claims the studies agree.",
        known=[(letter, study.title) for letter, study in zip(letters, studies, strict=True)],
        main_numbers=_numbers(tables, claims),
        hero=_figure(folder, formats, parts),
        heads=["study", "protocol", *_HEADS],
        lines=[_line(*each) for each in zip(letters, studies, tables, strict=True)],
        departures=[(letter, departures(table)) for letter, table in zip(letters, tables, strict=True)],
        claims=claims,
        letters=letters,
        verdicts=[each for each in _VERDICTS if any(each in claim["verdicts"] for claim in claims)],
        papers=[(key, name) for key, name in PAPERS.items() if any(c["paper"] == key for c in claims)],
        contents=[
            {"id": "summary", "title": "Summary", "parts": []},
            {"id": "studies", "title": "Studies", "parts": []},
            *([{"id": "claims", "title": "The papers' claims", "parts": []}] if claims else []),
        ],
    )
    path = folder / PAGE
    write_text(path, text)
    return path


_HEADS = ("networks", "accuracy at α = 0", "less selectivity", "more selectivity", "claims")


def _line(letter: str, study: Reported, table: Levels) -> list[Cell]:
    """A study as a line of the table."""
    href = Markup(escape(quote(study.link))) if study.link else ""
    protocol = dict(facts(table))
    networks = how_many(table)
    count = {name: int((study.claims["verdict"] == name).sum()) for name in (*_VERDICTS, UNTESTED)}
    grid = trade_off(table)
    sides = [
        next((each for each in grid.changes if each.alpha * sign > 0), None) if grid else None
        for sign in (-1, 1)
    ]
    return [
        Cell(f"{letter} {study.title}", link=href),
        Cell(
            protocol.get("Network", ""),
            f"{protocol.get('Data set', '')}, {protocol.get('Epochs', '?')} epochs",
        ),
        Cell(networks.value, "; ".join(filter(None, [networks.note, *absent_runs(study.rows)]))),
        Cell(grid.accuracy, f"selectivity {grid.selectivity}") if grid else Cell("–"),
        *(
            Cell(side.selectivity, f"α = {side.alpha:g}, accuracy {side.accuracy}") if side else Cell("–")
            for side in sides
        ),
        Cell(
            f"✓ {count[AGREES]}  ✗ {count[DISAGREES]}  ? {count[UNDECIDED]}", f"{count[UNTESTED]} not tested"
        ),
    ]


def _claims(studies: Sequence[Reported]) -> list[dict[str, Any]]:
    """The claims that some study tested, with what each study found."""
    found: list[dict[str, Any]] = []
    for claims in zip(*(study.claims.to_dicts() for study in studies), strict=True):
        tested = [claim for claim in claims if claim["verdict"] != UNTESTED]
        if not tested:
            continue
        shared = [mark for claim in tested for mark in marks(claim)]
        first = tested[0]
        found.append(
            {
                **{name: first[name] for name in ("claim", "statement", "theirs", "paper", "where")},
                "id": f"claim-{len(found) + 1}",
                "verdicts": list(dict.fromkeys(claim["verdict"] for claim in tested)),
                "cells": [
                    {
                        "verdict": claim["verdict"],
                        "ours": claim["ours"],
                        "plot": interval_plot(claim, shared) if claim["verdict"] != UNTESTED else "",
                    }
                    for claim in claims
                ],
            }
        )
    return found


def _numbers(tables: Sequence[Levels], claims: Sequence[dict[str, Any]]) -> list[Number]:
    networks = sum(table.rows["model"].n_unique() for table in tables)
    agreed = sum(AGREES in claim["verdicts"] and DISAGREES not in claim["verdicts"] for claim in claims)
    refuted = sum(DISAGREES in claim["verdicts"] and AGREES not in claim["verdicts"] for claim in claims)
    both = sum(AGREES in claim["verdicts"] and DISAGREES in claim["verdicts"] for claim in claims)
    return [
        Number(str(networks), "networks", f"{len(tables)} studies"),
        Number(str(len(claims)), "claims tested", "in at least one study"),
        Number(str(agreed), "claims agree", "in a study, and disagree in none"),
        Number(str(refuted), "claims disagree", "in a study, and agree in none"),
        Number(str(both), "claims are contested", "agree in one study, disagree in another"),
    ]


def _figure(folder: Path, formats: Sequence[str], parts: Sequence[Part]) -> dict[str, Any] | None:
    if not parts:
        return None
    paths = [folder / f"trade_offs.{ending}" for ending in formats]
    check_figures(paths)
    picture = save(
        paths,
        lambda figure, _: trade_offs(figure, parts),
        None,
        (9, 3.6),
        name="trade_offs",
    )
    relative = (
        " b: Change of accuracy against selectivity as a multiple of that at α = 0."
        if "b" in picture.letters
        else ""
    )
    return {
        "id": "trade_offs",
        "title": "Accuracy against selectivity, by study",
        "element": Markup(picture.element),
        "caption": f"a: Test accuracy against mean selectivity; a line follows α.{relative} Markers: means, a larger one at "
        "α = 0; bars: 95 % interval over seeds.",
        "compare": "",
        "wide": True,
    }
