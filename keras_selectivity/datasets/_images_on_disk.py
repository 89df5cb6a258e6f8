"""Decoded images in a memory-mapped file, read and compared with their checksums only as they are indexed."""

import os
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._seal import check_zip
from keras_selectivity._seal import seal_zip
from keras_selectivity._types import Array
from keras_selectivity._types import StrPath
from keras_selectivity.datasets._arrays import member_array
from keras_selectivity.datasets._arrays import open_array


class ImagesOnDisk:
    """Some images of a memory-mapped array.

    Args:
        array: `(n, height, width, 3)` uint8, usually a `numpy.memmap`.
        positions: Which of them, in which order. Defaults to all.
        checksums: `(n,)` uint32, the CRC-32 of every image, compared when an image is first read. Defaults to none.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, array: Array, positions: Array | None = None, checksums: Array | None = None) -> None:
        self._array = array
        self._positions = np.arange(len(array)) if positions is None else positions
        self._checksums = checksums
        # Shared by all selections; threads may compare an image twice.
        self._unread = np.ones(0 if checksums is None else len(array), bool)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array that `np.asarray` would make."""
        return (len(self._positions), *self._array.shape[1:])

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: Any) -> Array:
        rows = self._positions[index]
        images = np.ascontiguousarray(self._array[rows])
        if self._checksums is not None:
            self._compare(self._checksums, np.atleast_1d(rows), images.reshape(-1, *self._array.shape[1:]))
        return images

    def _compare(self, checksums: Array, rows: Array, images: Array) -> None:
        for position in np.flatnonzero(self._unread[rows]):
            if zlib.crc32(images[position]) != checksums[rows[position]]:
                name = getattr(self._array, "filename", "the array")
                raise DamagedError(f"Image {rows[position]} in {name} is damaged. {_discard(name)}")
        self._unread[rows] = False

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        images = self[:]
        return images if dtype is None else images.astype(dtype, copy=False)

    def take(self, indices: Array | slice) -> "ImagesOnDisk":
        """The images at these positions (integers or a mask), still on disk."""
        taken = ImagesOnDisk(self._array, self._positions[indices])
        taken._checksums, taken._unread = self._checksums, self._unread
        return taken


def _discard(path: StrPath) -> str:
    """Deletes decoded images, which the next reading makes again; says what is to be done."""
    try:
        os.unlink(path)
    except OSError:
        return "Delete the file; it is made again."
    return "The file is deleted; start again, and it is made again."


def write_checksums(images: StrPath, path: StrPath, labels: Array) -> None:
    """Writes the labels and the CRC-32 of every image of a `.npy` file."""
    array = np.lib.format.open_memmap(images, mode="r")
    checksums = np.array([zlib.crc32(np.ascontiguousarray(image).data) for image in array], np.uint32)
    np.savez(path, labels=labels, checksums=checksums)
    seal_zip(path)


def open_images(images: StrPath, path: StrPath, shape: tuple[int, ...]) -> tuple[ImagesOnDisk, Array]:
    """Decoded images and their labels.

    Args:
        images: A `.npy` file.
        path: What `write_checksums` wrote for it.
        shape: The shape that the images must have.

    Returns:
        `(images, labels)`: `ImagesOnDisk` and `(n,)` int64.

    Raises:
        DamagedError: A file is truncated, damaged, or holds something else.
    """
    try:
        check_zip(path)
        array = open_array(images)
        with zipfile.ZipFile(path) as archive:
            labels = member_array(archive, "labels", shape[:1], np.int64)
            checksums = member_array(archive, "checksums", shape[:1], np.uint32)
    except InputError as error:
        raise DamagedError(str(error)) from error
    if array.shape != tuple(shape) or array.dtype != np.uint8:
        raise DamagedError(f"{images} holds {array.dtype} of shape {array.shape} instead of {shape} images.")
    return ImagesOnDisk(array, checksums=checksums), labels
