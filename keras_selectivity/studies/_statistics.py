"""Statistics of measurements."""

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
