"""Statistics of measurements."""

import numpy as np


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
