"""Statistics of measurements: intervals, and tests that refuse to speak of fewer than three seeds."""

from dataclasses import dataclass

import numpy as np

from keras_selectivity._errors import InputError


def mean_interval(values, *, confidence=0.95, resamples=10_000, seed=0):
    """Mean of a sample with its percentile bootstrap interval.

    Args:
        values: `(n,)` floats.
        confidence: Coverage of the interval. Defaults to 0.95.
        resamples: Bootstrap samples. Defaults to 10,000.
        seed: Seed of the resampling.

    Returns:
        `(mean, low, high)`; all the same for fewer than two values.
    """
    from scipy import stats

    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, mean, mean
    found = stats.bootstrap(
        (values,), np.mean, n_resamples=resamples, confidence_level=confidence, method="percentile",
        batch=max(1, 2_000_000 // len(values)), rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return mean, float(found.low), float(found.high)


@dataclass(frozen=True)
class Test:
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
    sizes: tuple
    comparisons: int = 1

    @property
    def significant(self):
        """Whether p lies below 0.05."""
        return self.p is not None and self.p < 0.05

    def __str__(self):
        sizes = " and ".join(map(str, self.sizes))
        if self.p is None:
            return f"no p-value: n = {sizes}, at least {_LEAST} are needed"
        corrected = f", Bonferroni for {self.comparisons}" if self.comparisons > 1 else ""
        return f"{self.name}, n = {sizes}, p = {self.p:.2g}{corrected}"


_LEAST = 3  # fewer seeds have no p-value


def t_test(values, baseline, comparisons=1):
    """Welch's t-test of a sample against a baseline; its statistic is the difference of the means.

    Args:
        values: `(n,)` floats.
        baseline: `(m,)` floats.
        comparisons: Multiplies the p-value (Bonferroni).

    Returns:
        A `Test`.
    """
    difference = float(np.mean(values) - np.mean(baseline)) if len(values) and len(baseline) else float("nan")
    return _test(
        "t-test", (values, baseline), comparisons,
        lambda stats: (difference, stats.ttest_ind(values, baseline, equal_var=False).pvalue), difference,
    )  # fmt: skip


def paired_t_test(values, baseline, comparisons=1):
    """Paired t-test; its statistic is the mean difference. Arguments as in `t_test`, of equal length."""
    difference = float(np.mean(np.subtract(values, baseline))) if len(values) else float("nan")
    return _test(
        "paired t-test", (values,), comparisons,
        lambda stats: (difference, stats.ttest_rel(values, baseline).pvalue), difference,
    )  # fmt: skip


def rank_sum(values, others, comparisons=1):
    """Wilcoxon's rank-sum test (exact for small samples without ties); its statistic is the difference of the medians.

    Arguments as in `t_test`.
    """
    difference = float(np.median(values) - np.median(others)) if len(values) and len(others) else float("nan")
    return _test(
        "Wilcoxon rank-sum test", (values, others), comparisons,
        lambda stats: (difference, stats.mannwhitneyu(values, others, alternative="two-sided").pvalue), difference,
    )  # fmt: skip


def spearman(x, y, seeds):
    """Spearman's rank correlation.

    Args:
        x: `(n,)` floats.
        y: `(n,)` floats.
        seeds: Fewest seeds of any group in `x`; below three there is no p-value.
    """
    from scipy import stats

    name = "Spearman's rank correlation"
    if len(x) < _LEAST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Test(name, float("nan"), None, (seeds,))
    found = stats.spearmanr(x, y)
    if seeds < _LEAST:
        return Test(name, float(found.statistic), None, (seeds,))
    return Test(name, float(found.statistic), float(found.pvalue), (len(x),))


def _test(name, samples, comparisons, function, otherwise):
    from scipy import stats

    sizes = tuple(len(sample) for sample in samples)
    if min(sizes) < _LEAST:
        return Test(name, otherwise, None, sizes, comparisons)
    with np.errstate(all="ignore"):
        statistic, p = function(stats)
    # Samples without any spread have no p-value either.
    p = None if p != p else min(1.0, float(p) * comparisons)
    return Test(name, float(statistic), p, sizes, comparisons)


def t95(accuracies):
    """First epoch (from 1) whose accuracy reaches 95 % of the run's best.

    ("Selectivity considered harmful", appendix A.2, which uses the test accuracy of every epoch.)

    Args:
        accuracies: `(epochs,)` accuracy after every epoch.

    Raises:
        InputError: There are none.
    """
    accuracies = np.asarray(accuracies, np.float64)
    if not accuracies.size:
        raise InputError("There are no epochs.")
    return int(np.argmax(accuracies >= 0.95 * accuracies.max()) + 1)
