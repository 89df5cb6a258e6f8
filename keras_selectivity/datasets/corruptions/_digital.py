"""Digital processing: colour, compression, resampling, distortion."""

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image
from scipy import ndimage

from keras_selectivity._types import Array
from keras_selectivity.datasets.corruptions._pixels import Generators
from keras_selectivity.datasets.corruptions._pixels import blurred
from keras_selectivity.datasets.corruptions._pixels import eight_bit
from keras_selectivity.datasets.corruptions._pixels import unit


def contrast(images: Array, rngs: Generators, factor: float) -> Array:
    """Shrinks the distance to each channel's mean."""
    images = unit(images)
    means = images.mean(axis=(1, 2), keepdims=True)
    return eight_bit((images - means) * factor + means)


def brightness(images: Array, rngs: Generators, amount: float) -> Array:
    """Adds to the value in hue, saturation, value."""
    return _with_hsv(images, lambda saturation, value: (saturation, value + amount))


def saturate(images: Array, rngs: Generators, factor: float, amount: float) -> Array:
    """Scales the saturation in hue, saturation, value, and adds to it."""
    return _with_hsv(images, lambda saturation, value: (saturation * factor + amount, value))


def jpeg_compression(images: Array, rngs: Generators, quality: float) -> Array:
    """Writes and reads a JPEG."""

    def compressed(image: Array) -> Array:
        encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        return decoded[..., ::-1]  # type: ignore[index]  # nothing but what was just encoded

    return np.stack([compressed(image) for image in images])


def pixelate(images: Array, rngs: Generators, share: float) -> Array:
    """Shrinks and enlarges again, with box filters."""
    height, width = images.shape[1:3]
    small = (int(width * share), int(height * share))

    def pixelated(image: Array) -> Array:
        box = Image.Resampling.BOX
        return np.asarray(Image.fromarray(image).resize(small, box).resize((width, height), box))

    return np.stack([pixelated(image) for image in images])


def elastic_transform(
    images: Array, rngs: Generators, strength: float, smoothness: float, affine: float
) -> Array:
    """A random affine map, then a random smooth displacement of every pixel."""
    height, width = images.shape[1:3]
    strength, smoothness, affine = (value * height for value in (strength, smoothness, affine))
    centre, reach = np.array([height, width]) // 2, min(height, width) // 3
    corners = np.array([centre + reach, centre + [reach, -reach], centre - reach], np.float32)
    moves, fields = [], []
    for rng in rngs:
        moves.append(rng.uniform(-affine, affine, corners.shape).astype(np.float32))
        fields.append(rng.uniform(-1, 1, [2, height, width]) if strength else np.zeros([2, height, width]))
    smooth = blurred(np.stack(fields).reshape(-1, height, width), smoothness, mode="reflect", truncate=3.0)
    displacements = (smooth.reshape(-1, 2, height, width) * strength).astype(np.float32)
    rows, columns = np.mgrid[:height, :width]
    warped = np.empty(images.shape)
    for image, move, (across, down), out in zip(
        (images / np.float32(255)).astype(np.float32), moves, displacements, warped, strict=True
    ):
        matrix = cv2.getAffineTransform(corners, corners + move)
        image = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        for channel in range(images.shape[-1]):
            out[..., channel] = ndimage.map_coordinates(
                image[..., channel], (rows + down, columns + across), order=1, mode="reflect"
            )
    return eight_bit(warped)


def _with_hsv(images: Array, change: Callable[[Array, Array], tuple[Array, Array]]) -> Array:
    """Changes saturation and value at constant hue, without going through the hue.

    A colour is value * (1 - saturation * k); the hue decides k, which is 0 for the largest channel
    and 1 for the smallest.
    """
    images = unit(images)
    value = images.max(axis=-1, keepdims=True)
    spread = value - images.min(axis=-1, keepdims=True)
    grey = np.zeros_like(images)
    grey[..., 1:] = 1  # by convention the hue of grey is red
    k = np.divide(value - images, spread, out=grey, where=spread > 0)
    saturation = np.divide(spread, value, out=np.zeros_like(value), where=value > 0)
    saturation, value = (part.clip(0, 1) for part in change(saturation, value))
    return eight_bit(value * (1 - saturation * k))
