"""Arrays in files of others: shape and type are compared with what is expected before anything is allocated."""

import io
import zipfile

import numpy as np
from numpy.typing import DTypeLike

from keras_selectivity._errors import InputError
from keras_selectivity._types import Array
from keras_selectivity._types import StrPath
from keras_selectivity.datasets._archives import read_member

_HEADER = 10_000  # bytes that the description of an array may take


def open_array(path: StrPath) -> Array:
    """A `.npy` file, mapped into memory: what it claims beyond its size is refused.

    Raises:
        InputError: It is damaged, truncated, or no plain array.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # NumPy's reader raises of all kinds on bytes that are no array
        raise InputError(f"{path} cannot be read as an array ({error}). Get it again.") from error


def member_array(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """An array of a `.npz` file.

    Args:
        archive: The open `zipfile.ZipFile`.
        name: Name of the array.
        shape, dtype: What it must be.

    Raises:
        InputError: It is missing, damaged, or another array.
    """
    expected = int(np.prod(shape)) * np.dtype(dtype).itemsize
    content = read_member(archive, f"{name}.npy", expected + _HEADER)
    what = f"{archive.filename}: {name}"
    try:
        file = io.BytesIO(content)
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[
            version
        ]
        found, fortran, found_dtype = read(file)
        start = file.tell()
    except Exception as error:
        raise InputError(f"{what} cannot be read as an array ({error}). Get it again.") from error
    if found != tuple(shape) or found_dtype != dtype or fortran or len(content) - start != expected:
        raise InputError(
            f"{what} should hold {np.dtype(dtype)} of shape {tuple(shape)}. Found: {found_dtype} of {found} in "
            f"{len(content):,} bytes."
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape)
