"""Similarity between networks of one alpha and of two, from rows of PWCCA distances."""

import numpy as np


def distances_by_alpha(rows):
    """PWCCA distances by pair of alphas.

    Args:
        rows: Tidy rows, see `read_results`.

    Returns:
        Dict, `(alpha, alpha)` in ascending order -> dict, layer -> list over pairs of networks.
    """
    alphas = {row["model"]: row["alpha"] for row in rows}
    found = {}
    for row in rows:
        if row["measure"] == "pwcca_distance":
            both = alphas[row["model"]], alphas.get(row["other"])
            if None not in both:
                found.setdefault(tuple(sorted(both)), {}).setdefault(row["layer"], []).append(row["value"])
    return found


def distance_ratios(rows):
    """How much farther networks are from those with alpha = 0 than from their equals.

    By layer: mean distance over all pairs of a network with this alpha and one with alpha = 0, over
    the mean distance of all pairs with this alpha. A ratio of 1 would mean that regularisation
    changes representations by no more than an affine map does. ("Selectivity considered harmful",
    section 4.2, appendix A.3, Figures 2b and A3.)

    Args:
        rows: Tidy rows, see `read_results`.

    Returns:
        Dict, alpha -> `(ratios, p)`: dict, layer -> ratio; and the p-value of a paired t-test over
        layers between the two mean distances, `None` for fewer than three layers or three pairs of
        equals (three seeds). Alphas without a pair of equals are left out.
    """
    from scipy import stats

    distances = distances_by_alpha(rows)
    found = {}
    for pair in sorted(distances):
        if (pair[0] == 0) == (pair[1] == 0):
            continue
        alpha = pair[0] or pair[1]
        within, between = distances.get((alpha, alpha)), distances[pair]
        if within:
            means = np.array([[np.mean(between[layer]), np.mean(within[layer])] for layer in within])
            p = (
                float(stats.ttest_rel(means[:, 0], means[:, 1]).pvalue)
                if min(len(means), *map(len, within.values())) > 2
                else None
            )
            found[alpha] = dict(zip(within, means[:, 0] / means[:, 1], strict=True)), p
    return found
