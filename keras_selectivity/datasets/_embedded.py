"""`shapes`: a procedural data set that needs no download."""

import functools
from collections.abc import Callable

import numpy as np

from keras_selectivity._types import Array
from keras_selectivity.datasets._image_data import ImageData
from keras_selectivity.datasets._image_data import Split
from keras_selectivity.datasets._spec import DatasetSpec

CLASS_NAMES = (
    "disc",
    "ring",
    "triangle",
    "square",
    "frame",
    "cross",
    "star",
    "crescent",
    "bars",
    "hourglass",
)
TRAIN, TEST, SIZE = 4000, 1000, 32


@functools.cache
def load_shapes() -> ImageData:
    """Ten classes of shapes on textured ground, 4,000 training and 1,000 test images of 32 pixels.

    Colour, position, size, rotation, ground and contrast are random and carry no class
    information, so the shape has to be seen. Generated in a few seconds and kept; the same in every
    process.

    Returns:
        An `ImageData`, its arrays read-only.
    """
    return ImageData("shapes", CLASS_NAMES, _generate(TRAIN, seed=1), _generate(TEST, seed=2))


def _generate(count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % len(CLASS_NAMES))
    x, y = _coordinates(rng, count)
    inside = np.empty((count, SIZE, SIZE), np.float32)
    for label, name in enumerate(CLASS_NAMES):
        members = labels == label
        inside[members] = _SHAPES[name](x[members], y[members])
    # Distance functions are in units of the shape's radius; half a pixel is about 0.06 of it.
    mask = 1 / (1 + np.exp(np.clip(inside / 0.06, -30, 30)))[..., None]
    ground = _texture(rng, count, 0.22)
    figure = _texture(rng, count, 0.12)
    hue = rng.uniform(0, 1, (2, count, 1, 1, 3))
    # Push figure and ground apart along a random direction in colour space, by a random contrast.
    direction = rng.normal(size=(count, 1, 1, 3))
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    contrast = rng.uniform(0.35, 0.8, (count, 1, 1, 1)) * direction
    image = mask * (hue[0] * 0.5 + 0.25 + contrast / 2 + figure) + (1 - mask) * (
        hue[0] * 0.5 + 0.25 - contrast / 2 + ground + 0.1 * (hue[1] - 0.5)
    )
    image += rng.normal(0, 0.03, image.shape)
    images, labels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8), labels.astype(np.int64)
    for array in images, labels:
        array.flags.writeable = False
    return Split(images, labels)


def _coordinates(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Each image's pixel coordinates in the frame of its shape, whose radius is 1."""
    axis = np.arange(SIZE) - (SIZE - 1) / 2
    centre = rng.uniform(-4, 4, (2, count, 1, 1))
    radius = rng.uniform(8, 11.5, (count, 1, 1))
    turn = rng.uniform(-0.3, 0.3, (count, 1, 1))
    u = (axis[None, None, :] - centre[0]) / radius
    v = (axis[None, :, None] - centre[1]) / radius
    return np.cos(turn) * u + np.sin(turn) * v, np.cos(turn) * v - np.sin(turn) * u


def _texture(rng: np.random.Generator, count: int, strength: float) -> Array:
    """A few random plane waves of random wavelength, different in each channel."""
    axis, rows, columns = np.arange(SIZE), [], []
    for _ in range(3):
        frequency = rng.uniform(-0.6, 0.6, (2, count, 1, 1))
        phase = rng.uniform(0, 2 * np.pi, (count, 3, 1))
        amplitude = rng.uniform(0, strength / 3, (count, 3, 1))
        x, y = frequency[0] * axis, frequency[1] * axis + phase
        # sin(x + y) as a product of matrices: as many sines as rows and columns, instead of pixels
        rows += [amplitude * np.cos(y), amplitude * np.sin(y)]
        columns += [np.sin(x), np.cos(x)]
    waves = np.stack(rows, axis=-1) @ np.stack(columns, axis=-2)
    return np.ascontiguousarray(np.moveaxis(waves, 1, -1))


def _disc(x: Array, y: Array) -> Array:
    return np.hypot(x, y) - 0.9


def _ring(x: Array, y: Array) -> Array:
    return np.abs(np.hypot(x, y) - 0.72) - 0.2


def _triangle(x: Array, y: Array) -> Array:
    return np.maximum(0.866 * np.abs(x) - 0.5 * y, y) - 0.5


def _square(x: Array, y: Array) -> Array:
    return np.maximum(np.abs(x), np.abs(y)) - 0.78


def _frame(x: Array, y: Array) -> Array:
    return np.abs(np.maximum(np.abs(x), np.abs(y)) - 0.68) - 0.18


def _cross(x: Array, y: Array) -> Array:
    return np.maximum(np.minimum(np.abs(x), np.abs(y)) - 0.26, np.maximum(np.abs(x), np.abs(y)) - 0.95)


def _star(x: Array, y: Array) -> Array:
    return np.hypot(x, y) - 0.66 - 0.34 * np.cos(5 * np.arctan2(x, -y))


def _crescent(x: Array, y: Array) -> Array:
    return np.maximum(np.hypot(x, y) - 0.95, 0.75 - np.hypot(x - 0.5, y))


def _bars(x: Array, y: Array) -> Array:
    return np.maximum(np.abs(np.abs(x) - 0.55) - 0.22, np.abs(y) - 0.85)


def _hourglass(x: Array, y: Array) -> Array:
    return np.maximum(np.abs(x) - np.abs(y) - 0.08, np.abs(y) - 0.85)


_SHAPES: dict[str, Callable[[Array, Array], Array]] = {name: globals()[f"_{name}"] for name in CLASS_NAMES}
SHAPES = DatasetSpec(
    name="shapes",
    contents="4,000 + 1,000 images of 32x32, 10 classes",
    image_shape=(SIZE, SIZE, 3),
    classes=10,
    train_per_class=400,
    test_per_class=100,
    epsilon=8 / 255,
    load=lambda data_dir: load_shapes(),
    find=lambda data_dir: (True, "generated"),
    prepare=lambda data_dir: "the package",
)
