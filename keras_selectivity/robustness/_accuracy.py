"""Accuracy on given images."""

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._progress import batches
from keras_selectivity.robustness._attack import BATCH_SIZE


def accuracy(exported, images, labels, *, batch_size=BATCH_SIZE, verbose=1):
    """Share of images classified correctly.

    Args:
        exported: What `keras_selectivity.load` returns.
        images: `(n, height, width, channels)` pixels: uint8, or floats in [0, 1].
        labels: `(n,)` integers.
        batch_size: Images at a time. Defaults to 250.
        verbose: 0 shows no progress bar.

    Raises:
        InputError: Images or labels do not fit the network, or there are none.
    """
    labels = exported.labels(labels, len(images))
    if not len(labels):
        raise InputError("There are no images.")
    correct = 0
    for part in batches(len(labels), batch_size, verbose):
        logits = np.asarray(exported.logits(exported.pixels(images[part])))
        correct += int((logits.argmax(axis=1) == labels[part]).sum())
    return correct / len(labels)
