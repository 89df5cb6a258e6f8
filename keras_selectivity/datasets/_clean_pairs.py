"""Which clean image a corrupted one was made from: known, by file name, or found by content."""

from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._types import Array
from keras_selectivity._types import StrPath
from keras_selectivity.datasets._images_on_disk import ImagesOnDisk

_SIDE = 16  # Pixels a side of the thumbnails that are compared
_LARGEST_RATIO = 0.5  # Of the squared errors of the best and the second-best match
_LEAST_SHARE = 0.5  # Of the images that must be matched


class CleanPairs(NamedTuple):
    """Clean counterparts of corrupted images.

    Attributes:
        source: How they were found, for the record.
        positions: `(m,)` int64, positions of the corrupted images that have one, in every version.
        images: `(m, height, width, 3)` uint8, their clean counterparts.
    """

    source: str
    positions: Array
    images: Array


class NoPairsError(InputError):
    """Corrupted images have no clean counterparts at hand."""


def pairs_by_name(folder: StrPath, names: Sequence[str], read: Callable[[StrPath], Array]) -> CleanPairs:
    """Clean images from a folder, by the corrupted images' class folders and file names.

    Args:
        folder: Folder with `<class folder>/<file name>`.
        names: `class folder/file name` of every corrupted image.
        read: Function of a path that returns `(height, width, 3)` uint8.

    Raises:
        InputError: A file is missing.
    """
    folder = Path(folder)
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"The clean images in {folder} lack {len(missing):,} of {len(names):,} files ({missing[0]}, ...). They "
            "must have the class folders and file names of the corrupted ones."
        )
    return CleanPairs(
        f"clean images of {folder.name}, by file name",
        np.arange(len(names)),
        np.stack([read(folder / name) for name in names]),
    )


def pairs_by_content(corrupted: Array | ImagesOnDisk, candidates: Array) -> CleanPairs:
    """Clean images among candidates, each the nearest to a slightly corrupted one.

    Thumbnails of 16x16 pixels are compared by mean squared error. A match counts if its error is at
    most half that of the second-best candidate, and if no other image is nearer to the same candidate.

    Args:
        corrupted: `(n, height, width, 3)` uint8, sides that 16 divides; as little corrupted as there
            are (JPEG compression of severity 1).
        candidates: `(k, height, width, 3)` uint8 of the same size.

    Returns:
        A `CleanPairs` of those that match.

    Raises:
        NoPairsError: Fewer than half of the images match.
    """
    if len(candidates) < 2:
        raise NoPairsError("There are no clean images to compare with.")
    known = _thumbnails(candidates)
    centre = known.mean(0)
    known -= centre
    lengths = (known**2).sum(1)
    best, error, ratio = (
        np.empty(len(corrupted), np.int64),
        np.empty(len(corrupted)),
        np.empty(len(corrupted)),
    )
    for start in range(0, len(corrupted), 500):
        found = _thumbnails(corrupted[start : start + 500]) - centre
        errors = np.maximum(lengths - 2 * found @ known.T + (found**2).sum(1, keepdims=True), 0)
        nearest = np.argpartition(errors, 1, axis=1)[:, :2]
        smallest = np.take_along_axis(errors, nearest, axis=1)
        order = np.argsort(smallest, axis=1)
        nearest, smallest = np.take_along_axis(nearest, order, 1), np.take_along_axis(smallest, order, 1)
        part = slice(start, start + 500)
        best[part], error[part] = nearest[:, 0], smallest[:, 0]
        ratio[part] = np.divide(
            smallest[:, 0], smallest[:, 1], where=smallest[:, 1] > 0, out=np.ones(len(found))
        )
    positions = np.flatnonzero(ratio <= _LARGEST_RATIO)
    positions = positions[np.argsort(error[positions], kind="stable")]
    positions = np.sort(positions[np.unique(best[positions], return_index=True)[1]])
    matched = f"{len(positions):,} of {len(corrupted):,} images"
    if len(positions) < _LEAST_SHARE * len(corrupted):
        raise NoPairsError(f"Only {matched} match a clean one by content.")
    return CleanPairs(f"matched by content, {matched}", positions, candidates[best[positions]])


def _thumbnails(images: Array) -> Array:
    count, height, width, channels = images.shape
    blocks = images.reshape(count, _SIDE, height // _SIDE, _SIDE, width // _SIDE, channels)
    return blocks.mean((2, 4), dtype=np.float32).reshape(count, -1)
