"""Decoded images in a memory-mapped file, read only as they are indexed."""

import numpy as np

from keras_selectivity._errors import DamagedError


class ImagesOnDisk:
    """Some images of a memory-mapped array.

    Args:
        array: `(n, height, width, 3)` uint8, usually a `numpy.memmap`.
        positions: Which of them, in which order. Defaults to all.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, array, positions=None):
        self._array = array
        self._positions = np.arange(len(array)) if positions is None else positions

    @property
    def shape(self):
        """Shape of the array that `np.asarray` would make."""
        return (len(self._positions), *self._array.shape[1:])

    def __len__(self):
        return len(self._positions)

    def __getitem__(self, index):
        return np.ascontiguousarray(self._array[self._positions[index]])

    def __array__(self, dtype=None, copy=None):
        images = self[:]
        return images if dtype is None else images.astype(dtype, copy=False)

    def take(self, indices):
        """The images at these positions (integers or a mask), still on disk."""
        return ImagesOnDisk(self._array, self._positions[indices])


def open_images(path):
    """Images of a `.npy` file.

    Raises:
        DamagedError: The file is truncated or holds something else.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DamagedError(f"{path} cannot be read ({error}). Delete it; it is made anew.") from error
    if array.ndim != 4 or array.dtype != np.uint8:
        raise DamagedError(f"{path} holds {array.dtype} of shape {array.shape}, not images. Delete it.")
    return ImagesOnDisk(array)
