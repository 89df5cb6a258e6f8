"""Counting right predictions, with an eye to networks that are sure of themselves and wrong."""

import warnings

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._errors import InputError
from keras_selectivity._types import Array

_FEWEST = 30  # below, chance is too wide to say anything


class Predictions:
    """Accuracy and margin of predictions that come in batches.

    Attributes:
        samples: Number of samples so far.
    """

    def __init__(self) -> None:
        self.samples = self._correct = 0
        self._confidence = self._chance = self._margin = 0.0

    def add(self, logits: ArrayLike, labels: Array) -> None:
        """Adds a batch: `(n, classes)` logits and `(n,)` integer labels."""
        logits = np.asarray(logits, np.float64)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.samples += len(labels)
        self._correct += int((logits.argmax(axis=1) == labels).sum())
        self._confidence += (odds.max(axis=1) / odds.sum(axis=1)).sum()
        self._chance = 1 / logits.shape[1]
        own = logits[np.arange(len(labels)), labels]
        others = logits.copy()
        others[np.arange(len(labels)), labels] = -np.inf
        self._margin += (own - others.max(axis=1)).sum()

    def mean_margin(self) -> float:
        """Mean over the samples of the true class's logit minus the largest of the others."""
        return float(self._margin / self.samples)

    def accuracy(self, *, warn: bool = True) -> float:
        """Share of right predictions.

        Args:
            warn: Warn if it is no better than chance although the predictions are confident: then the
                images are probably not what the network expects.

        Raises:
            InputError: There are no samples.
        """
        if not self.samples:
            raise InputError("There are no images.")
        share, confidence = self._correct / self.samples, self._confidence / self.samples
        if not warn or self.samples < _FEWEST:
            return share
        spread = np.sqrt(self._chance * (1 - self._chance) / self.samples)
        at_chance = share <= self._chance + 3 * spread
        if at_chance and confidence > self._chance + max(10 * spread, 0.2):
            warnings.warn(
                f"The network is right for {share:.1%} of {self.samples} images, no better than chance, though "
                f"its predictions have a mean confidence of {confidence:.0%}. Does it expect pixels of "
                "another range (pixel_range=), or other classes?",
                stacklevel=4,
            )
        return share
