"""Batches for `model.fit` whose content depends only on seed, epoch and position."""

import keras
import numpy as np

from keras_selectivity._errors import InputError


class Batches(keras.utils.PyDataset):
    """Shuffled, augmented batches of float32 pixels in [0, 1].

    Order and augmentation of an epoch follow from `(seed, epoch)` alone, so a training that
    resumes at epoch 7 sees what an uninterrupted one would have seen. Augmentation works on uint8.

    Args:
        split: A `Split`.
        batch_size: Samples a batch. The last, smaller batch is kept.
        seed: Seed of order and augmentation; `None` keeps the order and augments nothing.
        pad: With a seed: flip left-right at random and crop at a random position after padding
            this many black pixels on each side (4 in the papers' CIFAR-10 recipe); 0 for neither.
        first_epoch: Index of the first epoch that is drawn.

    Raises:
        InputError: The split has fewer samples than a batch.
    """

    def __init__(self, split, batch_size, *, seed=None, pad=4, first_epoch=0):
        super().__init__()
        if seed is not None and len(split.labels) < batch_size:
            raise InputError(f"{len(split.labels)} training samples do not fill one batch of {batch_size}.")
        self._split = split
        self._batch_size = batch_size
        self._seed = seed
        self._pad = pad
        self._epoch = first_epoch
        self._order = None
        self._draw_order()

    def __len__(self):
        return -(-len(self._split.labels) // self._batch_size)

    def __getitem__(self, index):
        positions = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        images = self._split.images[positions]
        if self._seed is not None and self._pad:
            images = flip_and_crop(images, self._pad, np.random.default_rng([self._seed, self._epoch, index]))
        return images.astype(np.float32) / 255, self._split.labels[positions]

    def on_epoch_end(self):
        self._epoch += 1
        self._draw_order()

    def _draw_order(self):
        count = len(self._split.labels)
        self._order = (
            np.arange(count)
            if self._seed is None
            else np.random.default_rng([self._seed, self._epoch]).permutation(count)
        )


def flip_and_crop(images, pad, rng):
    """Random left-right flip, then a random crop of the zero-padded image.

    Args:
        images: `(n, height, width, channels)` uint8.
        pad: Black pixels added on each side.
        rng: A `numpy.random.Generator`.

    Returns:
        Images of the same shape and dtype.
    """
    count, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    top, left = rng.integers(0, 2 * pad + 1, (2, count, 1))
    rows = top + np.arange(height)
    columns = left + np.arange(width)
    flipped = rng.random(count) < 0.5
    columns[flipped] = columns[flipped, ::-1]
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
