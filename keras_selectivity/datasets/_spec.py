"""What a data set declares about itself; whatever differs between data sets is a field here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keras_selectivity._types import Array
from keras_selectivity._types import StrPath
from keras_selectivity.datasets._corrupted_images import CorruptedImages
from keras_selectivity.datasets._image_data import ImageData

# Called with the data directory and those options of `data prepare` that were given; returns where the data lie
Preparer: TypeAlias = Callable[..., StrPath]


@dataclass(frozen=True, kw_only=True)
class Release:
    """An archive of corrupted versions of a data set's test split.

    Attributes:
        name: Name by which `data prepare` makes it.
        corruptions: What it contains; `None` for whatever is in the archive.
        prepare: Function of the data directory and of `options`.
        options: Which options of `data prepare` it takes, of `"archive"` and `"skip_damaged"`.
    """

    name: str
    corruptions: tuple[str, ...] | None
    prepare: Preparer
    options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A data set: its numbers, how it is had, and what a study takes for it where nothing is said.

    Attributes:
        name: Name by which it is loaded.
        contents: A few words for `data list`.
        image_shape: `(height, width, channels)` of its images, and so of the networks' input.
        classes: Number of classes, and so of the networks' outputs; `None` if only loading tells.
        train_per_class: Training samples of each class; `None` if only loading tells.
        test_per_class: Test samples of each class; `None` if only loading tells.
        epsilon: Radius of adversarial training where none is given, in pixels of [0, 1].
        load: Function of the data directory (or `None`) that returns an `ImageData` of this name.
        find: Function of the data directory that says whether it can be loaded now, and where it lies.
        prepare: Function of the data directory and of `options` that makes it ready to be loaded, and says
            where it is.
        options: Which options of `data prepare` it takes, of `"archive"` and `"skip_damaged"`.
        releases: Archives of corrupted versions of its test split.
        open_prepared: Function of an `ImageData`, the data directory and the folder of the clean counterparts
            (or `None`) that opens what was prepared of the releases; `None` if there are none.
        clean_candidates: Function of the data directory that returns the images among which clean counterparts of
            the releases are looked for; `None` if the releases hold the test split in its order.
        corruption: Corruption and severity that stand for all where one is looked at.
    """

    name: str
    contents: str
    image_shape: tuple[int, int, int]
    classes: int | None = None
    train_per_class: int | None = None
    test_per_class: int | None = None
    epsilon: float
    load: Callable[[StrPath | None], ImageData]
    find: Callable[[StrPath | None], tuple[bool, StrPath]]
    prepare: Preparer
    options: tuple[str, ...] = ()
    releases: tuple[Release, ...] = ()
    open_prepared: Callable[[ImageData, StrPath | None, StrPath | None], CorruptedImages] | None = None
    clean_candidates: Callable[[StrPath | None], Array] | None = None
    corruption: tuple[str, int] = ("motion_blur", 3)
