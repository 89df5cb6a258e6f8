"""Batches as a `tf.data` pipeline that works ahead of the training."""

import numpy as np


def pipeline(batches, *, ahead=None, threads=None):
    """A `tf.data.Dataset` of the same batches in the same order, made ahead of their use.

    Images are drawn, flipped and cropped as uint8 in several threads, several batches at a time, and become
    float32 last.

    Args:
        batches: A `Batches`.
        ahead: Batches that are kept ready. Defaults to what `tf.data` finds best.
        threads: Batches that are made at the same time. Defaults to what `tf.data` finds best.

    Returns:
        A `tf.data.Dataset` of `(images, labels)`, float32 and int64, of known cardinality.
    """
    import tensorflow as tf

    def draw(index):
        # Batches need nothing but their number: any thread may make any of them.
        images, labels = tf.numpy_function(batches.draw, [index], (batches.dtype, np.int64), stateful=False)
        images.set_shape([None, *batches.image_shape])
        labels.set_shape([None])
        return (images if batches.dtype == np.float32 else tf.cast(images, tf.float32) / 255), labels

    found = tf.data.Dataset.range(len(batches))
    found = found.map(draw, num_parallel_calls=threads or tf.data.AUTOTUNE, deterministic=True)
    return found.prefetch(ahead or tf.data.AUTOTUNE)
