"""Class-conditional statistics of a whole data set in constant memory and float64."""

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._errors import InputError
from keras_selectivity._samples import checked_labels
from keras_selectivity._types import Array
from keras_selectivity.selectivity._index import class_discriminability
from keras_selectivity.selectivity._index import selectivity_index


class ClassStatistics:
    """Accumulates unit activations class by class.

    Sums, squares, counts, minima and maxima are kept in float64, so the memory does not grow with
    the number of samples and ten million of them lose no precision that matters.

    Args:
        classes: Number of classes.
        units: Number of units.
    """

    def __init__(self, classes: int, units: int) -> None:
        self.counts = np.zeros(classes)
        self.sums = np.zeros((classes, units))
        self.squares = np.zeros((classes, units))
        self.minimum = np.full(units, np.inf)
        self.maximum = np.full(units, -np.inf)

    def update(self, unit_means: ArrayLike, labels: ArrayLike) -> None:
        """Adds a batch.

        Args:
            unit_means: `(batch, units)` activations.
            labels: `(batch,)` or `(batch, 1)` integers in [0, classes).

        Raises:
            ValueError: Shapes do not match.
            InputError: Labels are no integers of these classes, or an activation is not finite.
        """
        unit_means = np.asarray(unit_means, np.float64)
        classes, units = self.sums.shape
        labels = checked_labels(labels, classes=classes)
        if unit_means.shape != (len(labels), units):
            raise ValueError(
                f"Expected activations of shape ({len(labels)}, {units}). Received: shape {unit_means.shape}."
            )
        if not len(labels):
            return
        if not np.isfinite(unit_means).all():
            raise InputError(
                "The network's activations are not finite (NaN or infinity): its training has diverged. Take an "
                "alpha nearer to 0, or a lower learning rate."
            )
        one_hot = (labels[:, None] == np.arange(classes)).astype(np.float64)
        self.counts += one_hot.sum(axis=0)
        self.sums += one_hot.T @ unit_means
        self.squares += one_hot.T @ (unit_means * unit_means)
        self.minimum = np.minimum(self.minimum, unit_means.min(axis=0))
        self.maximum = np.maximum(self.maximum, unit_means.max(axis=0))

    @property
    def class_means(self) -> Array:
        """`(classes, units)` float64; rows of classes without samples are 0."""
        return self.sums / np.maximum(self.counts, 1)[:, None]

    @property
    def means(self) -> Array:
        """`(units,)` float64 mean over all samples."""
        return self.sums.sum(axis=0) / max(self.counts.sum(), 1)

    @property
    def deviations(self) -> Array:
        """`(units,)` float64 population standard deviation over all samples."""
        square = self.squares.sum(axis=0) / max(self.counts.sum(), 1)
        return np.sqrt(np.maximum(square - self.means**2, 0))

    @property
    def dead(self) -> Array:
        """`(units,)` bool: no sample moves the unit away from zero."""
        return (self.maximum == 0) & (self.minimum == 0)

    @property
    def preferred_class(self) -> Array:
        """`(units,)` int: the present class with the largest mean activation."""
        return np.argmax(np.where(self.counts[:, None] > 0, self.class_means, -np.inf), axis=0)

    def selectivity(self, shifted: Array | None = None) -> Array:
        """Selectivity index of every unit.

        Args:
            shifted: `(units,)` bool: units whose minimum over the data set is subtracted first
                (leaky ReLU: "Selectivity considered harmful", appendix A.10).

        Returns:
            `(units,)` float64 in [0, 1].
        """
        means = self.class_means
        if shifted is not None:
            means = np.maximum(means - np.where(shifted, self.minimum, 0.0), 0.0)
        return selectivity_index(means, self.counts)

    def discriminability(self) -> Array:
        """Class discriminability d' of every unit: `(units,)` float64."""
        squares = self.squares / np.maximum(self.counts, 1)[:, None]
        return class_discriminability(self.class_means, squares, self.counts)
