"""PCA dimensionality of activations: exact spectra, by arrays or streaming."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._checks import array
from keras_selectivity._checks import number
from keras_selectivity._checks import real_array
from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._types import Array

_COLUMNS_AT_A_TIME = 1024


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of the covariance of activations.

    Attributes:
        eigenvalues: `(min(samples, dimensions),)` float64, descending, not negative.
        dimensions: Number of dimensions, those without variance included.
        alive: Number of dimensions with any variance.
        samples: Number of samples.
    """

    eigenvalues: np.ndarray
    dimensions: int
    alive: int
    samples: int

    def components(self, variance: float = 0.9) -> int:
        """Smallest number of principal components that explain a share of the variance.

        Args:
            variance: Share, in (0, 1]. Defaults to 0.9, the papers' value.

        Returns:
            An int; 0 if there is no variance at all.

        Raises:
            InputError: `variance` lies outside (0, 1].
        """
        check_variance(variance)
        explained = np.cumsum(self.eigenvalues)
        if not len(explained) or explained[-1] <= 0:
            return 0
        # One part in 10^10 less, so that rounding adds no component to an exact share.
        return int(np.searchsorted(explained, variance * explained[-1] * (1 - 1e-10)) + 1)

    def fraction(self, variance: float = 0.9, *, alive_only: bool = False) -> float:
        """`components` over the number of dimensions, or of those that have any variance."""
        return self.components(variance) / max(self.alive if alive_only else self.dimensions, 1)

    @property
    def participation_ratio(self) -> float:
        """Squared sum over sum of squares of the eigenvalues: from 1 to the rank; 0 without variance."""
        squares = (self.eigenvalues**2).sum()
        return float(self.eigenvalues.sum() ** 2 / squares) if squares > 0 else 0.0


def dimensionality(activations: ArrayLike, variance: float = 0.9) -> float:
    """Share of dimensions that principal components need to explain 90 % of the variance.

    ("On the relationship between class selectivity, dimensionality, and robustness", section 2:
    activations are centred, not scaled; dead units count as dimensions.)

    Args:
        activations: `(samples, dimensions)`, or with more axes, which are flattened.
        variance: Share of the variance to explain, in (0, 1]. Defaults to 0.9.

    Returns:
        A float in [0, 1]; 0 if no activation varies.

    Raises:
        InputError: Fewer than two samples, no dimensions, activations that are not finite, or
            `variance` outside (0, 1].
    """
    check_variance(variance)
    return spectrum(activations).fraction(variance)


def spectrum(activations: ArrayLike) -> Spectrum:
    """Exact spectrum of a matrix of activations, through the smaller of its two Gram matrices.

    Works on blocks of columns in float64; besides the input it needs the memory of the smaller Gram
    matrix: 10,000 samples of 65,536 float32 dimensions take about 4 GiB in all.

    Args:
        activations: `(samples, dimensions)`, or with more axes, which are flattened.

    Returns:
        A `Spectrum`.

    Raises:
        InputError: Fewer than two samples, no dimensions, or activations that are not finite.
    """
    from scipy import linalg

    activations = real_array("Activations", activations)
    if activations.ndim > 2:
        activations = activations.reshape(len(activations), math.prod(activations.shape[1:]))
    _check(activations.shape)
    samples, dimensions = activations.shape
    if dimensions <= samples:
        running = RunningCovariance(dimensions)
        for start in range(0, samples, _COLUMNS_AT_A_TIME):
            running.update(activations[start : start + _COLUMNS_AT_A_TIME])
        return running.spectrum()
    gram, alive = np.zeros([samples, samples], order="F"), 0
    for start in range(0, dimensions, _COLUMNS_AT_A_TIME):
        block = activations[:, start : start + _COLUMNS_AT_A_TIME].astype(np.float64, order="C")
        _check_finite(block)
        alive += int((block != block[0]).any(axis=0).sum())
        block -= block[0].copy()  # constant dimensions are then exactly 0, which a mean would round
        block -= block.mean(axis=0)
        # The upper triangle only, in place: half the work, and no second matrix of this size.
        gram = linalg.blas.dsyrk(1 / samples, block.T, beta=1.0, c=gram, trans=1, overwrite_c=1)
    values = linalg.eigvalsh(gram, lower=False, overwrite_a=True, check_finite=False)
    return Spectrum(values[::-1].clip(0), dimensions, alive, samples)


class RunningCovariance:
    """Covariance of activations that arrive in batches, in float64 and constant memory.

    Args:
        dimensions: Number of dimensions, at least 1.
    """

    def __init__(self, dimensions: int) -> None:
        dimensions = whole_number("dimensions", dimensions, 1)
        self.samples = 0
        self._first = None
        self._alive = np.zeros(dimensions, bool)
        self._sum = np.zeros(dimensions)
        self._products = np.zeros([dimensions, dimensions])

    def update(self, activations: ArrayLike) -> None:
        """Adds a `(batch, dimensions)` batch.

        Raises:
            InputError: Activations of another shape, or that are not finite.
        """
        batch = array("Activations", activations, "samples", "dimensions")
        if batch.shape[1] != len(self._sum):
            raise InputError(f"Expected {len(self._sum)} dimensions. Received: {batch.shape[1]}.")
        if not len(batch):
            return
        if self._first is None:
            # Sums of differences from a typical value cancel less.
            self._first, self._typical = batch[0].copy(), batch.mean(axis=0)
        self._alive |= (batch != self._first).any(axis=0)
        batch = batch - self._typical
        self.samples += len(batch)
        self._sum += batch.sum(axis=0)
        self._products += batch.T @ batch

    def spectrum(self) -> Spectrum:
        """The `Spectrum` of all batches so far.

        Raises:
            InputError: Fewer than two samples, or no dimensions.
        """
        from scipy import linalg

        dimensions = len(self._sum)
        _check((self.samples, dimensions))
        mean = self._sum / self.samples
        covariance = self._products / self.samples - np.outer(mean, mean)
        values = linalg.eigvalsh(covariance, overwrite_a=True, check_finite=False)
        values = values[::-1][: min(self.samples, dimensions)].clip(0)
        return Spectrum(values, dimensions, int(self._alive.sum()), self.samples)


def check_variance(variance: Any) -> None:
    """Refuses a share of the variance outside (0, 1].

    Raises:
        InputError: Naming it.
    """
    if not 0 < number("variance", variance) <= 1:
        raise InputError(f"variance must lie in (0, 1]. Received: {variance!r}.")


def _check(shape: tuple[int, ...]) -> None:
    if len(shape) != 2 or shape[0] < 2 or shape[1] < 1:
        raise InputError(
            f"Dimensionality needs activations of shape (samples, dimensions) with at least two samples. "
            f"Received: shape {tuple(shape)}."
        )


def _check_finite(activations: Array) -> None:
    if not np.isfinite(activations).all():
        raise InputError("Activations must be finite; got NaN or infinity.")
