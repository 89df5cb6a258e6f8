"""Verdicts on the papers' claims, for a page and as text."""

import textwrap
from typing import Any

import polars as pl

from keras_selectivity.claims import AGREES
from keras_selectivity.claims import DISAGREES
from keras_selectivity.claims import UNDECIDED
from keras_selectivity.claims import UNTESTED
from keras_selectivity.reports._interval import interval_plot
from keras_selectivity.reports._tables import WIDTH

PAPERS = {
    "S": "Selectivity considered harmful",
    "W": "On the relationship between class selectivity, dimensionality, and robustness",
    "A": "Linking average- and worst-case perturbation robustness via class selectivity and dimensionality",
    "P": "the authors' summary",
    "O": "an extension of ours",
}
VERDICTS = (AGREES, DISAGREES, UNDECIDED, UNTESTED)

# What is left out that the terminal lists
_FEW = 5

_HOW_TO_READ = (
    "Every test is one of values per seed. A claim agrees where its test is significant in the paper's direction and not "
    "equivalent to no effect, disagrees where it is significant the other way, or equivalent to none where the paper reports an "
    "effect, and is undecided otherwise. P-values are corrected by Holm's method over the {} claims that were tested."
)


def claims_text(claims: pl.DataFrame) -> str:
    """Verdicts for a terminal: a line per claim that was tested, and how many were not.

    Args:
        claims: What `keras_selectivity.claims.check` returns.
    """
    tested = claims.filter(pl.col("verdict") != UNTESTED).to_dicts()
    width = max((len(claim["claim"]) for claim in tested), default=0)
    lines = []
    for claim in tested:
        head = f"{claim['verdict']:10} {claim['claim']:{width}}  "
        first, *more = textwrap.wrap(claim["ours"], WIDTH - len(head)) or [""]
        lines += [head + first, *(" " * len(head) + line for line in more)]
    if any(claim["departures"] for claim in tested):
        lines.append(
            "All verdicts are from a reduced protocol; the page says where it departs from the papers'."
        )
    left_out = _left_out(tested)
    lines += [textwrap.fill(f"Left out: {text}.", WIDTH, subsequent_indent="  ") for text in left_out[:_FEW]]
    if len(left_out) > _FEW:
        lines.append(f"The page lists {len(left_out) - _FEW} more that are left out.")
    if len(tested) < claims.height:
        lines.append("The page says what each of the claims needs that were not tested.")
    return "\n".join([*lines, _summary(claims)])


def claims_context(claims: pl.DataFrame) -> dict[str, Any]:
    """What the page's template says of the verdicts.

    Args:
        claims: What `keras_selectivity.claims.check` returns.
    """
    tested = claims.filter(pl.col("verdict") != UNTESTED).to_dicts()
    untested = _untested(claims)
    return {
        "summary": _summary(claims),
        "reduced": any(claim["departures"] for claim in tested),
        "how": _HOW_TO_READ.format(len(tested)),
        "left_out": _left_out(tested),
        "verdicts": [each for each in VERDICTS if any(claim["verdict"] == each for claim in tested)],
        "papers": [(key, PAPERS[key]) for key in PAPERS if any(claim["paper"] == key for claim in tested)],
        "rows": [_row(number, claim) for number, claim in enumerate(tested, 1)],
        "untested": untested,
        "untested_count": sum(len(names) for _, names in untested),
    }


def _row(number: int, claim: dict[str, Any]) -> dict[str, Any]:
    return {
        **claim,
        "id": f"claim-{number}",
        "rank": VERDICTS.index(claim["verdict"]),
        "source": PAPERS[claim["paper"]],
        "plot": interval_plot(claim),
        "p": f"{claim['p_adjusted']:.2g}",
        "p_against": f"{claim['p_against_adjusted']:.2g}",
        "warnings": [f"{text[0].upper()}{text[1:]}" for text in claim["warnings"]],
    }


def _left_out(tested: list[dict[str, Any]]) -> list[str]:
    return sorted({text for claim in tested for text in claim["left_out"]})


def _summary(claims: pl.DataFrame) -> str:
    counts = {verdict: (claims["verdict"] == verdict).sum() for verdict in VERDICTS}
    plural = {verdict: verdict.removesuffix("s") if counts[verdict] != 1 else verdict for verdict in VERDICTS}
    return ", ".join(f"{counts[verdict]} {plural[verdict]}" for verdict in VERDICTS) + "."


def _untested(claims: pl.DataFrame) -> list[tuple[str, list[str]]]:
    """What claims need that were not tested, with their names."""
    rows = claims.filter(pl.col("verdict") == UNTESTED)
    by_need = rows.group_by("needed", maintain_order=True).agg("claim")
    return list(by_need.iter_rows())
