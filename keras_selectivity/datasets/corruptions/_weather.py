"""Weather: fog, frost, snow, spatter."""

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
from keras_selectivity.datasets.corruptions._plasma import plasma

_GREY = np.array([0.299, 0.587, 0.114])
_WATER = np.array([175, 238, 238]) / 255
_MUD = np.array([63, 42, 20]) / 255


def fog(images: Array, rngs: Generators, amount: float, decay: float) -> Array:
    """Adds a fractal haze and rescales to the image's own maximum."""
    haze = plasma(rngs, max(images.shape[1:3]), decay)[:, : images.shape[1], : images.shape[2], None]
    images = unit(images)
    highest = images.max(axis=(1, 2, 3), keepdims=True)
    return eight_bit((images + amount * haze) * highest / (highest + amount))


def frost(
    images: Array, rngs: Generators, own: float, weight: float, scale: float, textures: list[Array]
) -> Array:
    """Adds a random crop of a random frost texture."""
    height, width = images.shape[1:3]
    small = [cv2.resize(texture, (0, 0), fx=scale, fy=scale) for texture in textures]
    crops = []
    for rng in rngs:
        texture = small[rng.integers(len(small))]
        top = rng.integers(texture.shape[0] - height + 1)
        left = rng.integers(texture.shape[1] - width + 1)
        crops.append(texture[top : top + height, left : left + width])
    return (own * images + weight * np.stack(crops)).clip(0, 255).astype(np.uint8)


def snow(
    images: Array,
    rngs: Generators,
    mean: float,
    deviation: float,
    zoom: float,
    threshold: float,
    radius: float,
    blur: float,
    own: float,
) -> Array:
    """Whitens the image and adds flakes, drawn out by the wind, in two directions."""
    height, width = images.shape[1:3]
    flakes = drawn(rngs, lambda rng: rng.normal(mean, deviation, [height, width]))
    flakes = zoom_matrix(height, zoom) @ flakes @ zoom_matrix(width, zoom).T
    flakes[flakes < threshold] = 0
    angles = [rng.uniform(-135, -45) for rng in rngs]
    flakes = unit(motion_blurred(eight_bit(flakes), radius, blur, angles))[..., None]
    images = unit(images)
    pale = np.maximum(images, (images @ _GREY)[..., None] * 1.5 + 0.5)
    return eight_bit(own * images + (1 - own) * pale + flakes + flakes[:, ::-1, ::-1])


def spatter(
    images: Array,
    rngs: Generators,
    mean: float,
    deviation: float,
    blur: float,
    threshold: float,
    strength: float,
    mud: float,
) -> Array:
    """Drops of water, which shine at their edges, or of mud, which hides what is behind."""
    liquid = drawn(rngs, lambda rng: rng.normal(mean, deviation, images.shape[1:3]))
    liquid = blurred(liquid, blur)
    liquid[liquid < threshold] = 0
    images = unit(images)
    if mud:
        cover = blurred((liquid > threshold).astype(np.float32), strength)
        cover[cover < 0.8] = 0
        cover = cover[..., None]
        return eight_bit(images * (1 - cover) + _MUD * cover)
    shine = np.stack([_shine(layer) for layer in (liquid * 255).astype(np.uint8)])
    highest = shine.max(axis=(1, 2), keepdims=True)
    shine = np.divide(shine, highest, out=np.zeros_like(shine), where=highest > 0) * strength
    return eight_bit(images + shine[..., None] * _WATER)


def _shine(liquid: Array) -> Array:
    """Brightness of a layer of drops, strongest at their edges."""
    distance = cv2.distanceTransform(255 - cv2.Canny(liquid, 50, 150), cv2.DIST_L2, 5)
    distance = cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8)
    kernel = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], np.float32)
    relief = cv2.filter2D(cv2.equalizeHist(distance), cv2.CV_8U, kernel)
    return liquid * cv2.blur(relief, (3, 3)).astype(np.float64)
