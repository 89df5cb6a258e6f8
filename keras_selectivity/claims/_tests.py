"""The arithmetic of verdicts: tests on one value per seed, Holm's correction, and the seeds that a test would need."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Sample = NDArray[np.float64]

LEAST_SEEDS = 3
LEVEL = 0.05
POWER = 0.8
_MOST_SEEDS = 1000


def t_test(values: Sample, mean: float, alternative: str = "two-sided") -> float:
    """P-value of Student's t-test of one value per seed.

    Values that are all alike, up to the rounding of float32, have no spread for it: epochs and shares are coarse. Of
    these it is a sign test, which grants seeds no more than their number: a half for each that lies beyond the mean.

    Args:
        values: `(seeds,)` floats, at least two.
        mean: Of the null hypothesis.
        alternative: `"two-sided"`, `"greater"` or `"less"`.
    """
    from scipy import special

    distance = float(np.mean(values)) - mean
    rounding = float(np.finfo(np.float32).eps) * max(abs(float(values[0])), 1e-3)
    if np.ptp(values) < rounding:
        beyond = {"greater": distance > rounding, "less": distance < -rounding}
        sides = beyond.values() if alternative == "two-sided" else [beyond[alternative]]
        return 0.5 ** len(values) * (2 if alternative == "two-sided" else 1) if any(sides) else 1.0
    freedom = len(values) - 1
    # As scipy.stats.ttest_1samp, in a tenth of the time, which counts where thousands of studies are simulated
    t = distance / (np.std(values, ddof=1) / np.sqrt(len(values)))
    tails = {"less": t, "greater": -t, "two-sided": -abs(t)}
    return float(special.stdtr(freedom, tails[alternative]) * (2 if alternative == "two-sided" else 1))


def against_zero(effects: Sample) -> float:
    """Two-sided p-value of `t_test` against a mean of zero."""
    return t_test(effects, 0.0)


def between(values: Sample, low: float, high: float) -> float:
    """P-value of the two one-sided t-tests that the mean lies strictly between two bounds.

    The null hypothesis is that it does not; an infinite bound needs no test. (Schuirmann 1987.)

    Args:
        values: `(seeds,)` floats, at least two.
        low: Lower bound.
        high: Upper bound.
    """
    sides = ((low, "greater"), (high, "less"))
    return max(t_test(values, bound, side) for bound, side in sides if np.isfinite(bound))


def outside(values: Sample, low: float, high: float) -> float:
    """Two-sided p-value of a mean beyond the bound that it has crossed; 1 where it lies between them."""
    mean = float(np.mean(values))
    if low <= mean <= high:
        return 1.0
    return against_zero(values - (low if mean < low else high))


def by_sign_flips(differences: Sample, resamples: int = 9999) -> float:
    """How often as many columns have a positive mean when the sign of every seed is left to chance.

    The null hypothesis is that a seed's differences are symmetric about zero, whatever their dependence within
    the seed: all columns of a seed change sign together. Of patterns with the same number of columns, those with a
    greater mean count, since the number alone is soon at its end. All sign patterns are counted where they are few.

    Args:
        differences: `(seeds, columns)` floats.
        resamples: Random patterns where there are more than these.

    Returns:
        The one-sided p-value.
    """
    seeds = len(differences)
    if 2**seeds <= resamples:
        signs = 1 - 2 * (np.arange(2**seeds)[:, None] >> np.arange(seeds) & 1)
    else:
        drawn = np.random.default_rng(0).integers(0, 2, (resamples, seeds)) * 2 - 1
        signs = np.concatenate([np.ones((1, seeds), int), drawn])
    sums = signs @ differences
    order = (sums > 1e-12).sum(1) + sums.mean(1) / (2 * np.abs(differences).sum() + 1e-12)
    return float(np.mean(order >= order[0] - 1e-12))


def holm(ps: Sequence[float]) -> list[float]:
    """P-values corrected by Holm's step-down method, in the same order."""
    order = np.argsort(ps, kind="stable")
    corrected = np.minimum(1, np.maximum.accumulate(np.asarray(ps)[order] * np.arange(len(ps), 0, -1)))
    found = np.empty(len(ps))
    found[order] = corrected
    return found.tolist()


def seeds_needed(
    distance: float, spread: float, level: float, two_sided: bool, power: float = POWER
) -> int | None:
    """Fewest seeds that give a one-sample t-test some power, from the noncentral t distribution.

    Args:
        distance: Of the mean from the null hypothesis.
        spread: Standard deviation over seeds.
        level: Significance level.
        two_sided: Whether the test is.
        power: The power, 80 % if left out.

    Returns:
        The number, or `None` if it takes more than a thousand.
    """
    from scipy import stats

    if distance <= 0:
        return None
    seeds = np.arange(LEAST_SEEDS, _MOST_SEEDS + 1)
    spread = max(spread, 1e-5 * distance)  # of values that are all but alike, the distribution is NaN
    critical = stats.t.isf(level / (2 if two_sided else 1), seeds - 1)
    powers = stats.nct.sf(critical, seeds - 1, distance / spread * np.sqrt(seeds))
    enough = np.flatnonzero(powers >= power)
    return int(seeds[enough[0]]) if enough.size else None
