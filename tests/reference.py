"""The metrics written out from their formulas: float64, one unit and one class at a time."""

import numpy as np


def selectivity_index(samples, labels, weights=None, epsilon=1e-7):
    """Index of each unit from `(samples, units)` activations and integer labels."""
    samples = np.asarray(samples, np.float64)
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, np.float64)
    present = [c for c in sorted(set(labels.tolist())) if weights[labels == c].sum() > 0]
    result = []
    for unit in samples.T:
        means = [np.average(unit[labels == c], weights=weights[labels == c]) for c in present]
        if len(means) < 2:
            result.append(0.0)
            continue
        best = int(np.argmax(means))
        rest = np.mean([m for c, m in enumerate(means) if c != best])
        result.append((means[best] - rest) / (means[best] + rest + epsilon))
    return np.array(result)


def discriminability(samples, labels, epsilon=1e-7):
    """d' of each unit from `(samples, units)` activations and integer labels."""
    samples = np.asarray(samples, np.float64)
    result = []
    for unit in samples.T:
        classes = sorted(set(labels.tolist()))
        means = [unit[labels == c].mean() for c in classes]
        best = int(np.argmax(means))
        rest = np.mean([m for c, m in enumerate(means) if c != best])
        inside, outside = unit[labels == classes[best]], unit[labels != classes[best]]
        deviation = np.sqrt(0.5 * (inside.var() + outside.var()))
        result.append((means[best] - rest) / (deviation + epsilon))
    return np.array(result)


def mean_over_layers(values, units_per_layer):
    """Units of a layer first, then layers."""
    ends = np.cumsum(units_per_layer)[:-1]
    return np.mean([part.mean() for part in np.split(values, ends)])


def cross_entropy(logits, labels):
    """Mean cross-entropy of integer labels."""
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sum - shifted[np.arange(len(labels)), labels]).mean())
