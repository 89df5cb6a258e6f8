"""FAB: the smallest change that reaches a decision boundary, by projections onto its linearisation."""

from typing import Any

import tensorflow as tf

from keras_selectivity._exported import Exported
from keras_selectivity._exported import finite
from keras_selectivity._types import Tensor
from keras_selectivity.robustness._attack import no_gradient
from keras_selectivity.robustness._attack import signature
from keras_selectivity.robustness._ball import axes
from keras_selectivity.robustness._ball import length
from keras_selectivity.robustness._ball import per_image

_ALPHA_MAX, _ETA, _BETA = 0.1, 1.05, 0.9
_NEWTON_STEPS = 30


def to_hyperplane(
    x: Tensor, normal: Tensor, offset: Tensor, norm: str, bounds: tuple[float, float] = (0.0, 1.0)
) -> Tensor:
    """The smallest change, in a norm, that takes images to a hyperplane within [0, 1], or other bounds.

    Minimise the norm of `d` with `sum(normal * (x + d)) = offset` and `0 <= x + d <= 1`. Every pixel moves against the
    hyperplane's side by a common length (`"linf"`) or in proportion to its weight (`"l2"`) until it meets the range.
    What is gained is a concave function of that length, whose root Newton's method approaches from below. Where the
    hyperplane cannot be reached, all pixels go as far as they can.

    Args:
        x: `(n, ...)` between the bounds.
        normal: The same shape.
        offset: `(n, 1, ...)`.
        norm: `"linf"` or `"l2"`.
        bounds: Least and largest value; infinities for none.

    Returns:
        The change `d`.
    """
    low, high = bounds
    distance = tf.reduce_sum(normal * x, axes(x), keepdims=True) - offset
    weight = normal * tf.where(distance < 0, -1.0, 1.0)  # to be decreased
    distance, size = tf.abs(distance), tf.abs(weight)
    room = tf.where(weight > 0, x - low, high - x)
    rate = tf.ones_like(size) if norm == "linf" else size
    # At length r a pixel has moved by min(r * rate, room)
    gain_of = size * rate

    def step(number: Tensor, r: Tensor, _: Tensor) -> tuple[Tensor, ...]:
        free = r * rate < room
        gained = tf.reduce_sum(size * tf.where(free, r * rate, room), axes(x), keepdims=True)
        slope = tf.reduce_sum(tf.where(free, gain_of, 0.0), axes(x), keepdims=True)
        short = distance - gained
        change = tf.where((slope > 0) & (short > 0), short / tf.maximum(slope, 1e-30), 0.0)
        return number + 1, r + change, tf.reduce_max(change / tf.maximum(r, 1e-12))

    _, r, _ = tf.while_loop(
        lambda number, r, change: (number < _NEWTON_STEPS) & (change > 1e-6),
        step,
        (0, tf.zeros_like(distance), tf.ones([])),
    )
    # Without free pixels left, r stays where it is; all the same every one has gone as far as it can
    moved = tf.minimum(r * rate, room)
    return -tf.sign(weight) * tf.where(size > 0, moved, 0.0)


def fab(exported: Exported, norm: str) -> Any:
    """A compiled attack towards targets, of Croce and Hein (2020), "Minimally distorted adversarial examples".

    Returns:
        A function of clean images, labels, targets, iterations and radius, that returns `(images, fooled)` as `apgd`
        does. An image for which a change within the radius is found is done with.
    """
    images, labels = signature(exported)
    count, scalar = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32)

    @tf.function(input_signature=[images, labels, labels, count, scalar], autograph=False)
    def attack(
        clean: Tensor, labels: Tensor, targets: Tensor, iterations: Tensor, radius: Tensor
    ) -> tuple[Tensor, Tensor]:
        def step(number: Tensor, found: Tensor, fooled: Tensor, state: dict[str, Tensor]) -> Any:
            x, clean = state["x"], state["clean"]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(x)
                logits = tf.cast(exported.logits(x), tf.float32)
                own, target = (
                    tf.gather(logits, state[of], axis=-1, batch_dims=1) for of in ("labels", "targets")
                )
                behind = own - target
                total = tf.reduce_sum(behind)
            normal = tape.gradient(total, x)
            if normal is None:
                raise no_gradient()
            normal = finite(normal, "the gradient of the logits in the pixels")
            # The boundary, linearised at x: sum(normal * z) = offset
            offset = tf.reduce_sum(normal * x, axes(x), keepdims=True) - per_image(behind, x)
            from_x, from_clean = (
                to_hyperplane(x, normal, offset, norm, exported.bounds),
                to_hyperplane(clean, normal, offset, norm, exported.bounds),
            )
            near, far = (tf.maximum(length(d, norm), 1e-8) for d in (from_x, from_clean))
            share = tf.minimum(near / (near + far), _ALPHA_MAX)
            ahead = (x + _ETA * from_x) * (1 - share) + (clean + _ETA * from_clean) * share
            ahead = tf.clip_by_value(ahead, *exported.bounds)
            crossed = tf.argmax(tf.cast(exported.logits(ahead), tf.float32), axis=-1) != state["labels"]
            near_enough = crossed & (tf.reshape(length(ahead - clean, norm), [-1]) <= radius)
            gone = tf.where(near_enough)[:, 0]
            at = tf.gather(state["at"], gone)[:, None]
            found = tf.tensor_scatter_nd_update(found, at, tf.gather(ahead, gone))
            fooled = tf.tensor_scatter_nd_update(fooled, at, tf.ones(tf.shape(gone), tf.bool))
            # Beyond the boundary, but too far: back towards the clean image
            back = tf.where(per_image(crossed, x), clean + (ahead - clean) * _BETA, ahead)
            left = tf.where(~near_enough)[:, 0]
            state = {name: tf.gather(value, left) for name, value in {**state, "x": back}.items()}
            return number + 1, found, fooled, state

        state = {
            **{"at": tf.range(tf.shape(labels)[0]), "x": clean, "clean": clean},
            **{"labels": labels, "targets": targets},
        }
        fooled = tf.zeros(tf.shape(labels), tf.bool)
        open_ended = {name: tf.TensorShape([None, *value.shape[1:]]) for name, value in state.items()}
        _, found, fooled, _ = tf.while_loop(
            lambda number, found, fooled, state: (number < iterations) & (tf.size(state["labels"]) > 0),
            step,
            (0, clean, fooled, state),
            shape_invariants=(tf.TensorShape([]), clean.shape, fooled.shape, open_ended),
        )
        return found, fooled

    return attack
