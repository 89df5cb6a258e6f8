"""CIFAR-10 through tensorflow-datasets, from a prepared directory or by download."""

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity.datasets._image_data import ImageData
from keras_selectivity.datasets._image_data import Split

_SIZES = {"train": 50_000, "test": 10_000}


def load_cifar10(data_dir=None):
    """CIFAR-10 in its official order.

    Args:
        data_dir: Directory that holds `cifar10/<version>/`, as tensorflow-datasets prepares it.
            Defaults to the environment variable TFDS_DATA_DIR, else `~/tensorflow_datasets`.

    Returns:
        An `ImageData`: 50,000 training and 10,000 test images of 32x32 pixels, ten classes.

    Raises:
        InputError: The data set is not there, or is truncated or damaged.
    """
    builder = _builder(data_dir)
    if not builder.is_prepared():
        raise InputError(
            f"CIFAR-10 is not in {builder.data_dir}. Run `keras-selectivity data prepare cifar10`, "
            "or name a directory that holds it with --data-dir or TFDS_DATA_DIR."
        )
    names = tuple(builder.info.features["label"].names)
    return ImageData("cifar10", names, _read(builder, "train"), _read(builder, "test"))


def prepare_cifar10(data_dir=None):
    """Downloads CIFAR-10 (170 MB, checksum verified) and prepares it, unless it is there.

    Returns:
        The directory that now holds it.
    """
    builder = _builder(data_dir)
    if not builder.is_prepared():
        try:
            builder.download_and_prepare()
        except Exception as error:
            raise InputError(
                f"CIFAR-10 could not be prepared in {builder.data_dir} ({type(error).__name__}: "
                f"{error}). Check the network, or copy a prepared directory there."
            ) from error
    load_cifar10(data_dir)
    return builder.data_dir


def has_cifar10(data_dir=None):
    """Whether a prepared directory is there, and which."""
    builder = _builder(data_dir)
    return builder.is_prepared(), builder.data_dir


def _builder(data_dir):
    import tensorflow_datasets as tfds
    from absl import logging

    level = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # a directory that is not there yet is no reason to warn
    try:
        return tfds.builder("cifar10", data_dir=data_dir)
    finally:
        logging.set_verbosity(level)


def _read(builder, name):
    """A split, sorted by its official index (the files hold it shuffled)."""
    import tensorflow as tf

    size = _SIZES[name]
    images = np.empty((size, 32, 32, 3), np.uint8)
    labels = np.empty(size, np.int64)
    seen = np.zeros(size, bool)
    try:
        for batch in builder.as_dataset(split=name, batch_size=1000).as_numpy_iterator():
            positions = np.array([int(i.decode().rpartition("_")[2]) for i in batch["id"]])
            images[positions], labels[positions], seen[positions] = batch["image"], batch["label"], True
    except (tf.errors.OpError, IndexError, ValueError, KeyError, AssertionError) as error:
        reason = str(error).splitlines()[0][:200]
        raise InputError(
            f"The {name} split in {builder.data_dir} cannot be read to its end ({reason}). Delete "
            "the directory and prepare it again: `keras-selectivity data prepare cifar10`."
        ) from error
    if not seen.all():
        raise InputError(
            f"The {name} split in {builder.data_dir} holds {seen.sum()} of {size} images. Delete the "
            "directory and prepare it again: `keras-selectivity data prepare cifar10`."
        )
    return Split(images, labels)
