"""Square Attack: random search with squares, which needs no gradient."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_selectivity._exported import Exported
from keras_selectivity._types import Array
from keras_selectivity._types import Tensor
from keras_selectivity.robustness._attack import other_logits
from keras_selectivity.robustness._attack import signature
from keras_selectivity.robustness._ball import length

_FIRST_SHARE = 0.8  # of the pixels that the first squares cover
# Query of 10,000 from which on the share is halved once more
_HALVED = (11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001)


def spans(queries: int) -> Iterator[tuple[int, int, float]]:
    """Stretches of queries whose squares cover the same share: `(first, end, share)`.

    Fewer queries shrink the squares sooner, as in the paper and in torchattacks; the code of AutoAttack's authors takes
    the first 5,000 of 10,000.
    """
    halved = [-(-at * queries // 10_000) for at in _HALVED]
    for number, (first, end) in enumerate(zip([1, *halved], [*halved, queries], strict=True)):
        if first < min(end, queries):
            yield first, min(end, queries), _FIRST_SHARE / 2**number


def side(share: float, shape: tuple[int, ...], norm: str) -> int:
    """Side of a square that covers a share of an image; odd and at least three for `"l2"`."""
    height, width, _ = shape
    found = round((share * height * width) ** 0.5)
    if norm == "l2":
        found = max(found, 3)
        found += 1 - found % 2
        return min(found, (min(height, width) - 1) // 2 * 2 + 1)
    return min(max(found, 1), min(height, width) - 1 or 1)


def bump(size: int) -> Array:
    """Two opposite bumps that share a square, of length one in L2; the L2 attack's move.

    Each is a sum of nested rectangles around its centre with weights `1 / k^2`. (Andriushchenko et al. 2020, section
    3.4.)
    """
    found = np.zeros((size, size))
    half = size // 2
    found[:half] = _rectangles(half, size)
    found[half:] = -_rectangles(size - half, size)
    return (found / np.linalg.norm(found)).astype(np.float32)


def _rectangles(height: int, width: int) -> Array:
    found = np.zeros((height, width))
    centre = height // 2, width // 2
    for number in range(max(height // 2 + 1, width // 2 + 1)):
        top, left = centre[0] - number, centre[1] - number
        rows = slice(max(top, 0), min(top + 2 * number + 1, height))
        columns = slice(max(left, 0), min(left + 2 * number + 1, width))
        found[rows, columns] += 1 / (number + 1) ** 2
    return found / np.linalg.norm(found)


def signs(seed: list[int], positions: Array, shape: tuple[int, ...]) -> Array:
    """Random signs for every image, which depend on the seed and on its position only: `(n, *shape)` float32."""
    drawn = [np.random.default_rng([*seed, int(at)]).integers(0, 2, shape, np.int8) for at in positions]
    return np.array(drawn, np.float32).reshape(-1, *shape) * 2 - 1


def first_images(
    clean: Array,
    radius: float,
    norm: str,
    seed: list[int],
    positions: Array,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Array:
    """Where the search starts: vertical stripes (`"linf"`), or a grid of bumps (`"l2"`), on the surface of the
    balls."""
    _, height, width, channels = clean.shape
    if norm == "linf":
        return np.clip(clean + radius * signs(seed, positions, (1, width, channels)), *bounds)
    size = max(min(height, width) // 5, 1)
    found = np.zeros(clean.shape, np.float32)
    pattern = bump(size) if size > 1 else np.ones((1, 1), np.float32)
    start_row, start_column = (extent % size // 2 for extent in (height, width))
    drawn = signs(seed, positions, (height // size, width // size, channels))
    for top in range(start_row, height - size + 1, size):
        for left in range(start_column, width - size + 1, size):
            sign = drawn[:, top // size, left // size][:, None, None]
            found[:, top : top + size, left : left + size] += pattern[..., None] * sign
    lengths = np.sqrt((found**2).sum((1, 2, 3), keepdims=True))
    return np.clip(clean + found * radius / np.maximum(lengths, 1e-12), *bounds)


def square(exported: Exported, norm: str) -> Any:
    """A compiled stretch of the search, of Andriushchenko et al. (2020), "Square Attack", with squares of one size.

    Returns:
        A function of the best images so far and their margins, labels, clean images, signs for every image, query and
        channel, the first query, the side of the squares, the bump of that side, the radius and a seed for their
        places, which all images share. It returns the best images and their margins; an image whose margin is no longer
        positive is done with.
    """
    images, labels = signature(exported)
    count, scalar = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32)
    pattern = tf.TensorSpec([None, None], tf.float32)
    margins = tf.TensorSpec([None], tf.float32)
    drawn = tf.TensorSpec([None, None, images.shape[-1]], tf.float32)

    def margin(x: Tensor, labels: Tensor) -> Tensor:
        logits = tf.cast(exported.logits(x), tf.float32)
        others = other_logits(logits, labels)
        return tf.gather(logits, labels, axis=-1, batch_dims=1) - tf.reduce_max(others, axis=-1)

    @tf.function(
        input_signature=[images, margins, labels, images, drawn, count, count, pattern, scalar, count],
        autograph=False,
    )
    def search(
        best: Tensor, best_margin: Tensor, labels: Tensor, clean: Tensor, signs: Tensor,
        first: Tensor, size: Tensor, bump: Tensor, radius: Tensor, seed: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        height, width = tf.shape(clean)[1], tf.shape(clean)[2]

        def uniform(query: Tensor, draw: int, shape: list[int]) -> Tensor:
            return tf.random.stateless_uniform(shape, tf.stack([seed, 3 * query + draw]))

        def window(query: Tensor, draw: int) -> tuple[Tensor, Tensor, Tensor]:
            """A random place for a square: its mask, top and left."""
            place = uniform(query, draw, [2])
            top, left = (
                tf.cast(place[axis] * tf.cast(tf.maximum(extent - size, 1), tf.float32), tf.int32)
                for axis, extent in ((0, height), (1, width))
            )
            rows, columns = tf.range(height), tf.range(width)
            inside = ((rows >= top) & (rows < top + size))[:, None] & (
                (columns >= left) & (columns < left + size)
            )
            return tf.cast(inside, tf.float32)[None, :, :, None], top, left

        def moved(query: Tensor, best: Tensor, clean: Tensor, at: Tensor) -> Tensor:
            mask, top, left = window(query, 0)
            sign = tf.gather(signs[:, query - first], at)[:, None, None]
            if norm == "linf":
                x = tf.clip_by_value(best + mask * 2 * radius * sign, clean - radius, clean + radius)
                return tf.clip_by_value(x, *exported.bounds)
            other, _, _ = window(query, 1)
            change = best - clean
            lengths = tf.sqrt(tf.reduce_sum(change**2 * mask, [1, 2], keepdims=True))
            both = tf.maximum(mask, other)
            free = tf.maximum(radius**2 - tf.reduce_sum(change**2, [1, 2, 3], keepdims=True), 0.0)
            channels = tf.cast(tf.shape(clean)[-1], tf.float32)
            budget = tf.sqrt((free + tf.reduce_sum(change**2 * both, [1, 2, 3], keepdims=True)) / channels)
            turned = uniform(query, 2, []) < 0.5
            laid = tf.where(turned, tf.transpose(bump), bump)
            laid = tf.pad(laid, [[top, height - top - size], [left, width - left - size]])[None, :, :, None]
            fresh = laid * sign + change * mask / (lengths + 1e-12)
            fresh = fresh / (tf.sqrt(tf.reduce_sum(fresh**2 * mask, [1, 2], keepdims=True)) + 1e-12) * budget
            change = change * (1 - both) + fresh * mask
            return tf.clip_by_value(
                clean + change * radius / tf.maximum(length(change), 1e-12), *exported.bounds
            )

        def step(
            query: Tensor, at: Tensor, best: Tensor, best_margin: Tensor, found: Tensor, fooled: Tensor
        ) -> Any:
            mine = tf.gather(clean, at)
            # A mask of unknown size makes one of a side of one pixel
            x = tf.ensure_shape(moved(query, best, mine, at), clean.shape)
            margins = margin(x, tf.gather(labels, at))
            better = margins < best_margin
            best = tf.where(better[:, None, None, None], x, best)
            best_margin = tf.where(better, margins, best_margin)
            found = tf.tensor_scatter_nd_update(found, at[:, None], best)
            fooled = tf.tensor_scatter_nd_update(fooled, at[:, None], best_margin)
            left = tf.where(best_margin > 0)[:, 0]
            return (
                query + 1,
                tf.gather(at, left),
                tf.gather(best, left),
                tf.gather(best_margin, left),
                found,
                fooled,
            )

        left = tf.where(best_margin > 0)[:, 0]
        at = tf.gather(tf.range(tf.shape(labels)[0]), left)
        *_, found, margins_found = tf.while_loop(
            lambda query, at, *_: (query < first + tf.shape(signs)[1]) & (tf.size(at) > 0),
            step,
            (first, at, tf.gather(best, at), tf.gather(best_margin, at), best, best_margin),
            shape_invariants=(
                *(tf.TensorShape([]), tf.TensorShape([None]), clean.shape, tf.TensorShape([None])),
                *(clean.shape, tf.TensorShape([None])),
            ),
        )
        return found, margins_found

    search.margin = tf.function(margin, input_signature=[images, labels], autograph=False)
    return search
