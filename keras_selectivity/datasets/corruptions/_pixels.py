"""Steps that several corruptions share, on batches of images."""

import functools
import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from scipy import ndimage

from keras_selectivity._types import Array

Generators: TypeAlias = Sequence[np.random.Generator]


def unit(images: Array) -> Array:
    """uint8 images as float64 in [0, 1]."""
    return images / 255.0


def eight_bit(images: Array) -> Array:
    """Images in [0, 1] as uint8: clipped, then rounded down as in the released data."""
    return (images.clip(0, 1) * 255).astype(np.uint8)


def drawn(rngs: Generators, draw: Callable[[np.random.Generator], Array]) -> Array:
    """Stacks `draw(rng)` over the images' generators."""
    return np.stack([draw(rng) for rng in rngs])


def blurred(images: Array, deviation: float, mode: str = "nearest", truncate: float = 4.0) -> Array:
    """Gaussian blur of `(n, height, width, ...)` over height and width."""
    if deviation <= 0:
        return images
    return ndimage.gaussian_filter(images, deviation, axes=(1, 2), mode=mode, truncate=truncate)


def motion_blurred(images: Array, radius: float, deviation: float, angles: list[float]) -> Array:
    """Blurs each uint8 image along a half line at its own angle, in degrees.

    One-sided Gaussian weights at whole pixels, edges repeated, as ImageMagick's `-motion-blur`.
    """
    reach = 2 * math.ceil(radius) + 1
    distance = np.arange(reach)
    weights = np.exp(-(distance**2) / (2 * deviation**2))
    weights /= weights.sum()
    blurred = np.empty_like(images)
    for image, angle, out in zip(images, np.radians(angles), blurred, strict=True):
        columns = np.ceil(distance * np.cos(angle) - 0.5).astype(int)
        rows = np.ceil(distance * np.sin(angle) - 0.5).astype(int)
        kernel = np.zeros([2 * reach - 1] * 2)
        np.add.at(kernel, (rows + reach - 1, columns + reach - 1), weights)
        out[...] = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return blurred


@functools.lru_cache(maxsize=256)
def zoom_matrix(size: int, zoom: float) -> Array:
    """`(size, size)` float32 matrix that magnifies the centre of a line of pixels and cuts it to size."""
    kept = math.ceil(size / zoom)
    before = (size - kept) // 2
    magnified = ndimage.zoom(np.eye(kept), (zoom, 1), order=1)
    trim = (len(magnified) - size) // 2
    matrix = np.zeros([size, size], np.float32)
    matrix[:, before : before + kept] = magnified[trim : trim + size]
    return matrix
