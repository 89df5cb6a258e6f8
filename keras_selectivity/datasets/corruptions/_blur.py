"""Blur: values mix with those around them."""

import cv2
import numpy as np

from keras_selectivity._types import Array
from keras_selectivity.datasets.corruptions._pixels import Generators
from keras_selectivity.datasets.corruptions._pixels import blurred
from keras_selectivity.datasets.corruptions._pixels import drawn
from keras_selectivity.datasets.corruptions._pixels import eight_bit
from keras_selectivity.datasets.corruptions._pixels import motion_blurred
from keras_selectivity.datasets.corruptions._pixels import unit
from keras_selectivity.datasets.corruptions._pixels import zoom_matrix


def gaussian_blur(images: Array, rngs: Generators, deviation: float) -> Array:
    """Isotropic Gaussian blur."""
    return eight_bit(blurred(unit(images), deviation))


def defocus_blur(images: Array, rngs: Generators, radius: float, deviation: float) -> Array:
    """Blur by a disk with smoothed edge."""
    reach = 8 if radius <= 8 else int(radius)
    x, y = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    disk = (x**2 + y**2 <= radius**2).astype(np.float32)
    disk = cv2.GaussianBlur(disk / disk.sum(), (3, 3) if radius <= 8 else (5, 5), sigmaX=deviation)
    return eight_bit(np.stack([cv2.filter2D(image, -1, disk) for image in unit(images)]))


def motion_blur(images: Array, rngs: Generators, radius: float, deviation: float) -> Array:
    """Blur along a random direction within 45 degrees of the horizontal."""
    return motion_blurred(images, radius, deviation, [rng.uniform(-45, 45) for rng in rngs])


def zoom_blur(images: Array, rngs: Generators, largest: float) -> Array:
    """Mean over magnifications from 1 in steps of 0.01."""
    height, width, channels = images.shape[1:]
    planes = np.moveaxis((images / np.float32(255)).astype(np.float32), -1, 1).reshape(-1, height, width)
    total = planes.copy()
    zooms = np.arange(1, largest + 0.005, 0.01)
    for zoom in zooms:
        total += zoom_matrix(height, zoom) @ planes @ zoom_matrix(width, zoom).T
    total /= len(zooms) + 1
    return eight_bit(np.moveaxis(total.reshape(len(images), channels, height, width), 1, -1))


def glass_blur(images: Array, rngs: Generators, deviation: float, reach: int, repetitions: int) -> Array:
    """Pixels displaced at random between two blurs.

    The released data have copied, not exchanged, the pixels: one takes the place of the other and
    stays where it was. So here.
    """
    n, height, width, channels = images.shape
    images = eight_bit(blurred(unit(images), deviation))
    rows, columns = range(height - reach, reach, -1), range(width - reach, reach, -1)
    moves = drawn(rngs, lambda rng: rng.integers(-reach, reach, [repetitions, len(rows), len(columns), 2]))
    offsets = np.moveaxis(moves[..., 0] + width * moves[..., 1], 0, -1)
    # Where the value of each pixel comes from, one column per image.
    source = np.tile(np.arange(height * width, dtype=np.int32)[:, None], (1, n))
    every = np.arange(n)
    for repetition in range(repetitions):
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                pixel = row * width + column
                source[pixel] = source[pixel + offsets[repetition, i, j], every]
    flat = images.reshape(n, -1, channels)
    images = np.take_along_axis(flat, source.T[..., None], axis=1).reshape(images.shape)
    return eight_bit(blurred(unit(images), deviation))
