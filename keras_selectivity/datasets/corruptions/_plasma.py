"""Fractal height maps by midpoint displacement on a torus."""

from collections.abc import Sequence

import numpy as np

from keras_selectivity._types import Array


def plasma(rngs: Sequence[np.random.Generator], size: int, decay: float) -> Array:
    """One height map for each generator.

    Args:
        rngs: Generators.
        size: Least number of rows and columns.
        decay: Factor by which the displacements shrink when the grid halves.

    Returns:
        `(n, side, side)` float64 in [0, 1]; side is the next power of two.
    """
    side = 1 << (size - 1).bit_length()
    draws = np.stack([rng.uniform(-1, 1, side * side - 1) for rng in rngs])
    heights = np.zeros([len(draws), side, side])
    used, step, wibble = 0, side, 100.0

    def displaced(total: Array) -> Array:
        nonlocal used
        count = total[0].size
        noise = draws[:, used : used + count].reshape(total.shape)
        used += count
        # The displacement is the square of what decays, as in the released data.
        return total / 4 + wibble**2 * noise

    while step >= 2:
        half = step // 2
        corners = heights[:, ::step, ::step]
        pairs = corners + np.roll(corners, -1, 1)
        heights[:, half::step, half::step] = displaced(pairs + np.roll(pairs, -1, 2))
        centres = heights[:, half::step, half::step]
        across = centres + np.roll(centres, 1, 1) + corners + np.roll(corners, -1, 2)
        heights[:, ::step, half::step] = displaced(across)
        down = centres + np.roll(centres, 1, 2) + corners + np.roll(corners, -1, 1)
        heights[:, half::step, ::step] = displaced(down)
        step, wibble = half, wibble / decay
    heights -= heights.min(axis=(1, 2), keepdims=True)
    return heights / heights.max(axis=(1, 2), keepdims=True)
