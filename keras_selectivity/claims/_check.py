"""Checks every claim of the papers against a table: tests, their correction, and verdicts."""

import math
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import polars as pl

from keras_selectivity.claims import _tests as tests
from keras_selectivity.claims._claim import Claim
from keras_selectivity.claims._controls import CLAIMS as CONTROLS
from keras_selectivity.claims._harmful import CLAIMS as HARMFUL
from keras_selectivity.claims._kinds import Check
from keras_selectivity.claims._linking import CLAIMS as LINKING
from keras_selectivity.claims._papers import POPULATIONS
from keras_selectivity.claims._protocol import departures
from keras_selectivity.claims._reportable import reportable
from keras_selectivity.claims._robustness import CLAIMS as ROBUSTNESS
from keras_selectivity.claims._rows import Lacking
from keras_selectivity.claims._rows import Rows
from keras_selectivity.claims._subjects import Subject
from keras_selectivity.claims._subjects import Subjects
from keras_selectivity.results import Levels
from keras_selectivity.results import Table
from keras_selectivity.results import levels

CLAIMS: tuple[Claim, ...] = HARMFUL + CONTROLS + ROBUSTNESS + LINKING
"""Every claim that is checked, in the order of the report."""
AGREES = "agrees"
"""Verdict: significant in the paper's direction."""
DISAGREES = "disagrees"
"""Verdict: significant the other way, or equivalent to no effect where the paper reports one."""
UNDECIDED = "undecided"
"""Verdict: neither agrees nor disagrees; more seeds would decide."""
UNTESTED = "not tested"
"""Verdict: the table lacks what the check needs."""

# More than this share of an alpha's networks with a warning, and gradient masking is likely there.
_MASKED = 0.5

_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("claim", "paper", "where", "statement", "theirs", "population"), pl.String),
    "extension": pl.Boolean,
    "ours": pl.String,
    **dict.fromkeys(("effect", "low", "high"), pl.Float64),
    **dict.fromkeys(("theirs_low", "theirs_high", "no_effect"), pl.Float64),
    "unit": pl.String,
    "seeds": pl.Int64,
    "test": pl.String,
    **dict.fromkeys(("p", "p_adjusted", "p_against", "p_against_adjusted"), pl.Float64),
    **dict.fromkeys(("verdict", "verdict_with_all", "needed"), pl.String),
    **dict.fromkeys(("left_out", "warnings", "departures"), pl.List(pl.String)),
}


@dataclass(frozen=True)
class Judged:
    """A claim with what was found.

    Attributes:
        claim: The claim.
        subject: The networks that it was checked on, if there are any.
        found: The check, if it could be made.
        lacking: Else, what it would take.
        with_all: The check with the networks that failed to learn, where some were left out.
        p_adjusted: `found.p_support`, corrected over all claims that were tested.
        p_against_adjusted: `found.p_refute`, corrected likewise.
        verdict: One of the four.
        verdict_with_all: The verdict that `with_all` would have.
        tested: Number of claims that were tested.
    """

    claim: Claim
    subject: Subject | None = None
    found: Check | None = None
    lacking: str = ""
    with_all: Check | None = None
    p_adjusted: float = 1.0
    p_against_adjusted: float = 1.0
    verdict: str = UNTESTED
    verdict_with_all: str = ""
    tested: int = 0


def check(table: Table) -> pl.DataFrame:
    """Checks every claim of the papers.

    Every check is a test on one value per seed (`keras_selectivity.claims` has the kinds). A claim *agrees* where its
    test is significant in the paper's direction and not equivalent to no effect; it *disagrees* where it is
    significant the other way, or equivalent to no effect where the paper reports one; for a claim of no difference it
    is the reverse. It is *undecided* where neither is the case, or where controls say that gradient masking is
    likely, and *not tested* where the rows do not hold what it takes. P-values are corrected by Holm's method over all
    claims that were tested. Networks that failed to learn (of less than half the mean accuracy at alpha = 0) are
    left out of claims on robustness and representations; `verdict_with_all` is the verdict with them.

    Args:
        table: The results of a study, from `keras_selectivity.results.read` or `scan`.

    Returns:
        A frame, one claim a row: `claim` (its short name), `paper`, `where`, `statement`, `theirs`; `population`, the
        networks that it was checked on, and `extension`, whether the paper speaks of others; `ours`, the effect size
        in words; `effect`, `low`, `high`, the effect size with its 95 % interval, in `unit`; `theirs_low` and
        `theirs_high`, what the paper's number is in that unit, one number twice or the bounds that it has to lie in,
        null where there is none; `no_effect`, what no effect would be, null for levels and counts; `seeds`; `test`; `p`
        and `p_adjusted` of the test that has to be significant to agree (corrected, it is 1 where the effect has the
        other sign), `p_against` and `p_against_adjusted` of that to disagree, the other way or by equivalence;
        `verdict` (`"agrees"`, `"disagrees"`, `"undecided"` or `"not tested"`) and `verdict_with_all`; `needed`, what
        would decide it; `left_out`, `warnings` and `departures` from the paper's protocol, lists of texts.

    Raises:
        InputError: The rows mix protocols or studies, or hold no accuracy on a test split.
    """
    table = levels(table)
    found, undefined = reportable(table)
    departed = departures(found)
    rows = [_row(each, undefined, departed) for each in judge(found, table.rows)]
    return pl.DataFrame(rows, schema=_SCHEMA)


def verdicts(table: Table) -> dict[str, tuple[str, bool]]:
    """The verdicts alone, for simulations.

    Args:
        table: As for `check`.

    Returns:
        Dict, claim -> `(verdict, whether it reports an effect)`; of a claim that was not tested, `False`.
    """
    table = levels(table)
    found, _ = reportable(table)
    return {
        each.claim.name: (each.verdict, bool(each.found and each.found.reports_effect))
        for each in judge(found, table.rows)
    }


def judge(table: Levels, every: pl.DataFrame) -> list[Judged]:
    """The verdicts on all claims, from rows that can be reported, and all that there are."""
    subjects = Subjects(table, every)
    found = [_found(claim, subjects) for claim in CLAIMS]
    tested = [each for each in found if each.found is not None]
    support = iter(tests.holm([each.found.p_support for each in tested if each.found]))
    against = iter(tests.holm([each.found.p_refute for each in tested if each.found]))
    judged = []
    for each in found:
        if each.found is not None:
            corrected = replace(
                each, p_adjusted=next(support), p_against_adjusted=next(against), tested=len(tested)
            )
            judged.append(_with_verdicts(corrected))
        else:
            judged.append(each)
    return judged


def _found(claim: Claim, subjects: Subjects) -> Judged:
    for subject in subjects.of(claim):
        excluded = subject.failed if claim.learned else ()
        try:
            found = claim.check(subject.rows.without(excluded))
        except Lacking as lacking:
            return Judged(claim, subject, lacking=str(lacking))
        with_all = _or_none(claim, subject.rows) if excluded else None
        return Judged(claim, subject, found, with_all=with_all)
    studies = [
        f"`keras-selectivity study run experiments/{POPULATIONS[name].study}/study.toml`"
        for name in claim.about
    ]
    titles = " or ".join(POPULATIONS[name].title for name in claim.about)
    return Judged(claim, lacking=f"It is about {titles}: run {' or '.join(studies)}.")


def _or_none(claim: Claim, rows: Rows) -> Check | None:
    try:
        return claim.check(rows)
    except Lacking:
        return None


def _with_verdicts(each: Judged) -> Judged:
    masked = each.claim.adversarial and _masking(each.subject)[1]
    verdict, with_all = UNDECIDED, UNDECIDED if each.with_all else ""
    if not masked:
        verdict = _verdict(each.p_adjusted, each.p_against_adjusted)
    if each.with_all and not masked:
        # Corrected as strictly as if it were the least significant of all
        with_all = _verdict(
            *(min(1.0, p * each.tested) for p in (each.with_all.p_support, each.with_all.p_refute))
        )
    return replace(each, verdict=verdict, verdict_with_all=with_all)


def _verdict(support: float, against: float) -> str:
    if against < tests.LEVEL:
        return DISAGREES
    return AGREES if support < tests.LEVEL else UNDECIDED


def _masking(subject: Subject | None) -> tuple[list[str], bool]:
    """What stands beside a claim on attacks, and whether gradient masking is likely at some alpha from -2 to 2."""
    if subject is None or subject.masked is None:
        return ["no controls for gradient masking were run; add [evaluation.masking]"], False
    found = {alpha: share for alpha, share in subject.masked.items() if -2 <= alpha <= 2 and share}
    texts = [
        f"controls warn of gradient masking in {share:.0%} of the networks of α = {a:g}"
        for a, share in found.items()
    ]
    return texts or ["the controls that were run show no gradient masking"], any(
        share > _MASKED for share in found.values()
    )


def _row(each: Judged, undefined: list[str], departed: list[str]) -> dict[str, Any]:
    claim, subject, found = each.claim, each.subject, each.found
    row = {
        "claim": claim.name,
        **{name: getattr(claim, name) for name in ("paper", "where", "statement", "theirs")},
        "population": subject.title if subject else "",
        "extension": bool(subject and subject.extension),
        "ours": "",
        "test": "",
        "verdict": each.verdict,
        "verdict_with_all": each.verdict_with_all,
        "needed": each.lacking,
        "left_out": [],
        "warnings": [],
        "departures": [],
    }
    if found is None or subject is None:
        return row
    effect, low, high = found.effect()
    bounds = zip(("theirs_low", "theirs_high", "no_effect"), (*found.paper(), found.no_effect), strict=True)
    row |= {
        **{"ours": found.ours(), "effect": effect, "low": low, "high": high, "unit": found.unit.strip()},
        **{"seeds": found.seeds, "test": found.description()},
        **{
            **{"p": found.p, "p_adjusted": each.p_adjusted},
            **{"p_against": found.p_refute, "p_against_adjusted": each.p_against_adjusted},
        },
        **{name: value if math.isfinite(value) else None for name, value in bounds},
        "left_out": _left_out(claim, subject, undefined),
        "warnings": _masking(subject)[0] if claim.adversarial else [],
        "departures": departed,
    }
    if each.verdict == UNDECIDED:
        row["needed"] = _needed(each, found)
    return row


def _left_out(claim: Claim, subject: Subject, undefined: list[str]) -> list[str]:
    found = [f"{name}: diverged, accuracy or selectivity is undefined" for name in undefined]
    if claim.learned:
        found += [f"{name}: failed to learn, less than half the accuracy of α = 0" for name in subject.failed]
    return found + list(subject.absent)


def _needed(each: Judged, found: Check) -> str:
    if each.claim.adversarial and _masking(each.subject)[1]:
        return "An attack that gradient masking does not stop: see the warnings."
    seeds = found.needed(tests.LEVEL / each.tested)
    if seeds is None:
        return f"More than 1,000 seeds for 80 % power at the paper's effect, with the spread seen here, {found.seeds} now."
    if seeds <= found.seeds:
        return f"{seeds} seeds give 80 % power at the paper's effect: the effect here lies between none and that."
    now = f"{found.seeds} now"
    if found.halves:
        seeds, now = 2 * seeds, f"half of them choose α, and {found.seeds} are tested now"
    return f"{seeds} seeds for 80 % power at the paper's effect, with the spread seen here; {now}."
