"""Values of samples: pixels in [0, 1], the range that a network expects of them, and labels."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._checks import any_array
from keras_selectivity._checks import is_float
from keras_selectivity._checks import number
from keras_selectivity._errors import InputError
from keras_selectivity._types import Array
from keras_selectivity._types import Tensor

_RANGE = (
    "pixel_range must be two finite numbers, what the network expects for black and for white, the smaller "
    "one first, such as (0, 255) or (-1, 1). Received: {!r}."
)


def is_pixels(values: Array) -> bool:
    """Whether an array has a type that `pixels` takes."""
    return values.dtype == np.uint8 or is_float(values)


def not_pixels(name: str) -> str:
    """What to say of arrays of another type."""
    return f"{name} must be uint8, or floats in [0, 1]; convert 8-bit values with .astype('uint8')."


def pixels(values: Array, name: str) -> Array:
    """Float32 in [0, 1] of uint8 or floats; up to 1e-5 beyond the range is clipped.

    Raises:
        InputError: Values lie outside the range, or are not finite; `name` says which.
    """
    if values.dtype == np.uint8:
        return values.astype(np.float32) / 255
    values = values.astype(np.float32)
    if not values.size:
        return values
    low, high = values.min(), values.max()
    if not (low >= -1e-5 and high <= 1 + 1e-5):
        raise InputError(
            f"{name} must be pixels in [0, 1]. Received: values from {low:g} to {high:g}. "
            f"Divide 8-bit {name.lower()} by 255, and leave out any normalisation: it is part of the network."
        )
    return values.clip(0, 1)


def checked_labels(labels: ArrayLike, samples: int | None = None, classes: int | None = None) -> Array:
    """Labels as an `(n,)` int64 array.

    Args:
        labels: `(n,)` or `(n, 1)` integers.
        samples: How many there must be; `None` for any number.
        classes: Number of classes; `None` for any.

    Raises:
        InputError: They are no integers of these classes, or not as many.
    """
    labels = any_array("Labels", labels)
    expected = len(labels) if samples is None and labels.ndim else samples
    if labels.shape not in ((expected,), (expected, 1)) or (labels.size and labels.dtype.kind not in "iu"):
        raise InputError(
            f"Expected {'' if samples is None else f'{samples} '}integer labels, one per sample. Received: shape "
            f"{labels.shape}, dtype {labels.dtype}."
        )
    # Beyond int64, unsigned labels would wrap around.
    if labels.size and (labels.min() < 0 or labels.max() >= (classes or 2**31)):
        known = f"The network has the classes 0 to {classes - 1}" if classes else "Labels are at least 0"
        raise InputError(
            f"{known}. Received: labels from {labels.min()} to {labels.max()}. "
            "Does the data set belong to this network?"
        )
    return labels.reshape(-1).astype(np.int64)


def checked_range(pixel_range: Any) -> tuple[float, float]:
    """The two numbers that a network expects for pixels 0 and 1.

    Raises:
        InputError: They are no two finite numbers, the smaller one first.
    """
    try:
        low, high = (number("pixel_range", value) for value in pixel_range)
    except (TypeError, ValueError) as error:
        raise InputError(_RANGE.format(pixel_range)) from error
    if not low < high:
        raise InputError(_RANGE.format(pixel_range))
    return low, high


def scaled(x: Tensor, pixel_range: tuple[float, float]) -> Tensor:
    """Pixels in [0, 1] brought into another range."""
    low, high = pixel_range
    return x if (low, high) == (0.0, 1.0) else x * (high - low) + low
