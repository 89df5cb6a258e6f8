"""Random streams that are told apart by name, so that no two uses of a seed draw the same numbers."""

import hashlib
from typing import Any

import numpy as np


def stream(name: str, *numbers: Any) -> np.random.Generator:
    """A generator that is independent of those of every other name and of every other numbers.

    Name and numbers are hashed whole: NumPy itself takes `[seed, epoch]` and `[seed, epoch, 0]` for the
    same seed, since it pads what is short with zeros.

    Args:
        name: What the numbers are drawn for.
        numbers: Non-negative integers, such as seed, epoch and step.

    Returns:
        A `numpy.random.Generator`.
    """
    key = "/".join([name, *(str(int(number)) for number in numbers)])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "little"))
