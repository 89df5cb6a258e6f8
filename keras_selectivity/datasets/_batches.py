"""Batches for `model.fit` whose content depends only on seed, epoch and position."""

from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._random import stream
from keras_selectivity._types import Array
from keras_selectivity.datasets._augmix import augmix
from keras_selectivity.datasets._image_data import Split


class Batches(keras.utils.PyDataset):
    """Batches of float32 pixels in [0, 1], those of all epochs of a training one after another.

    Order and augmentation of an epoch follow from `(seed, epoch)` alone, so a training that
    resumes at epoch 7 sees what an uninterrupted one would have seen. Augmentation works on uint8.

    Args:
        split: A `Split`.
        batch_size: Samples per batch. The last, smaller batch of an epoch is kept.
        seed: Seed of order and augmentation; `None` keeps the order and augments nothing.
        pad: With a seed: flip left-right at random and crop at a random position after padding
            this many black pixels on each side (4 in the papers' CIFAR-10 recipe); 0 for neither.
        epochs: Number of epochs of the training.
        first_epoch: Index of the first epoch that is drawn.
        augmix: With a seed: yield `(batch, 3, height, width, 3)`, each flipped and cropped image and two
            mixtures of it by `augmix`.
        ahead: Batches to make ahead of their use, each in a thread of its own, where `pipeline` cannot be
            had. (Keras's own workers lose the first batch on JAX.) Defaults to none.

    Attributes:
        error: What the last draw that failed has raised, or `None`: TensorFlow passes on no more than its text, see
            `drawing`.

    Raises:
        InputError: The split has fewer samples than a batch, though it is to be trained on.

    Example:

        batches = Batches(split, 256, seed=0, epochs=200, first_epoch=7)
        model.fit(batches, epochs=200, initial_epoch=7, steps_per_epoch=batches.steps, shuffle=False)
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        *,
        seed: int | None = None,
        pad: int = 4,
        epochs: int = 1,
        first_epoch: int = 0,
        augmix: bool = False,
        ahead: int = 0,
    ) -> None:
        super().__init__()
        if seed is not None and len(split.labels) < batch_size:
            raise InputError(f"{len(split.labels)} training samples do not fill one batch of {batch_size}.")
        self._split = split
        self._batch_size = batch_size
        self._seed = seed
        self._pad = pad
        self._epochs = range(first_epoch, epochs)
        self._augmix = augmix
        self._ahead = ahead
        self._pool = ThreadPoolExecutor(ahead) if ahead else None
        self._begun: dict[int, Future[tuple[Array, Array]]] = {}
        self.error: Exception | None = None

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return -(-len(self._split.labels) // self._batch_size)

    def __len__(self) -> int:
        return self.steps * len(self._epochs)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of what `draw` returns."""
        return np.dtype(np.float32 if self._augmix else np.uint8)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of a sample of a batch."""
        shape = tuple(self._split.images.shape[1:])
        return (3, *shape) if self._augmix else shape

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        pool = self._pool
        if pool is None:
            return self._make(index)
        wanted = range(index, min(index + 1 + self._ahead, len(self)))
        self._begun = {i: self._begun.get(i) or pool.submit(self._make, i) for i in wanted}
        return self._begun[index].result()

    def _make(self, index: int) -> tuple[Array, Array]:
        images, labels = self.draw(index)
        return (images if self._augmix else images.astype(np.float32) / 255), labels

    def draw(self, index: int) -> tuple[Array, Array]:
        """A batch before it becomes float pixels: uint8, or what AugMix makes of it."""
        try:
            return self._draw(index)
        except Exception as error:
            self.error = error
            raise

    def _draw(self, index: int) -> tuple[Array, Array]:
        epoch, step = self._epochs[index // self.steps], index % self.steps
        # The order is drawn anew for each batch: a millisecond, and no state that threads would share.
        positions, *crops = self._plan(epoch, step, self._order(epoch))
        images = self._split.images[positions]
        labels = self._split.labels[positions]
        if crops:
            images = flip_and_crop(images, self._pad, *crops)
        if self._augmix:
            rng = stream("augmix", self._seed, epoch, step)
            pixels = images.astype(np.float32) / 255
            images = np.stack([pixels, augmix(images, rng), augmix(images, rng)], axis=1)
        return images, labels

    def plans(self, epoch: int) -> list[tuple[Array, ...]]:
        """What the batches of an epoch are made of.

        Args:
            epoch: 0-based index.

        Returns:
            A list with a tuple for each batch: positions in the split and, if the batch is augmented, what
            `crops` returns for it.
        """
        order = self._order(epoch)
        return [self._plan(epoch, step, order) for step in range(self.steps)]

    def _plan(self, epoch: int, step: int, order: Array) -> tuple[Array, ...]:
        positions = order[step * self._batch_size : (step + 1) * self._batch_size]
        if self._seed is None or not self._pad:
            return (positions,)
        return (
            positions,
            *crops(len(positions), self._pad, stream("crops", self._seed, epoch, step)),
        )

    def _order(self, epoch: int) -> Array:
        count = len(self._split.labels)
        return (
            np.arange(count) if self._seed is None else stream("order", self._seed, epoch).permutation(count)
        )


def crops(count: int, pad: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Random positions of crops of padded images, and which of them are flipped.

    Args:
        count: Number of images.
        pad: Black pixels added on each side.
        rng: A `numpy.random.Generator`.

    Returns:
        `(top, left, flipped)`: two `(count,)` int64 arrays in [0, 2 pad], and `(count,)` bool.
    """
    top, left = rng.integers(0, 2 * pad + 1, (2, count))
    return top, left, rng.random(count) < 0.5


def flip_and_crop(images: Array, pad: int, top: Array, left: Array, flipped: Array) -> Array:
    """Crops of zero-padded images, flipped left-right after that where it is asked for.

    Args:
        images: `(n, height, width, channels)` uint8.
        pad: Black pixels added on each side.
        top: `(n,)` first row of each crop, as `crops` returns it.
        left: `(n,)` first column of each crop.
        flipped: `(n,)` bool: whether to flip it.

    Returns:
        Images of the same shape and dtype.
    """
    count, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    cropped = np.empty_like(images)
    for i in range(count):  # whole rows at a time: some ten times as fast as indexing every pixel
        crop = padded[i, top[i] : top[i] + height, left[i] : left[i] + width]
        cropped[i] = crop[:, ::-1] if flipped[i] else crop
    return cropped
