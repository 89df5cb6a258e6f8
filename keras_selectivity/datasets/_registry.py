"""The data sets by name."""

from pathlib import Path

from keras_selectivity._errors import InputError
from keras_selectivity.datasets._cifar10 import has_cifar10
from keras_selectivity.datasets._cifar10 import load_cifar10
from keras_selectivity.datasets._cifar10 import prepare_cifar10
from keras_selectivity.datasets._cifar10_c import cifar10_c
from keras_selectivity.datasets._cifar10_c import cifar10_corrupted
from keras_selectivity.datasets._cifar10_c import prepare_cifar10_corrupted
from keras_selectivity.datasets._embedded import load_shapes
from keras_selectivity.datasets._tiny_imagenet import has_tiny_imagenet
from keras_selectivity.datasets._tiny_imagenet import load_tiny_imagenet
from keras_selectivity.datasets._tiny_imagenet import prepare_tiny_imagenet
from keras_selectivity.datasets._tiny_imagenet_c import CONFIGS as TINY_IMAGENET_C
from keras_selectivity.datasets._tiny_imagenet_c import prepare_tiny_imagenet_c
from keras_selectivity.datasets._tiny_imagenet_c import prepared_tiny_imagenet_c
from keras_selectivity.datasets._tiny_imagenet_c import tiny_imagenet_c

NAMES = ("shapes", "cifar10", "tiny_imagenet", "tiny_imagenet_subset")
# Classes, and training and test samples of each, where that is known before the data set is loaded
SIZES = {"shapes": (10, 400, 100), "cifar10": (10, 5000, 1000), "tiny_imagenet": (200, 500, 50)}
_PREPARED = {
    "shapes": lambda data_dir: "the package",
    "cifar10": prepare_cifar10,
    "cifar10_corrupted": prepare_cifar10_corrupted,
}


def load(name, data_dir=None):
    """Loads a data set into memory.

    Args:
        name: `"shapes"` (embedded), `"cifar10"`, `"tiny_imagenet"` or `"tiny_imagenet_subset"`.
        data_dir: Where prepared data sets lie; see `load_cifar10`.

    Returns:
        An `ImageData`.

    Raises:
        InputError: The name is unknown, or the data are absent or damaged.
    """
    _check(name, NAMES)
    if name.startswith("tiny_imagenet"):
        return load_tiny_imagenet(name, data_dir)
    return load_shapes() if name == "shapes" else load_cifar10(data_dir)


def prepare(name, data_dir=None, *, archive=None, skip_damaged=False):
    """Downloads and prepares a data set unless it is there.

    Args:
        name: Name of a data set, or of corrupted versions: `"cifar10_corrupted"`, `"tiny_imagenet_c"`,
            `"tiny_imagenet_c_extra"` or `"tiny_imagenet_c_subset"`.
        data_dir: Where to prepare it; see `load_cifar10`.
        archive: Archive of Tiny ImageNet or Tiny ImageNet-C that is on this machine already.
        skip_damaged: Leave out images of Tiny ImageNet that cannot be decoded.

    Returns:
        Where it lies.

    Raises:
        InputError: The name is unknown, the options do not go with it, or the data cannot be prepared.
    """
    _check(name, (*_PREPARED, "tiny_imagenet", "tiny_imagenet_subset", *TINY_IMAGENET_C))
    if name in TINY_IMAGENET_C and not skip_damaged:
        return prepare_tiny_imagenet_c(name, data_dir, archive=archive)
    if name in TINY_IMAGENET_C:
        raise InputError("Images of Tiny ImageNet-C are not left out: its versions must hold the same ones.")
    if name.startswith("tiny_imagenet"):
        return prepare_tiny_imagenet(name, data_dir, archive=archive, skip_damaged=skip_damaged)
    if archive is not None or skip_damaged:
        raise InputError("Only Tiny ImageNet is prepared from an archive on this machine.")
    return _PREPARED[name](data_dir)


def open_corrupted(where, data, *, data_dir=None, verify=True, clean=None):
    """Opens the corrupted versions of a data set's test split.

    Args:
        where: `"tfds"` for CIFAR-10-C or Tiny ImageNet-C as `data prepare` makes them, or the folder of an
            extracted archive of one of them.
        data: The clean `ImageData`.
        data_dir: Where prepared data sets lie; see `load`.
        verify: Whether to compare checksums.
        clean: Folder of the clean counterparts of Tiny ImageNet-C, if there is one.

    Raises:
        InputError: It is none of these.
    """
    tiny = data.name.startswith("tiny_imagenet")
    if clean is not None and not tiny:
        raise InputError(
            f"The clean counterparts of {data.name} are known; clean_data is for Tiny ImageNet-C."
        )
    if where == "tfds":
        return (
            prepared_tiny_imagenet_c(data, data_dir, clean)
            if tiny
            else cifar10_corrupted(data.test, data_dir)
        )
    folder = Path(where)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder. Name that of CIFAR-10-C or Tiny ImageNet-C, or 'tfds'.")
    if any(folder.glob("*.npy")):
        return cifar10_c(folder, data.test, verify=verify)
    return tiny_imagenet_c(folder, data, data_dir, clean)


def status(data_dir=None):
    """Rows for `data list`: name, contents, whether it can be loaded now, and where it lies."""
    present, where = has_cifar10(data_dir)
    tiny = [(name, *has_tiny_imagenet(name, data_dir)) for name in NAMES if name.startswith("tiny_imagenet")]
    contents = {
        "tiny_imagenet": "100,000 + 10,000 images of 64x64, 200 classes",
        "tiny_imagenet_subset": "some classes of tiny_imagenet",
    }
    return [
        {"name": "shapes", "contents": "4,000 + 1,000 images of 32x32, 10 classes", "ready": True,
         "where": "generated"},
        {"name": "cifar10", "contents": "50,000 + 10,000 images of 32x32, 10 classes", "ready": present,
         "where": str(where)},
        *({"name": name, "contents": contents[name], "ready": ready, "where": str(place)} for name, ready, place in tiny),
    ]  # fmt: skip


def _check(name, names):
    if name not in names:
        raise InputError(f"Unknown data set {name!r}. Choose one of {', '.join(names)}.")
