"""AugMix: mixtures of chains of simple image operations, none of which is one of the corruptions."""

import numpy as np
from PIL import Image
from PIL import ImageOps

from keras_selectivity._types import Array

OPERATIONS = (
    "autocontrast",
    "equalize",
    "posterize",
    "rotate",
    "solarize",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
)


def augmix(
    images: Array, rng: np.random.Generator, *, severity: float = 3, width: int = 3, depth: int = 3
) -> Array:
    """One mixture of every image.

    (Hendrycks et al. 2020, AugMix, algorithm 1, with the nine operations of its default set.)

    Args:
        images: `(n, height, width, 3)` uint8.
        rng: A `numpy.random.Generator`.
        severity: Strength of the operations, from 0.1 to 10. Defaults to 3.
        width: Number of chains. Defaults to 3.
        depth: Most operations a chain; each has one to that many. Defaults to 3.

    Returns:
        `(n, height, width, 3)` float32 in [0, 1].
    """
    mixed = np.empty(images.shape, np.float32)
    for number, image in enumerate(images):
        weights = rng.dirichlet(np.ones(width)).astype(np.float32)
        share = np.float32(rng.beta(1, 1))
        mixture = np.zeros(image.shape, np.float32)
        for weight in weights:
            picture = Image.fromarray(image)
            for _ in range(rng.integers(1, depth + 1)):
                picture = operate(picture, rng.choice(OPERATIONS), severity, rng)
            mixture += weight * np.asarray(picture, np.float32)
        mixed[number] = (1 - share) * image + share * mixture
    return mixed / 255


def operate(picture: Image.Image, operation: str, severity: float, rng: np.random.Generator) -> Image.Image:
    """An operation at a level drawn from 0.1 to the severity, of 10.

    Args:
        picture: A `PIL.Image`.
        operation: One of `OPERATIONS`.
        severity: Highest level.
        rng: A `numpy.random.Generator`, for level and direction.

    Returns:
        A picture of the same size.
    """
    level = rng.uniform(0.1, severity) / 10
    sign = rng.choice((-1, 1))
    if operation == "autocontrast":
        return ImageOps.autocontrast(picture)
    if operation == "equalize":
        return ImageOps.equalize(picture)
    if operation == "posterize":
        return ImageOps.posterize(picture, 4 - int(level * 4))
    if operation == "solarize":
        return ImageOps.solarize(picture, 256 - int(level * 256))
    if operation == "rotate":
        return picture.rotate(int(level * 30) * sign, resample=Image.Resampling.BILINEAR)
    shear, shift = level * 0.3 * sign, int(level * picture.width / 3) * sign
    matrix = {
        "shear_x": (1, shear, 0, 0, 1, 0),
        "shear_y": (1, 0, 0, shear, 1, 0),
        "translate_x": (1, 0, shift, 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, shift),
    }[operation]
    return picture.transform(picture.size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR)
