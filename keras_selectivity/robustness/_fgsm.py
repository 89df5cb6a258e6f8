"""The fast gradient sign method: one gradient, any number of strengths."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from keras_selectivity._checks import each
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
from keras_selectivity.robustness._attack import is_zero
from keras_selectivity.robustness._attack import loss_gradient
from keras_selectivity.robustness._attack import signature
from keras_selectivity.robustness._attack import strength


@dataclass(frozen=True)
class FGSMAccuracy:
    """What `fgsm_accuracy` found.

    Attributes:
        epsilons: Strengths, in units of the input: pixels of [0, 1].
        accuracy: `(epsilons,)` share of images classified correctly.
        loss: `(epsilons,)` mean cross-entropy of the true labels.
        zero_gradients: Share of clean images whose gradient is zero everywhere, so that the
            attack leaves them as they are.
        samples: Number of images.
    """

    epsilons: tuple[float, ...]
    accuracy: np.ndarray
    loss: np.ndarray
    zero_gradients: float
    samples: int


@measures
def fgsm(
    exported: Exported,
    images: ArrayLike,
    labels: ArrayLike,
    epsilons: Any,
    *,
    targets: ArrayLike | None = None,
    loss: str = "log_odds",
    batch_size: int = BATCH_SIZE,
    verbose: int = 1,
) -> Array:
    """Adversarial images of the fast gradient sign method.

    `x + epsilon * sign(d loss / d x)`, clipped to [0, 1] where the input has that range; the gradient at the clean
    image is computed once for all strengths. Its sign is that of the cross-entropy's exact gradient;
    `loss="cross_entropy"` takes the gradient that float32 has of it, as the papers and other toolboxes do, which is
    wrong where a prediction is confident. (Goodfellow et al. 2014; "On the relationship between class selectivity,
    dimensionality, and robustness", appendix A.1.4.)

    Args:
        exported: What `keras_selectivity.load` or `wrap` returns, or a Keras model.
        images: `(n, ...)` floats; of images uint8, or floats in [0, 1].
        labels: `(n,)` true labels, integers.
        epsilons: Strengths, each at least 0, in units of the input: pixels of [0, 1].
        targets: `(n,)` labels towards which to push the images instead. Defaults to None.
        loss: `"log_odds"` for the exact gradient, or `"cross_entropy"`. Defaults to `"log_odds"`.
        batch_size: Images at a time. Defaults to 250.
        verbose: 0 shows no progress bar.

    Returns:
        `(len(epsilons), n, ...)` float32, of images in [0, 1].

    Raises:
        InputError: An argument is out of its range, or the network has no gradient in its input.
    """
    images, labels, epsilons = _checked(exported, images, labels, epsilons)
    goals = labels if targets is None else exported.labels(targets, len(images))
    sign = 1.0 if targets is None else -1.0
    found = np.empty([len(epsilons), *images.shape], np.float32)
    step = exported.compiled(_images, checked_loss(loss))
    for part in batches(len(images), batch_size, verbose):
        found[:, part] = step(images[part], goals[part], sign * epsilons)
    return found


@measures
def fgsm_accuracy(
    exported: Exported,
    images: ArrayLike,
    labels: ArrayLike,
    epsilons: Any,
    *,
    loss: str = "log_odds",
    batch_size: int = BATCH_SIZE,
    verbose: int = 1,
) -> FGSMAccuracy:
    """Accuracy under the fast gradient sign method by strength, in bounded memory.

    Args: as for `fgsm`.

    Returns:
        An `FGSMAccuracy`. Predictions are those of the clipped float32 images.

    Raises:
        InputError: As `fgsm`, or there are no images.
    """
    images, labels, epsilons = _checked(exported, images, labels, epsilons)
    if not len(images):
        raise InputError("There are no images to attack.")
    correct, losses, zero = np.zeros(len(epsilons)), np.zeros(len(epsilons)), 0
    step = exported.compiled(_outcomes, checked_loss(loss))
    for part in batches(len(images), batch_size, verbose):
        c, s, z = (np.asarray(value) for value in step(images[part], labels[part], epsilons))
        correct, losses, zero = correct + c, losses + s, zero + int(z)
    n = len(images)
    return FGSMAccuracy(tuple(epsilons.tolist()), correct / n, losses / n, zero / n, n)


def _checked(
    exported: Exported, images: ArrayLike, labels: ArrayLike, epsilons: Any
) -> tuple[Array, Array, Array]:
    images, labels = checked_samples(exported, images, labels)
    epsilons = [strength("epsilon", e) for e in each("epsilons", epsilons)]
    if not epsilons:
        raise InputError("Name at least one epsilon.")
    return images, labels, np.array(epsilons, np.float32)


def _moved(exported: Exported, images: Tensor, gradient: Tensor, epsilon: Tensor) -> Tensor:
    return tf.clip_by_value(images + epsilon * tf.sign(gradient), *exported.bounds)


def _images(exported: Exported, loss: str) -> Any:
    @tf.function(input_signature=signature(exported, tf.TensorSpec([None], tf.float32)), autograph=False)
    def images_of(images: Tensor, labels: Tensor, epsilons: Any) -> Tensor:
        gradient = loss_gradient(exported, images, labels, loss)[2]
        return _moved(exported, images, gradient, tf.reshape(epsilons, [-1, *[1] * images.shape.rank]))

    return images_of


def _outcomes(exported: Exported, loss: str) -> Any:
    @tf.function(input_signature=signature(exported, tf.TensorSpec([None], tf.float32)), autograph=False)
    def outcomes(images: Tensor, labels: Tensor, epsilons: Any) -> tuple[Tensor, Tensor, Tensor]:
        clean_losses, clean_logits, gradient = loss_gradient(exported, images, labels, loss)

        def attacked(epsilon: Tensor) -> tuple[Tensor, Tensor]:
            logits = tf.cast(exported.logits(_moved(exported, images, gradient, epsilon)), tf.float32)
            return logits, tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)

        def at(epsilon: Tensor) -> Tensor:
            logits, losses = tf.cond(
                epsilon == 0, lambda: (clean_logits, clean_losses), lambda: attacked(epsilon)
            )
            correct = tf.reduce_sum(tf.cast(is_correct(logits, labels), tf.float32))
            return tf.stack([correct, tf.reduce_sum(losses)])

        # One strength at a time bounds the memory.
        sums = tf.map_fn(at, epsilons, parallel_iterations=1)
        return sums[:, 0], sums[:, 1], tf.math.count_nonzero(is_zero(gradient))

    return outcomes
