"""Frost textures: generated, or a folder of photographs."""

import functools
from pathlib import Path

import numpy as np
from scipy import ndimage

from keras_selectivity._errors import InputError
from keras_selectivity._types import Array
from keras_selectivity.datasets._archives import read_picture
from keras_selectivity.datasets.corruptions._plasma import plasma

# Mean and standard deviation of the brightness, and the tint, of five kinds of frost on glass.
_KINDS = [
    (130, 15, (0.72, 1.0, 1.12)),
    (204, 18, (0.98, 1.0, 1.03)),
    (196, 20, (0.96, 1.0, 1.05)),
    (156, 26, (0.90, 1.0, 1.07)),
    (114, 35, (0.92, 1.0, 1.06)),
]
_SHAPE = (384, 512)


@functools.cache
def generated_textures() -> list[Array]:
    """Five `(384, 512, 3)` uint8 textures of crystals, always the same."""
    return [_texture(number, *kind) for number, kind in enumerate(_KINDS)]


@functools.lru_cache(maxsize=4)
def textures_in(folder: str) -> list[Array]:
    """The photographs of a folder, in the order of their names.

    Raises:
        InputError: The folder holds no picture.
    """
    try:
        files = sorted(Path(folder).iterdir())
    except OSError as error:
        raise InputError(f"Cannot read the folder of frost textures {folder} ({error.strerror}).") from error
    pictures = [read_picture(file) for file in files if file.suffix.lower() in (".png", ".jpg", ".jpeg")]
    found = [np.ascontiguousarray(picture) for picture in pictures if picture is not None]
    if not found or len(found) < len(pictures):
        raise InputError(
            f"The folder of frost textures {folder} must hold PNG or JPEG pictures that can be read; "
            f"{len(found)} of {len(pictures)} could."
        )
    return found


def check_textures(textures: list[Array], scale: float, size: tuple[int, ...]) -> None:
    """Refuses textures that are smaller than the images once scaled.

    Raises:
        InputError: Naming the smallest size that will do.
    """
    for texture in textures:
        if any(round(t * scale) < s for t, s in zip(texture.shape, size, strict=False)):
            raise InputError(
                f"Frost textures must have at least {size[0] / scale:.0f}x{size[1] / scale:.0f} pixels for images "
                f"of {size[0]}x{size[1]}. Received: {texture.shape[0]}x{texture.shape[1]}."
            )


def _texture(number: int, mean: float, deviation: float, tint: tuple[float, float, float]) -> Array:
    rng = np.random.default_rng([19, number])
    # Needles of ice a few pixels long, lying one over the other in all directions, on uneven ground.
    needles = [
        ndimage.gaussian_filter(ndimage.rotate(rng.standard_normal([900, 900]), angle, order=0), (1, 3))
        for angle in (0, 45, 90, 135)
    ]
    centre = [(len(layer) - side) // 2 for layer in needles for side in _SHAPE]
    layers = [
        layer[top : top + _SHAPE[0], left : left + _SHAPE[1]]
        for layer, top, left in zip(needles, centre[::2], centre[1::2], strict=True)
    ]
    crystals = np.max(np.abs(layers), axis=0)
    ground = plasma([rng], max(_SHAPE), 1.6)[0, : _SHAPE[0], : _SHAPE[1]]
    frost = crystals / crystals.std() + 0.8 * ground / ground.std()
    frost = mean + deviation * (frost - frost.mean()) / frost.std()
    return (frost[..., None] * np.array(tint)).clip(0, 255).astype(np.uint8)
