"""Balls of images in two norms, what they do to a step, and random points in them."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_selectivity._errors import InputError
from keras_selectivity._types import Array
from keras_selectivity._types import Tensor

NORMS = ("linf", "l2")


def check_norm(norm: Any) -> None:
    """Refuses other norms than those of `NORMS`.

    Raises:
        InputError: Naming it.
    """
    if norm not in NORMS:
        raise InputError(f"norm must be 'linf' or 'l2'. Received: {norm!r}.")


def axes(images: Tensor) -> list[int]:
    """All axes of a batch but the first."""
    return list(range(1, images.shape.rank))


def per_image(values: Tensor, images: Tensor) -> Tensor:
    """`(n,)` values with further axes, so that they go with images: `(n, 1, ...)`."""
    return tf.reshape(values, [-1, *[1] * len(axes(images))])


def length(images: Tensor, norm: str = "l2") -> Tensor:
    """Norm of every image: `(n, ...)` to `(n, 1, ...)`."""
    if norm == "linf":
        return tf.reduce_max(tf.abs(images), axis=axes(images), keepdims=True)
    return tf.sqrt(tf.reduce_sum(images**2, axis=axes(images), keepdims=True))


def direction(gradient: Tensor, norm: str) -> Tensor:
    """The direction of steepest ascent, of length one in the norm."""
    return tf.sign(gradient) if norm == "linf" else gradient / tf.maximum(length(gradient), 1e-12)


def within(x: Tensor, clean: Tensor, radius: Tensor, norm: str, bounds: tuple[float, float]) -> Tensor:
    """Back into the ball, back between the bounds; clipping leads no image out of the ball."""
    if norm == "linf":
        x = tf.clip_by_value(x, clean - radius, clean + radius)
    else:
        change = x - clean
        # An infinite radius over a length is infinite: no ball.
        x = clean + change * tf.minimum(1.0, radius / tf.maximum(length(change), 1e-12))
    return tf.clip_by_value(x, *bounds)


def random_points(
    clean: Array,
    first: int,
    radius: float,
    norm: str,
    seed: Any,
    surface: bool = False,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Array:
    """Random points of the balls around images, which depend on the seed and on an image's position only.

    Args:
        clean: `(n, ...)`.
        first: Position of the first of them.
        radius: Of the balls.
        norm: Of the balls.
        seed: Seed.
        surface: Whether the points lie on the surface (`"linf"`: one pixel does) rather than anywhere within.
        bounds: Between which the points are clipped.
    """
    moves = []
    for position in range(first, first + len(clean)):
        rng = np.random.default_rng([seed, position])
        shape = clean.shape[1:]
        if norm == "linf":
            move = rng.uniform(-radius, radius, shape)
            moves.append(move * radius / np.abs(move).max() if surface else move)
        else:
            move = rng.standard_normal(shape)
            reach = radius * (1.0 if surface else rng.random() ** (1 / move.size))
            moves.append(move * reach / np.linalg.norm(move))
    return np.clip(clean + np.array(moves, np.float32).reshape(clean.shape), *bounds)
