"""Projection-weighted canonical correlation distance between two sets of activations."""

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._checks import array
from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._types import Array

VARIANTS = ("paper", "google")


def pwcca_distance(a: ArrayLike, b: ArrayLike, *, symmetric: bool = False, variant: str = "paper") -> float:
    """Projection-weighted CCA distance of two layers on the same samples.

    One minus the mean of the canonical correlations, each weighted by how much of `a` its canonical
    variate accounts for, `sum_j |<h_i, a_j>|` with centred activations. It is 0 between layers that
    are invertible affine maps of each other, and depends on which comes first, whose variates give
    the weights. (Morcos, Raghu and Bengio 2018, "Insights on representational similarity in neural
    networks with canonical correlation", section 2.3.) Directions whose singular value is below 1e-6
    of the largest are dropped, so dead and collinear units change nothing.

    The code that is widely used for it, github.com/google/svcca, computes something else: it leaves
    the inverse square root of the covariance out of the variates, adds the mean back before it
    orthonormalises them, and weighs with activations that are not centred, so that a mere shift
    changes the distance, and so do the arbitrary signs of singular vectors. `variant="google"` reproduces that, to
    compare with published numbers; it takes the weights from the side with fewer units.

    Args:
        a: `(samples, units_a)` activations.
        b: `(samples, units_b)` activations of the same samples in the same order.
        symmetric: Mean of the distances in both directions. Defaults to False.
        variant: `"paper"` or `"google"`. Defaults to `"paper"`.

    Returns:
        A float in [0, 1].

    Raises:
        InputError: Numbers of samples differ or do not exceed those of units, activations are not
            finite or do not vary.
    """
    if variant not in VARIANTS:
        raise InputError(f"variant must be 'paper' or 'google'. Received: {variant!r}.")
    a, b = _checked("first", a), _checked("second", b)
    if len(a) != len(b):
        raise InputError(f"Both must have the same samples. Received: {len(a)} and {len(b)} samples.")
    distance = _paper if variant == "paper" else _google
    if symmetric:
        return (distance(a, b) + distance(b, a)) / 2
    return distance(a, b)


def pwcca_baseline(samples: int, units_a: int, units_b: int, *, seed: int = 0, repetitions: int = 5) -> float:
    """Mean distance between independent normal activations: what no relation looks like.

    Few samples make any two layers look alike, so compare a distance with this one.

    Returns:
        A float in [0, 1].
    """
    for name, value in {
        "samples": samples,
        "units_a": units_a,
        "units_b": units_b,
        "repetitions": repetitions,
    }.items():
        whole_number(name, value, 1)
    rng = np.random.default_rng(whole_number("seed", seed, 0))
    return float(
        np.mean(
            [
                pwcca_distance(
                    rng.standard_normal([samples, units_a]), rng.standard_normal([samples, units_b])
                )
                for _ in range(repetitions)
            ]
        )
    )


def _checked(which: str, activations: ArrayLike) -> Array:
    activations = array(f"The {which} activations", activations, "samples", "units")
    if not activations.size:
        raise InputError(f"The {which} activations are empty. Received: shape {activations.shape}.")
    samples, units = activations.shape
    if samples <= units:
        raise InputError(
            f"The {which} activations have {samples} samples of {units} units. Canonical correlations need more "
            "samples than units, better five to ten times as many."
        )
    if (activations == activations[0]).all():
        raise InputError(
            f"The {which} activations are the same for every sample; there is nothing to correlate."
        )
    return activations


def _paper(a: Array, b: Array) -> float:
    (q_a, inside_a, r_a), (q_b, inside_b, _) = (_basis(x - x.mean(axis=0)) for x in (a, b))
    across = inside_a.T @ (q_a.T @ q_b) @ inside_b
    rotation, correlations, _ = np.linalg.svd(across, full_matrices=False)
    weights = np.abs(rotation.T @ inside_a.T @ r_a).sum(axis=1)
    return _distance(weights, correlations)


def _basis(centred: Array) -> tuple[Array, Array, Array]:
    """Orthonormal basis of the columns' span, without directions that are only rounding.

    Returns:
        `(q, inside, r)`: the basis is `q @ inside`, the columns that vary are `q @ r`. Decomposing the
        small triangle costs a fraction of decomposing the columns.
    """
    # Columns of very different scale would otherwise hide small units that are no noise.
    scale = np.linalg.norm(centred, axis=0)
    varies = scale > 0
    q, r = np.linalg.qr(centred[:, varies] / scale[varies])
    vectors, values, _ = np.linalg.svd(r)
    return q, vectors[:, values > 1e-6 * values[0]], r * scale[varies]


def _google(a: Array, b: Array) -> float:
    scaled = [x - x.mean(axis=0) for x in (a, b)]
    roots = []
    for x in scaled:
        covariance = x.T @ x / (len(x) - 1)
        covariance /= np.abs(covariance).max()
        roots.append(_inverse_root(covariance))
    across = scaled[0].T @ scaled[1] / (len(a) - 1)
    across /= np.sqrt(np.abs(np.cov(a.T)).max() * np.abs(np.cov(b.T)).max())
    left, correlations, right = np.linalg.svd(roots[0] @ across @ roots[1], full_matrices=False)
    # The coefficients are used as they are, without the inverse square root.
    side, coefficients = (a, left.T) if a.shape[1] <= b.shape[1] else (b, right)
    mean = side.mean(axis=0)
    directions = coefficients @ (side - mean).T + mean[:, None]
    orthonormal = np.linalg.qr(directions.T)[0]
    weights = np.abs(orthonormal.T @ side).sum(axis=1)
    return _distance(weights, correlations)


def _inverse_root(matrix: Array) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-12 * values[-1]
    return (vectors[:, kept] / np.sqrt(values[kept])) @ vectors[:, kept].T


def _distance(weights: Array, correlations: Array) -> float:
    count = min(len(weights), len(correlations))
    weights = weights[:count] / weights[:count].sum()
    return float(np.clip(1 - (weights * correlations[:count].clip(0, 1)).sum(), 0, 1))
