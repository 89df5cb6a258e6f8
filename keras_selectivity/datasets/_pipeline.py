"""Batches as a `tf.data` pipeline that works ahead of the training."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_selectivity._types import Tensor
from keras_selectivity.datasets._batches import Batches


def pipeline(batches: Batches) -> Any:
    """A `tf.data.Dataset` of the same batches in the same order, made ahead of their use.

    Images are drawn, flipped and cropped as uint8 in several threads, several batches at a time, and become
    float32 last. How many at a time is left to `tf.data`.

    Args:
        batches: A `Batches`.

    Returns:
        A `tf.data.Dataset` of `(images, labels)`, float32 and int64, of known cardinality.
    """
    import tensorflow as tf

    def draw(index: Tensor) -> tuple[Tensor, Tensor]:
        # Batches need nothing but their number: any thread may make any of them.
        images, labels = tf.numpy_function(batches.draw, [index], (batches.dtype, np.int64), stateful=False)
        images.set_shape([None, *batches.image_shape])
        labels.set_shape([None])
        return (images if batches.dtype == np.float32 else tf.cast(images, tf.float32) / 255), labels

    found = tf.data.Dataset.range(len(batches))
    found = found.map(draw, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return found.prefetch(tf.data.AUTOTUNE)


@contextlib.contextmanager
def drawing(*batches: Batches) -> Iterator[None]:
    """Raises what a draw of these `Batches` has raised inside TensorFlow as it was, while the block runs."""
    try:
        yield
    except Exception:
        for error in (each.error for each in batches):
            if error is not None:
                raise error from None
        raise
