"""The data sets by name."""

from keras_selectivity._errors import InputError
from keras_selectivity.datasets._cifar10 import has_cifar10
from keras_selectivity.datasets._cifar10 import load_cifar10
from keras_selectivity.datasets._cifar10 import prepare_cifar10
from keras_selectivity.datasets._corrupted import prepare_cifar10_corrupted
from keras_selectivity.datasets._embedded import load_shapes

NAMES = ("shapes", "cifar10")
_PREPARED = {
    "shapes": lambda data_dir: "the package",
    "cifar10": prepare_cifar10,
    "cifar10_corrupted": prepare_cifar10_corrupted,
}


def load(name, data_dir=None):
    """Loads a data set into memory.

    Args:
        name: `"shapes"` (embedded) or `"cifar10"`.
        data_dir: Where prepared data sets lie; see `load_cifar10`.

    Returns:
        An `ImageData`.

    Raises:
        InputError: The name is unknown, or the data are absent or damaged.
    """
    _check(name, NAMES)
    return load_shapes() if name == "shapes" else load_cifar10(data_dir)


def prepare(name, data_dir=None):
    """Downloads and prepares a data set unless it is there; returns where it lies."""
    _check(name, _PREPARED)
    return _PREPARED[name](data_dir)


def status(data_dir=None):
    """Rows for `data list`: name, contents, whether it can be loaded now, and where it lies."""
    present, where = has_cifar10(data_dir)
    return [
        {"name": "shapes", "contents": "4,000 + 1,000 images of 32x32, 10 classes", "ready": True,
         "where": "generated"},
        {"name": "cifar10", "contents": "50,000 + 10,000 images of 32x32, 10 classes", "ready": present,
         "where": str(where)},
    ]  # fmt: skip


def _check(name, names):
    if name not in names:
        raise InputError(f"Unknown data set {name!r}. Choose one of {', '.join(names)}.")
