"""Checks of arguments that several rooms make: numbers and arrays of numbers."""

import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._types import Array

LARGEST_INT32 = 2**31 - 1  # the largest count that TensorFlow takes


def whole_number(name: str, value: Any, least: int, most: int | None = None) -> int:
    """The value as int.

    Raises:
        InputError: It is not a whole number of at least `least`, and at most `most`.
    """
    fits = isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= least
    if not fits or (most is not None and int(value) > most):
        upper = "" if most is None else f" and at most {most}"
        raise InputError(f"{name} must be a whole number of at least {least}{upper}; got {value!r}.")
    return int(value)


def number(name: str, value: Any, least: float = -np.inf, most: float = np.inf, *, unit: str = "") -> float:
    """The value as float.

    Raises:
        InputError: It is not a finite number between `least` and `most`, both included.
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not abs(value) < np.inf or not least <= value <= most:
        limits = [f"of at least {least:g}"] * (least > -np.inf) + [f"at most {most:g}"] * (most < np.inf)
        wanted = " ".join(["a finite number", " and ".join(limits)]).strip()
        raise InputError(f"{name} must be {wanted}{unit}; got {value!r}.")
    return float(value)


def each(name: str, values: Any) -> list[Any]:
    """One value, or those of a list, a tuple, a range or an array, as a list.

    Raises:
        InputError: It is a string, a dict, or the like.
    """
    if isinstance(values, str | bytes | dict | set):
        raise InputError(f"{name} must be a number or a list of numbers; got {values!r}.")
    if not isinstance(values, Iterable):
        return [values]
    return [values[()]] if isinstance(values, np.ndarray) and values.ndim == 0 else list(values)


def array(name: str, values: Any, *axes: str) -> Array:
    """The values as a float64 array with one axis for each of `axes`, which are their names.

    Raises:
        InputError: They are no finite real numbers, or of another shape.
    """
    values = real_array(name, values)
    if values.ndim != len(axes):
        raise InputError(f"{name} must be ({', '.join(axes)}). Received: shape {values.shape}.")
    if not np.isfinite(values).all():
        raise InputError(f"{name} must be finite; got NaN or infinity.")
    return values.astype(np.float64)


def real_array(name: str, values: Any) -> Array:
    """The values as an array of integers or floats, of any shape and precision.

    Raises:
        InputError: They are no real numbers.
    """
    values = any_array(name, values)
    if values.size and values.dtype.kind not in "fiu" and not is_float(values):
        raise InputError(f"{name} must be numbers. Received: dtype {values.dtype}.")
    return values


def any_array(name: str, values: Any) -> Array:
    """The values as an array.

    Raises:
        InputError: They are none.
    """
    try:
        return np.asarray(values)
    except Exception as error:  # ragged lists, tensors that have no value yet, ...
        raise InputError(f"{name} must be an array; got {type(values).__name__} ({error}).") from error


def is_float(values: Array) -> bool:
    """Whether an array holds floats, bfloat16 included, which NumPy knows only as raw bytes."""
    return values.dtype.kind == "f" or values.dtype.name == "bfloat16"
