"""Verdicts on the papers' claims, as a section of a page and as text."""

from html import escape
from typing import Any

import polars as pl

from keras_selectivity.claims import AGREES
from keras_selectivity.claims import DISAGREES
from keras_selectivity.claims import UNDECIDED
from keras_selectivity.claims import UNTESTED

PAPERS = {
    "S": "Selectivity considered harmful",
    "W": "On the relationship between class selectivity, dimensionality, and robustness",
    "A": "Linking average- and worst-case perturbation robustness via class selectivity and dimensionality",
    "P": "the authors' summary",
    "O": "an extension of ours",
}

_HOW_TO_READ = (
    "Every test is one of values per seed. A claim agrees where its test is significant in the paper's direction and not "
    "equivalent to no effect, disagrees where it is significant the other way, or equivalent to none where the paper reports an "
    "effect, and is undecided otherwise. P-values are corrected by Holm's method over the {} claims that were tested."
)


def claims_text(claims: pl.DataFrame) -> str:
    """Verdicts for a terminal: a line per claim that was tested, and what the others need, together where it is the same.

    Args:
        claims: What `keras_selectivity.claims.check` returns.
    """
    tested = claims.filter(pl.col("verdict") != UNTESTED)
    width = max((len(name) for name in tested["claim"]), default=0)
    lines = [f"{c['verdict']:10} {c['claim']:{width}}  {c['ours']}" for c in tested.to_dicts()]
    if any(c["departures"] for c in tested.to_dicts()):
        lines.append("All verdicts are from a reduced protocol; the page says what it departs in.")
    lines += [f"Not tested: {', '.join(names)}. {needed}" for needed, names in _untested(claims)]
    return "\n".join([*lines, _summary(claims)])


def claims_section(claims: pl.DataFrame) -> str:
    """Verdicts for a page, as HTML.

    Args:
        claims: What `keras_selectivity.claims.check` returns.
    """
    tested = claims.filter(pl.col("verdict") != UNTESTED).to_dicts()
    note = " Every verdict is from a reduced protocol: see above for what it departs in."
    summary = _summary(claims) + (note if any(c["departures"] for c in tested) else "")
    left_out = sorted({text for c in tested for text in c["left_out"]})
    parts = ["<h2>The papers' claims</h2>", f"<p>{summary}</p>"]
    if tested:
        heads = "".join(
            f"<th>{h}</th>" for h in ("claim", "the paper", "here, with 95 % interval", "verdict and test")
        )
        parts += [
            f"<p>{_HOW_TO_READ.format(len(tested))}</p>",
            f"<p>Left out: {escape('; '.join(left_out))}.</p>" if left_out else "",
            f'<div class="wide"><table class="claims"><thead><tr>{heads}</tr></thead>',
            f"<tbody>{''.join(map(_line, tested))}</tbody></table></div>",
        ]
    if untested := _untested(claims):
        items = "".join(
            f"<li>{escape(needed)}<br><small>{escape(', '.join(names))}</small></li>"
            for needed, names in untested
        )
        number = sum(len(names) for _, names in untested)
        parts.append(
            f"<details><summary>{number} claims that were not tested</summary><ul>{items}</ul></details>"
        )
    return "".join(parts)


def _summary(claims: pl.DataFrame) -> str:
    counts = {
        verdict: (claims["verdict"] == verdict).sum() for verdict in (AGREES, DISAGREES, UNDECIDED, UNTESTED)
    }
    return ", ".join(f"{number} {verdict}" for verdict, number in counts.items()) + "."


def _untested(claims: pl.DataFrame) -> list[tuple[str, list[str]]]:
    """What claims need that were not tested, with their names."""
    rows = claims.filter(pl.col("verdict") == UNTESTED)
    by_need = rows.group_by("needed", maintain_order=True).agg("claim")
    return list(by_need.iter_rows())


def _line(claim: dict[str, Any]) -> str:
    """A line of the table of claims."""
    said = claim["verdict"] + (
        " (reduced protocol)" if claim["departures"] and claim["verdict"] != UNDECIDED else ""
    )
    p, against = (f"{claim[name]:.2g}" for name in ("p_adjusted", "p_against_adjusted"))
    notes = [f"{claim['test']}. Corrected: p = {p}; against the claim, p = {against}."]
    if claim["verdict_with_all"]:
        notes.append(f"With the networks that failed to learn: {claim['verdict_with_all']}.")
    notes += [f"{text[0].upper()}{text[1:]}." for text in claim["warnings"]]
    notes += [f"To decide it: {claim['needed']}"] if claim["needed"] else []
    extension = " An extension: the paper speaks of other networks." if claim["extension"] else ""
    cells = (
        f"<b>{escape(claim['claim'])}</b><br>{escape(claim['statement'])}{extension}<br>"
        f"<small>{PAPERS[claim['paper']]}, {escape(claim['where'])}</small>",
        escape(claim["theirs"]),
        f"{escape(claim['ours'])}<br><small>{claim['seeds']} seeds of {escape(claim['population'])}</small>",
        f'<span class="{claim["verdict"].split()[0]}">{escape(said)}</span><br><small>{escape(" ".join(notes))}</small>',
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
