"""Accuracy on given images."""

from typing import Any

from numpy.typing import ArrayLike

from keras_selectivity._exported import Exported
from keras_selectivity._inputs import part_of
from keras_selectivity._predictions import Predictions
from keras_selectivity._progress import batches
from keras_selectivity._wrap import measures
from keras_selectivity.robustness._attack import BATCH_SIZE


@measures
def accuracy(
    exported: Exported,
    images: Any,
    labels: ArrayLike,
    *,
    perturbed: bool = False,
    batch_size: int = BATCH_SIZE,
    verbose: int = 1,
) -> float:
    """Share of images classified correctly.

    Warns if that is no better than chance although the predictions are confident, unless `perturbed`.

    Args:
        exported: What `keras_selectivity.load` or `wrap` returns, or a Keras model.
        images: `(n, ...)` inputs; of images uint8, or floats in [0, 1].
        labels: `(n,)` integers.
        perturbed: Whether the images were made to mislead the network. Defaults to False.
        batch_size: Images at a time. Defaults to 250.
        verbose: 0 shows no progress bar.

    Raises:
        InputError: Images or labels do not fit the network, or there are none.
    """
    images, labels = exported.samples(images, labels)
    predictions = Predictions()
    for part in batches(len(labels), batch_size, verbose):
        predictions.add(exported.logits(exported.prepared(part_of(images, part))), labels[part])
    return predictions.accuracy(warn=not perturbed)
