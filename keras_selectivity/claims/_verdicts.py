"""Kinds of checks: what the rows say of a claim, with interval, test and verdict."""

from dataclasses import dataclass

import numpy as np

from keras_selectivity.results import Significance
from keras_selectivity.results import mean_interval
from keras_selectivity.results import rank_sum
from keras_selectivity.results import spearman
from keras_selectivity.results import t_test

AGREES, DISAGREES, UNDECIDED = "agrees", "disagrees", "not enough data"
LEAST_SEEDS = 3

ByAlpha = dict[float, list[float]]


@dataclass(frozen=True)
class Finding:
    """What the rows say of a claim.

    Attributes:
        ours: Our number, as text, with its interval.
        verdict: `"agrees"`, `"disagrees"` or `"not enough data"`.
        test: The significance test as text, or what was compared instead.
        needed: What would be enough; empty with a verdict.
    """

    ours: str
    verdict: str
    test: str = ""
    needed: str = ""


def nothing(needed: str) -> Finding:
    """The finding where the rows hold nothing about a claim."""
    return Finding("", UNDECIDED, "", needed)


def trend(by_alpha: ByAlpha, sign: int, *, least: float = -np.inf, most: float = np.inf) -> Finding:
    """Whether a measure rises (`sign` 1) or falls (-1) with alpha, by rank correlation over all networks.

    Args:
        by_alpha: Dict, alpha -> one value per network.
        sign: 1 or -1.
        least: Alphas below are left out.
        most: Alphas above are left out.
    """
    by_alpha = {a: v for a, v in by_alpha.items() if least <= a <= most}
    if len(by_alpha) < 3:
        return nothing(f"at least three alphas from {least:g} to {most:g}, {LEAST_SEEDS} seeds each")
    x = [alpha for alpha, values in by_alpha.items() for _ in values]
    y = [value for values in by_alpha.values() for value in values]
    test = spearman(x, y, min(map(len, by_alpha.values())))
    ends = [f"{np.mean(by_alpha[a]):.3g} at {a:g}" for a in (min(by_alpha), max(by_alpha))]
    return decide(
        f"correlation with α {test.statistic:+.2f} ({', '.join(ends)})", test, test.statistic * sign
    )


def difference(
    by_alpha: ByAlpha,
    alpha: float,
    sign: int,
    *,
    unit: str = "points",
    scale: float = 100,
    comparisons: int = 1,
) -> Finding:
    """Whether a measure differs at one alpha from that at alpha = 0.

    Args:
        by_alpha: Dict, alpha -> one value per network.
        alpha: The alpha.
        sign: 1 if it should be greater, -1 if less.
        unit: Of the number that is shown.
        scale: Factor of the number that is shown.
        comparisons: Of a Bonferroni correction.
    """
    values, baseline = by_alpha.get(alpha, []), by_alpha.get(0.0, [])
    if not values or not baseline:
        return nothing(f"networks with α = {alpha:g} and with α = 0, {LEAST_SEEDS} seeds each")
    test = t_test(values, baseline, comparisons)
    return decide(f"{test.statistic * scale:+.3g} {unit} at α = {alpha:g}", test, test.statistic * sign)


def unchanged(by_alpha: ByAlpha, alphas: list[float], margin: float) -> Finding:
    """Whether accuracy at some alphas is that at alpha = 0, within a margin.

    Args:
        by_alpha: Dict, alpha -> one accuracy a network.
        alphas: Alphas that there are, of those of the claim.
        margin: Largest difference of the means that counts as none.
    """
    baseline = by_alpha.get(0.0, [])
    if not alphas or min([len(baseline), *(len(by_alpha[a]) for a in alphas)]) < LEAST_SEEDS:
        return nothing(f"{LEAST_SEEDS} seeds of α = 0 and of a mildly negative α")
    tests = {a: t_test(by_alpha[a], baseline, len(alphas)) for a in alphas}
    text = ", ".join(f"{t.statistic * 100:+.2f} points at {a:g}" for a, t in tests.items())
    worst = max(tests.values(), key=lambda t: abs(t.statistic))
    if abs(worst.statistic) <= margin:
        return Finding(text, AGREES, f"within {margin * 100:g} points; {worst}")
    verdict = DISAGREES if worst.significant else UNDECIDED
    needed = "" if worst.significant else "more seeds: the difference is large but not significant"
    return Finding(text, verdict, str(worst), needed)


def level(values: list[float], low: float, high: float, *, what: str = "", form: str = "{:.3g}") -> Finding:
    """Whether the mean of a sample, one value per network, lies in a range.

    Args:
        values: One value a network.
        low: Least mean that agrees.
        high: Greatest mean that agrees.
        what: What stands behind the number.
        form: Format of a number.
    """
    if len(values) < LEAST_SEEDS:
        return nothing(f"{LEAST_SEEDS} seeds")
    mean, below, above = mean_interval(values)
    text = f"{form.format(mean)} [{form.format(below)}, {form.format(above)}] {what}".strip()
    if low <= mean <= high:
        return Finding(text, AGREES, f"bootstrapped 95 % interval, n = {len(values)}")
    decided = above < low or below > high
    return Finding(
        text,
        DISAGREES if decided else UNDECIDED,
        f"bootstrapped 95 % interval, n = {len(values)}",
        "" if decided else "more seeds: the interval reaches the paper's range",
    )


def asymmetry(by_alpha: ByAlpha, sign: int = -1) -> Finding:
    """Whether +alpha gives less (`sign` -1) than -alpha, by rank-sum test at the largest magnitude of both signs."""
    both = sorted(a for a in by_alpha if a > 0 and -a in by_alpha)
    if not both:
        return nothing(f"an α with both signs, {LEAST_SEEDS} seeds each")
    tests = {a: rank_sum(by_alpha[a], by_alpha[-a], len(both)) for a in both}
    text = ", ".join(f"{t.statistic * 100:+.3g} points at |α| = {a:g}" for a, t in tests.items())
    return decide(text, tests[both[-1]], tests[both[-1]].statistic * sign)


def share(members: list[str], needed_members: int, total: int) -> Finding:
    """Whether at least as many of a list hold as in the paper.

    Args:
        members: Names of those for which it holds.
        needed_members: How many did in the paper.
        total: Out of how many.
    """
    text = f"{len(members)} of {total}"
    return Finding(text, AGREES if len(members) >= needed_members else DISAGREES, "means over seeds compared")


def decide(text: str, test: Significance, in_direction: float) -> Finding:
    """The verdict of a test of a direction."""
    if test.p is None:
        return Finding(text, UNDECIDED, str(test), f"{LEAST_SEEDS} seeds of every alpha")
    if not test.significant:
        return Finding(text, UNDECIDED, str(test), "more seeds, or a longer training: p is 0.05 or more")
    return Finding(text, AGREES if in_direction > 0 else DISAGREES, str(test))
