"""What a corrupted test set is, and the one that is generated."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_selectivity._types import StrPath
from keras_selectivity.datasets._clean_pairs import CleanPairs
from keras_selectivity.datasets._image_data import Split
from keras_selectivity.datasets.corruptions import CORRUPTIONS


@dataclass(frozen=True)
class CorruptedImages:
    """Corrupted versions of a test set.

    Attributes:
        source: Where they come from, for the record.
        corruptions: Names of the corruptions there are.
        read: Function of corruption and severity that returns a `Split`.
        pairs: Function without arguments that returns the `CleanPairs`, so that differences from clean
            images may be taken; it raises `NoPairsError` if there are none at hand.
    """

    source: str
    corruptions: tuple[str, ...]
    read: Callable[[str, int], Split]
    pairs: Callable[[], CleanPairs]


def generated_corruptions(clean: Split, *, seed: int = 0, textures: StrPath | None = None) -> CorruptedImages:
    """All 19 corruptions of a split, made by `corrupt` when they are read.

    Args:
        clean: A `Split` of 32x32 or 64x64 images.
        seed: Seed of the random draws.
        textures: Folder with photographs of frost, or `None` for generated textures.

    Returns:
        A `CorruptedImages`.
    """

    from keras_selectivity.datasets.corruptions import corrupt

    def read(corruption: str, severity: int) -> Split:
        return Split(corrupt(clean.images, corruption, severity, seed=seed, textures=textures), clean.labels)

    frost = "generated textures" if textures is None else f"textures of {Path(textures).name}"
    return CorruptedImages(f"generated, seed {seed}, frost of {frost}", CORRUPTIONS, read, same_order(clean))


def same_order(clean: Split) -> Callable[[], CleanPairs]:
    """The `pairs` of versions that hold the images of a clean test `Split` in its order."""
    return lambda: CleanPairs("the clean test set", np.arange(len(clean.labels)), np.asarray(clean.images))
