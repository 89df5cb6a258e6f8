"""Noise: values change independently of each other."""

import numpy as np

from keras_selectivity._types import Array
from keras_selectivity.datasets.corruptions._pixels import Generators
from keras_selectivity.datasets.corruptions._pixels import drawn
from keras_selectivity.datasets.corruptions._pixels import eight_bit
from keras_selectivity.datasets.corruptions._pixels import unit


def gaussian_noise(images: Array, rngs: Generators, deviation: float) -> Array:
    """Normal noise of the same strength everywhere."""
    return eight_bit(unit(images) + deviation * _normal(images, rngs))


def speckle_noise(images: Array, rngs: Generators, deviation: float) -> Array:
    """Normal noise proportional to the value."""
    return eight_bit(unit(images) * (1 + deviation * _normal(images, rngs)))


def shot_noise(images: Array, rngs: Generators, photons: float) -> Array:
    """Poisson counts of so many photons at full brightness."""
    counts = [rng.poisson(image * (photons / 255)) for image, rng in zip(images, rngs, strict=True)]
    return eight_bit(np.stack(counts) / photons)


def impulse_noise(images: Array, rngs: Generators, share: float) -> Array:
    """A share of the values becomes 0 or 255."""
    chance = drawn(rngs, lambda rng: rng.random(images.shape[1:]))
    return np.where(chance < share, np.where(chance < share / 2, 0, 255), images).astype(np.uint8)


def _normal(images: Array, rngs: Generators) -> Array:
    return drawn(rngs, lambda rng: rng.standard_normal(images.shape[1:]))
