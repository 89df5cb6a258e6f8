"""What a data set is in this package: named splits of uint8 images with integer labels."""

from dataclasses import dataclass
from typing import NamedTuple
from typing import TypeAlias

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._types import Array
from keras_selectivity.datasets._images_on_disk import ImagesOnDisk

Seed: TypeAlias = int | np.random.Generator


class Split(NamedTuple):
    """Images and labels of one split.

    Attributes:
        images: `(n, height, width, 3)` uint8, an array or `ImagesOnDisk`.
        labels: `(n,)` int64.
    """

    images: Array | ImagesOnDisk
    labels: Array

    def take(self, indices: Array | slice) -> "Split":
        """The samples at these positions (integers or a mask), as a new split; what is on disk stays there."""
        images = self.images
        taken = images.take(indices) if isinstance(images, ImagesOnDisk) else images[indices]
        return Split(taken, self.labels[indices])


@dataclass(frozen=True)
class ImageData:
    """A data set.

    Attributes:
        name: Name under which it is loaded.
        class_names: One name a class, in label order.
        train: Training samples, including those from which a validation set is held out.
        test: Test samples.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    test: Split

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


def hold_out(split: Split, per_class: int, seed: Seed) -> tuple[Split, Split]:
    """Splits off a stratified validation set.

    ("Selectivity considered harmful", appendix A.1: 45,000 + 5,000 of CIFAR-10's training images;
    here drawn anew for every seed, the same number of every class.)

    Args:
        split: A `Split`.
        per_class: Samples of each class to hold out.
        seed: Seed of the draw.

    Returns:
        `(train, held_out)`, both in the order of `split`.

    Raises:
        InputError: A class has no more than `per_class` samples.
    """
    held = np.zeros(len(split.labels), bool)
    held[_draw(split.labels, per_class, seed, leave=1)] = True
    return split.take(~held), split.take(held)


def subset(split: Split, samples: int, seed: Seed) -> Split:
    """A class-balanced subset of `samples` samples, in the order of `split`.

    Args:
        split: A `Split`.
        samples: Number of samples to keep.
        seed: Seed of the draw, or a `numpy.random.Generator`.

    Raises:
        InputError: `samples` is not a multiple of the number of classes, or a class has too few.
    """
    classes = len(np.unique(split.labels))
    if samples % classes:
        raise InputError(f"A balanced subset of {classes} classes cannot have {samples} samples.")
    return split.take(np.sort(_draw(split.labels, samples // classes, seed, leave=0)))


def _draw(labels: Array, per_class: int, seed: Seed, leave: int) -> Array:
    rng = np.random.default_rng(seed)
    drawn = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < per_class + leave:
            raise InputError(
                f"Class {label} has {len(members)} samples; {per_class} cannot be drawn from it"
                f"{' and leave any' if leave else ''}."
            )
        drawn.append(rng.choice(members, per_class, replace=False))
    return np.concatenate(drawn)
