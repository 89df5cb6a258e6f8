"""APGD: projected gradient descent with momentum, which halves its steps where they stop helping."""

from typing import Any

import tensorflow as tf

from keras_selectivity._exported import Exported
from keras_selectivity._exported import finite
from keras_selectivity._log_odds import log_odds
from keras_selectivity._types import Tensor
from keras_selectivity.robustness._attack import is_correct
from keras_selectivity.robustness._attack import no_gradient
from keras_selectivity.robustness._attack import signature
from keras_selectivity.robustness._ball import direction
from keras_selectivity.robustness._ball import per_image
from keras_selectivity.robustness._ball import within

# Share of the iterations: first interval between two looks at the progress, by how much it shrinks, and the last one
_FIRST, _SHRINK, _LAST = 0.22, 0.03, 0.06
_MOMENTUM = 0.75  # weight of the new step
_RISING = 0.75  # share of the steps of an interval that must raise the loss


def difference_of_logits_ratio(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """The targeted DLR loss, which does not depend on the scale of the logits: `(n,)`; needs four classes."""
    ordered = tf.sort(logits, axis=-1, direction="DESCENDING")
    own, target = (tf.gather(logits, of, axis=-1, batch_dims=1) for of in (labels, targets))
    return (target - own) / (ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2 + 1e-12)


def apgd(exported: Exported, norm: str, targeted: bool) -> Any:
    """A compiled attack, of Croce and Hein (2020), "Reliable evaluation of adversarial robustness", Algorithm 1.

    Args:
        exported: The network.
        norm: Norm of the ball.
        targeted: Whether it raises the targeted DLR loss rather than the cross-entropy, by its exact gradient.

    Returns:
        A function of starts, labels, targets, clean images (`(n, ...)` tensors), iterations and radius, that returns
        `(images, fooled)`: adversarial images where there are any, else the clean ones, and which were fooled. An image
        that is fooled is done with.
    """
    images, labels = signature(exported)
    count, scalar = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32)

    def evaluated(x: Tensor, labels: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            logits = tf.cast(exported.logits(x), tf.float32)
            if targeted:
                losses = difference_of_logits_ratio(logits, labels, targets)
            else:
                losses = log_odds(logits, labels)
            total = tf.reduce_sum(losses)
        gradient = tape.gradient(total, x)
        if gradient is None:
            raise no_gradient()
        return losses, is_correct(logits, labels), finite(gradient, "the gradient of the loss in the pixels")

    @tf.function(input_signature=[images, labels, labels, images, count, scalar], autograph=False)
    def attack(
        x: Tensor, labels: Tensor, targets: Tensor, clean: Tensor, iterations: Tensor, radius: Tensor
    ) -> tuple[Tensor, Tensor]:
        total = tf.cast(iterations, tf.float32)
        first, shrink, last = (
            tf.maximum(tf.cast(share * total, tf.int32), 1) for share in (_FIRST, _SHRINK, _LAST)
        )
        found, fooled = clean, tf.zeros(tf.shape(labels), tf.bool)

        def remaining(correct: Tensor, state: dict[str, Tensor]) -> dict[str, Tensor]:
            """The state of the images that are still classified correctly."""
            left = tf.where(correct)[:, 0]
            return {name: tf.gather(value, left) for name, value in state.items()}

        def keep(
            found: Tensor, fooled: Tensor, correct: Tensor, state: dict[str, Tensor]
        ) -> tuple[Tensor, Tensor]:
            """Notes the images that are fooled now."""
            gone = tf.where(~correct)[:, 0]
            at = tf.gather(state["at"], gone)[:, None]
            return (
                tf.tensor_scatter_nd_update(found, at, tf.gather(state["x"], gone)),
                tf.tensor_scatter_nd_update(fooled, at, tf.ones(tf.shape(gone), tf.bool)),
            )

        losses, correct, gradient = evaluated(x, labels, targets)
        zeros, size = tf.zeros_like(losses), tf.fill(tf.shape(losses), 2 * radius)
        state = {
            **{
                "at": tf.range(tf.shape(labels)[0]),
                "x": x,
                "labels": labels,
                "targets": targets,
                "clean": clean,
            },
            **{"old": x, "best": x, "gradient": gradient, "best_gradient": gradient},
            **{"loss": losses, "best_loss": losses, "best_loss_before": losses, "rises": zeros, "size": size},
            "reduced": tf.ones(tf.shape(losses), tf.bool),
        }
        found, fooled = keep(found, fooled, correct, state)
        state = remaining(correct, state)

        def look(state: dict[str, Tensor], interval: Tensor) -> dict[str, Tensor]:
            """Halves the steps of images that rose too rarely, or not at all since the last look, and takes these
            back."""
            stuck = ~state["reduced"] & (state["best_loss_before"] >= state["best_loss"])
            reduce = (state["rises"] <= tf.cast(interval, tf.float32) * _RISING) | stuck
            back = per_image(reduce, state["x"])
            return {
                **state,
                "size": tf.where(reduce, state["size"] / 2, state["size"]),
                "x": tf.where(back, state["best"], state["x"]),
                "gradient": tf.where(back, state["best_gradient"], state["gradient"]),
                "reduced": reduce,
                "best_loss_before": state["best_loss"],
                "rises": tf.zeros_like(state["rises"]),
            }

        def step(
            number: Tensor, since: Tensor, interval: Tensor, found: Tensor, fooled: Tensor, state: Any
        ) -> Any:
            x, clean = state["x"], state["clean"]
            size = per_image(state["size"], x)
            weight = tf.where(number > 0, _MOMENTUM, 1.0)
            ahead = within(
                x + size * direction(state["gradient"], norm), clean, radius, norm, exported.bounds
            )
            moved = x + (ahead - x) * weight + (x - state["old"]) * (1 - weight)
            moved = within(moved, clean, radius, norm, exported.bounds)
            losses, correct, gradient = evaluated(moved, state["labels"], state["targets"])
            better = losses > state["best_loss"]
            wide = per_image(better, x)
            state = {
                **state,
                **{"old": x, "x": moved, "gradient": gradient, "loss": losses},
                "rises": state["rises"] + tf.cast(losses > state["loss"], tf.float32),
                "best": tf.where(wide, moved, state["best"]),
                "best_gradient": tf.where(wide, gradient, state["best_gradient"]),
                "best_loss": tf.where(better, losses, state["best_loss"]),
            }
            found, fooled = keep(found, fooled, correct, state)
            state = remaining(correct, state)
            due = since + 1 == interval
            state = tf.cond(due, lambda: look(state, interval), lambda: state)
            since = tf.where(due, 0, since + 1)
            interval = tf.where(due, tf.maximum(interval - shrink, last), interval)
            return number + 1, since, interval, found, fooled, state

        open_ended = {name: tf.TensorShape([None, *value.shape[1:]]) for name, value in state.items()}
        *_, found, fooled, _ = tf.while_loop(
            lambda number, *others: (number < iterations) & (tf.size(others[-1]["labels"]) > 0),
            step,
            (0, 0, first, found, fooled, state),
            shape_invariants=(*[tf.TensorShape([])] * 3, found.shape, fooled.shape, open_ended),
        )
        return found, fooled

    return attack
