"""Projected gradient descent: the whole loop in one graph."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from keras_selectivity._checks import LARGEST_INT32
from keras_selectivity._checks import array
from keras_selectivity._checks import each
from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._progress import batches
from keras_selectivity._types import Array
from keras_selectivity._types import Tensor
from keras_selectivity._wrap import measures
from keras_selectivity.robustness._attack import BATCH_SIZE
from keras_selectivity.robustness._attack import checked_loss
from keras_selectivity.robustness._attack import checked_samples
from keras_selectivity.robustness._attack import is_correct
from keras_selectivity.robustness._attack import loss_gradient
from keras_selectivity.robustness._attack import signature
from keras_selectivity.robustness._attack import strength
from keras_selectivity.robustness._ball import check_norm
from keras_selectivity.robustness._ball import direction
from keras_selectivity.robustness._ball import random_points
from keras_selectivity.robustness._ball import within


@dataclass(frozen=True)
class PGDAccuracy:
    """What `pgd_accuracy` found.

    Attributes:
        steps: Numbers of steps, ascending.
        accuracy: `(steps,)` share of images classified correctly after so many steps.
        worst_accuracy: `(steps,)` share classified correctly after every number of steps so far.
        loss: `(steps,)` mean cross-entropy of the true labels.
        largest_change: Largest distance from the clean image, in the attack's norm.
        samples: Number of images.
    """

    steps: tuple[int, ...]
    accuracy: np.ndarray
    worst_accuracy: np.ndarray
    loss: np.ndarray
    largest_change: float
    samples: int


@measures
def pgd(
    exported: Exported,
    images: ArrayLike,
    labels: ArrayLike,
    *,
    steps: int = 25,
    step_size: float = 1e-4,
    epsilon: float | None = None,
    norm: str = "linf",
    loss: str = "log_odds",
    random_start: bool = False,
    seed: int | None = None,
    targets: ArrayLike | None = None,
    batch_size: int = BATCH_SIZE,
    verbose: int = 1,
) -> Array:
    """Adversarial images of projected gradient descent on the cross-entropy.

    Every step moves by `step_size` along the gradient's sign (`"linf"`) or its direction (`"l2"`),
    returns to the ball of radius `epsilon` around the clean image if there is one, and clips to
    [0, 1] if the input has that range. The papers' are 25 steps of 0.0001 ("On the relationship between class
    selectivity, dimensionality, and robustness", appendices A.1.4 and A.1.5); that these are signs of the gradient in
    pixels of [0, 1], without a ball and a random start, is our reading, and the defaults. `loss="cross_entropy"` is the
    papers'. (Kurakin et al. 2016; Madry et al. 2018.)

    Args:
        exported: What `keras_selectivity.load` or `wrap` returns, or a Keras model.
        images: `(n, ...)` floats; of images uint8, or floats in [0, 1].
        labels: `(n,)` true labels, integers.
        steps: Number of steps, at least 0.
        step_size: Length of a step in the norm, in units of the input: pixels of [0, 1].
        epsilon: Radius of the ball in the norm, or `None`. Defaults to `None`.
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        loss: `"log_odds"` for the exact gradient, or `"cross_entropy"` for that which float32 has, as the papers and
            other toolboxes do; see `fgsm`. Defaults to `"log_odds"`.
        random_start: Start from a point drawn uniformly from the ball.
        seed: Seed of the random start. An image's start depends on it and on the image's position.
            `None` starts somewhere else every time.
        targets: `(n,)` labels towards which to push the images instead. Defaults to None.
        batch_size: Images at a time. Defaults to 250.
        verbose: 0 shows no progress bar.

    Returns:
        `(n, ...)` float32, of images in [0, 1].

    Raises:
        InputError: An argument is out of its range, or the network has no gradient in its input.
    """
    images, labels = checked_samples(exported, images, labels)
    settings = _settings(step_size, epsilon, norm, random_start, seed, loss)
    whole_number("steps", steps, 0, LARGEST_INT32)
    goals = labels if targets is None else exported.labels(targets, len(images))
    found = np.empty_like(images)
    for part in batches(len(images), batch_size, verbose):
        start = _start(exported, images, part, settings)
        found[part] = _run(
            exported, images[part], start, labels[part], goals[part], steps, settings, targets is not None
        )[0]
    return found


@measures
def pgd_accuracy(
    exported: Exported,
    images: ArrayLike,
    labels: ArrayLike,
    *,
    steps: Iterable[int] = (0, 1, 2, 5, 10, 25),
    step_size: float = 1e-4,
    epsilon: float | None = None,
    norm: str = "linf",
    loss: str = "log_odds",
    random_start: bool = False,
    seed: int | None = None,
    batch_size: int = BATCH_SIZE,
    verbose: int = 1,
) -> PGDAccuracy:
    """Accuracy under projected gradient descent by number of steps, from one run.

    No image is left out once it is fooled: a later step may bring it back, which would change the
    accuracy after that step. All other arguments are those of `pgd`.

    Args:
        steps: Numbers of steps at which to report.

    Returns:
        A `PGDAccuracy`. Predictions are those of the clipped float32 images.

    Raises:
        InputError: As `pgd`, or there are no images.
    """
    images, labels = checked_samples(exported, images, labels)
    if not len(images):
        raise InputError("There are no images to attack.")
    settings = _settings(step_size, epsilon, norm, random_start, seed, loss)
    wanted = sorted({whole_number("steps", s, 0, LARGEST_INT32) for s in each("steps", steps)})
    if not wanted:
        raise InputError("Name at least one number of steps.")
    correct: Array = np.zeros(wanted[-1] + 1, int)
    worst, total, change = correct, np.zeros(wanted[-1] + 1), 0.0
    for part in batches(len(images), batch_size, verbose):
        start = _start(exported, images, part, settings)
        outcome = _run(exported, images[part], start, labels[part], labels[part], wanted[-1], settings)
        found, right, losses = (np.asarray(value) for value in outcome)
        correct = correct + right.sum(axis=1)
        worst = worst + np.logical_and.accumulate(right).sum(axis=1)
        total = total + losses.sum(axis=1, dtype=np.float64)
        change = max(change, distances(found, images[part], norm).max())
    n = len(images)
    return PGDAccuracy(
        tuple(wanted), correct[wanted] / n, worst[wanted] / n, total[wanted] / n, float(change), n
    )


@measures
def surviving(
    exported: Exported,
    images: ArrayLike,
    labels: ArrayLike,
    *,
    steps: int,
    step_size: float,
    epsilon: float,
    seed: int,
    batch_size: int = BATCH_SIZE,
    verbose: int = 1,
) -> Array:
    """Which images a random-start attack in the L-infinity ball never fools.

    An image that is fooled at any step is done with, so the attack goes on with the others only.

    Args: as for `pgd`; `steps` is at least 1.

    Returns:
        `(n,)` bool.

    Raises:
        InputError: As `pgd`.
    """
    images, labels = checked_samples(exported, images, labels)
    settings = _settings(step_size, epsilon, "linf", True, seed, "log_odds")
    whole_number("steps", steps, 1, LARGEST_INT32)
    left = np.zeros(len(images), bool)
    attack = exported.compiled(_survivors)
    for part in batches(len(images), batch_size, verbose):
        start = _start(exported, images, part, settings)
        left[part][attack(start, labels[part], images[part], steps, step_size, epsilon).numpy()] = True
    return left


def distances(images: Array, others: Array, norm: str) -> Array:
    """Distance between images in a norm: `(n,)` float64.

    Raises:
        InputError: The norm is unknown, or the images differ in shape or are no finite numbers.
    """
    check_norm(norm)
    axes = ("n", *("any",) * (np.ndim(images) - 1))
    images, others = array("images", images, *axes), array("the other images", others, *axes)
    if images.shape != others.shape:
        raise InputError(f"There is no distance between images of shapes {images.shape} and {others.shape}.")
    change = (np.asarray(images, np.float64) - others).reshape(len(images), -1)
    return np.abs(change).max(axis=1) if norm == "linf" else np.sqrt((change**2).sum(axis=1))


def _settings(
    step_size: float, epsilon: float | None, norm: str, random_start: bool, seed: int | None, loss: str
) -> dict[str, Any]:
    check_norm(norm)
    if random_start and epsilon is None:
        raise InputError("A random start is drawn from the ball of radius epsilon: name an epsilon.")
    radius = np.inf if epsilon is None else strength("epsilon", epsilon)
    if random_start:
        drawn: Any = np.random.SeedSequence().entropy if seed is None else whole_number("seed", seed, 0)
    else:
        drawn = None
    size = strength("step_size", step_size)
    return {"step_size": size, "radius": radius, "norm": norm, "seed": drawn, "loss": checked_loss(loss)}


def _start(exported: Exported, images: Array, part: slice, settings: dict[str, Any]) -> Array:
    """Where the attack on these images starts: there, or at a random point of the ball."""
    clean = images[part]
    if settings["seed"] is None or not len(clean):
        return clean
    return random_points(
        clean, part.start, settings["radius"], settings["norm"], settings["seed"], bounds=exported.bounds
    )


def _run(
    exported: Exported,
    clean: Array,
    start: Array,
    labels: Array,
    goals: Array,
    steps: int,
    settings: dict[str, Any],
    targeted: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Adversarial images, and `(steps + 1, n)` whether each is classified correctly and its loss."""
    step_size = -settings["step_size"] if targeted else settings["step_size"]
    loop = exported.compiled(_loop, settings["norm"], settings["loss"])
    return loop(start, goals, labels, clean, steps, step_size, settings["radius"])


def _loop(exported: Exported, norm: str, loss: str) -> Any:
    scalar = tf.TensorSpec([], tf.float32)
    images, labels = signature(exported)
    steps = tf.TensorSpec([], tf.int32)

    # AutoGraph would wrap our errors into its own, hence the loop in plain TensorFlow.
    @tf.function(input_signature=[images, labels, labels, images, steps, scalar, scalar], autograph=False)
    def loop(
        x: Tensor,
        goals: Tensor,
        labels: Tensor,
        clean: Tensor,
        steps: Tensor,
        step_size: Tensor,
        radius: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        def step(number: Tensor, x: Tensor, correct: Tensor, losses: Tensor) -> tuple[Tensor, ...]:
            # The prediction after a step comes with the gradient for the next one.
            found, logits, gradient = loss_gradient(exported, x, goals, loss)
            correct = correct.write(number, is_correct(logits, labels))
            x = within(x + step_size * direction(gradient, norm), clean, radius, norm, exported.bounds)
            return number + 1, x, correct, losses.write(number, found)

        correct = tf.TensorArray(tf.bool, steps + 1, element_shape=[None])
        losses = tf.TensorArray(tf.float32, steps + 1, element_shape=[None])
        number, x, correct, losses = tf.while_loop(
            lambda number, *_: number < steps, step, (0, x, correct, losses)
        )
        logits = tf.cast(exported.logits(x), tf.float32)
        correct = correct.write(number, is_correct(logits, labels))
        losses = losses.write(number, tf.nn.sparse_softmax_cross_entropy_with_logits(goals, logits))
        return x, correct.stack(), losses.stack()

    return loop


def _survivors(exported: Exported) -> Any:
    scalar = tf.TensorSpec([], tf.float32)
    images, labels = signature(exported)
    steps, shape = tf.TensorSpec([], tf.int32), images.shape

    @tf.function(input_signature=[images, labels, images, steps, scalar, scalar], autograph=False)
    def survivors(
        x: Tensor, labels: Tensor, clean: Tensor, steps: Tensor, step_size: Tensor, radius: Tensor
    ) -> Tensor:
        def step(number: Tensor, *images: Tensor) -> tuple[Tensor, ...]:
            _, logits, gradient = loss_gradient(exported, images[0], images[1])
            left = tf.where(is_correct(logits, images[1]))[:, 0]
            x, labels, clean, kept, gradient = (tf.gather(v, left) for v in (*images, gradient))
            x = within(x + step_size * direction(gradient, "linf"), clean, radius, "linf", exported.bounds)
            return number + 1, x, labels, clean, kept

        kept = tf.range(tf.shape(x)[0])
        _, x, labels, _, kept = tf.while_loop(
            lambda number, x, *_: (number < steps) & (tf.shape(x)[0] > 0),
            step,
            (0, x, labels, clean, kept),
            shape_invariants=(
                tf.TensorShape([]),
                shape,
                tf.TensorShape([None]),
                shape,
                tf.TensorShape([None]),
            ),
        )
        # Convolutions may refuse an empty batch.
        return tf.cond(
            tf.size(kept) > 0,
            lambda: tf.boolean_mask(kept, is_correct(exported.logits(x), labels)),
            lambda: kept,
        )

    return survivors
