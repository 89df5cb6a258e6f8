"""What the attacks share: the gradient of the loss in the pixels, checked arguments, batches."""

from typing import Any

import tensorflow as tf
from numpy.typing import ArrayLike

from keras_selectivity._checks import number
from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._exported import finite
from keras_selectivity._log_odds import log_odds
from keras_selectivity._types import Array
from keras_selectivity._types import Tensor

BATCH_SIZE = 250

# What an attack drives up, or towards targets down
LOSSES = ("log_odds", "cross_entropy")
# Half-precision gradients of a confident prediction's cross-entropy underflow. A power of two changes neither the sign
# nor the direction, and rounds nothing in float32.
_LOSS_SCALE = 1024.0
_MOST = 1e6  # farther than any image is from another, and small enough for float32


def loss_gradient(
    exported: Exported, images: Tensor, labels: Tensor, loss: str = "log_odds"
) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy of every image, and the gradient of a loss in the pixels; for use in a `tf.function`.

    Args:
        exported: What `keras_selectivity.load` or `wrap` returns, or a Keras model.
        images: `(n, ...)` float32 tensor.
        labels: `(n,)` integer tensor.
        loss: One of `LOSSES`.

    Returns:
        `(losses, logits, gradient)`: the cross-entropy, `(n,)`; `(n, classes)`; and the shape of the images. The
        gradient is that of the log odds, which has the cross-entropy's direction however confident the prediction
        is; or 1,024 times that of the cross-entropy as float32 has it.

    Raises:
        InputError: The logits do not depend on the pixels differentiably.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        logits = tf.cast(exported.logits(images), tf.float32)
        if loss == "log_odds":
            odds = log_odds(logits, labels)
            total = tf.reduce_sum(odds)
        else:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            total = tf.reduce_sum(losses) * _LOSS_SCALE
    gradient = tape.gradient(total, images)
    if gradient is None:
        raise no_gradient()
    losses = tf.nn.softplus(odds) if loss == "log_odds" else losses
    return losses, logits, finite(gradient, "the gradient of the loss in the pixels")


def checked_samples(exported: Exported, images: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    """Images, and labels that fit them, of a network that can be attacked.

    Raises:
        InputError: They do not fit the network, or it takes anything but a single input of floats.
    """
    images = exported.differentiable(images)
    return images, exported.labels(labels, len(images))


def checked_loss(loss: str) -> str:
    """A name of `LOSSES`.

    Raises:
        InputError: It is none.
    """
    if loss not in LOSSES:
        raise InputError(f"loss must be {' or '.join(map(repr, LOSSES))}. Received: {loss!r}.")
    return loss


def no_gradient() -> InputError:
    """The error to raise when the pixels have no gradient."""
    return InputError(
        "The network has no gradient with respect to its input, so it cannot be attacked or analysed by "
        "gradients. Is there a step in it that cannot be differentiated, such as rounding, an embedding or another "
        "cast to integers? Export the part of the network that follows, and attack that."
    )


def is_zero(gradient: Tensor) -> Tensor:
    """Whether an image's gradient is zero everywhere: `(n, ...)` to `(n,)` bool."""
    return tf.reduce_all(gradient == 0, axis=tf.range(1, tf.rank(gradient)))


def is_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether the largest logit is the label's: `(n,)` bool."""
    return tf.argmax(logits, axis=-1) == labels


def other_logits(logits: Tensor, labels: Tensor) -> Tensor:
    """The logits of the other classes: `(n, classes)`, minus infinity at the label."""
    own = tf.one_hot(labels, tf.shape(logits)[-1], on_value=True, off_value=False, dtype=tf.bool)
    return tf.where(own, tf.fill(tf.shape(logits), tf.constant(float("-inf"), logits.dtype)), logits)


def signature(exported: Exported, *others: Tensor) -> list[Any]:
    """Input signature for a batch of any size: images, labels, then the others."""
    images = tf.TensorSpec([None, *(exported.input_shape or ())], tf.float32)
    return [images, tf.TensorSpec([None], tf.int64), *others]


def strength(name: str, value: Any) -> float:
    """A step or radius as float.

    Raises:
        InputError: It is negative, larger than a million, or no number.
    """
    return number(name, value, 0, _MOST, unit=", in units of the input, of images pixels in [0, 1]")
