"""Statistics of measurements: intervals, and tests that refuse to speak of fewer than three seeds."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_selectivity._checks import array
from keras_selectivity._checks import number
from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError

Sample = NDArray[np.float64]
Numbers = Sequence[float] | Sample

_RESAMPLED = 10  # from so many values on, intervals are bootstrapped


def mean_interval(
    values: Numbers, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of a sample with its interval.

    Student's t-interval for fewer than ten values, where resampling covers far too rarely; from ten on, the
    bias-corrected and accelerated bootstrap, which does not take the values to be normal.

    Args:
        values: `(n,)` finite floats, at least one.
        confidence: Coverage of the interval, in (0, 1). Defaults to 0.95.
        resamples: Bootstrap samples. Defaults to 10,000.
        seed: Seed of the resampling.

    Returns:
        `(mean, low, high)`; all the same for fewer than two values.

    Raises:
        InputError: An argument is out of its range.
    """
    from scipy import stats

    values = array("values", values, "n")
    if not len(values):
        raise InputError("There are no values.")
    if not 0 < number("confidence", confidence) < 1:
        raise InputError(f"confidence must lie between 0 and 1. Received: {confidence!r}.")
    resamples, seed = whole_number("resamples", resamples, 1), whole_number("seed", seed, 0)
    mean = float(np.mean(values))
    if len(values) < 2 or np.ptp(values) <= 1e-12 * abs(mean):
        return mean, mean, mean
    if len(values) < _RESAMPLED:
        found = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    else:
        found = stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=resamples,
            confidence_level=confidence,
            method="BCa",
            batch=max(1, 2_000_000 // len(values)),
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return mean, float(found.low), float(found.high)


@dataclass(frozen=True)
class Significance:
    """The result of a significance test.

    Attributes:
        name: Which test.
        statistic: Its statistic: a difference of means, a rank correlation, ...
        p: Its two-sided p-value after correction; `None` if a sample is too small to test.
        sizes: Sizes of the samples.
        comparisons: Number of comparisons that a Bonferroni correction took into account.
    """

    name: str
    statistic: float
    p: float | None
    sizes: tuple[int, ...]
    comparisons: int = 1

    @property
    def significant(self) -> bool:
        """Whether p lies below 0.05."""
        return self.p is not None and self.p < 0.05

    def __str__(self) -> str:
        sizes = " and ".join(map(str, self.sizes))
        if self.p is None:
            why = f"at least {_LEAST} are needed" if min(self.sizes) < _LEAST else "they have no spread"
            return f"no p-value: n = {sizes}, {why}"
        corrected = f", Bonferroni for {self.comparisons}" if self.comparisons > 1 else ""
        return f"{self.name}, n = {sizes}, p = {self.p:.2g}{corrected}"


_LEAST = 3  # fewer seeds have no p-value


def t_test(values: Numbers, baseline: Numbers, comparisons: int = 1) -> Significance:
    """Welch's t-test of a sample against a baseline; its statistic is the difference of the means.

    Args:
        values: `(n,)` finite floats.
        baseline: `(m,)` finite floats.
        comparisons: Multiplies the p-value (Bonferroni), at least 1.

    Returns:
        A `Significance`.

    Raises:
        InputError: An argument is out of its range.
    """
    values, baseline = array("values", values, "n"), array("baseline", baseline, "m")
    difference = float(np.mean(values) - np.mean(baseline)) if len(values) and len(baseline) else float("nan")
    return _test(
        "t-test",
        (values, baseline),
        comparisons,
        # From moments, since SciPy warns of samples that are all alike, as networks at chance are
        lambda stats: (
            difference,
            stats.ttest_ind_from_stats(*_moments(values), *_moments(baseline), equal_var=False).pvalue,
        ),
        difference,
        spread=np.ptp(values) + np.ptp(baseline) if len(values) and len(baseline) else 0,
    )


def _moments(values: Sample) -> tuple[float, float, int]:
    return float(np.mean(values)), float(np.std(values, ddof=1)), len(values)


def rank_sum(values: Numbers, others: Numbers, comparisons: int = 1) -> Significance:
    """Wilcoxon's rank-sum test (exact for small samples without ties); its statistic is the difference of the medians.

    Arguments as in `t_test`.
    """
    values, others = array("values", values, "n"), array("others", others, "m")
    difference = float(np.median(values) - np.median(others)) if len(values) and len(others) else float("nan")
    return _test(
        "Wilcoxon rank-sum test",
        (values, others),
        comparisons,
        lambda stats: (difference, stats.mannwhitneyu(values, others, alternative="two-sided").pvalue),
        difference,
    )


def _test(
    name: str,
    samples: tuple[Numbers, ...],
    comparisons: int,
    function: Callable[[Any], tuple[float, float]],
    otherwise: float,
    spread: float | None = None,
) -> Significance:
    from scipy import stats

    comparisons = whole_number("comparisons", comparisons, 1)
    sizes = tuple(len(sample) for sample in samples)
    if min(sizes) < _LEAST or spread == 0:  # where it matters, none means no p-value either
        return Significance(name, otherwise, None, sizes, comparisons)
    with np.errstate(all="ignore"):
        statistic, p = function(stats)
    corrected = None if p != p else min(1.0, float(p) * comparisons)
    return Significance(name, float(statistic), corrected, sizes, comparisons)


def t95(accuracies: Numbers) -> int:
    """First epoch (from 1) whose accuracy reaches 95 % of the run's best.

    ("Selectivity considered harmful", appendix A.2, which uses the test accuracy of every epoch.)

    Args:
        accuracies: `(epochs,)` finite accuracy after every epoch.

    Raises:
        InputError: There are none, or they are no finite numbers.
    """
    values: Sample = array("accuracies", accuracies, "epochs")
    if not values.size:
        raise InputError("There are no epochs.")
    return int(np.argmax(values >= 0.95 * values.max()) + 1)
