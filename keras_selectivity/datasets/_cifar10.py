"""CIFAR-10 through tensorflow-datasets, or from a plain array file where that is not installed."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file
from keras_selectivity._types import Array
from keras_selectivity._types import StrPath
from keras_selectivity.datasets._archives import open_zip
from keras_selectivity.datasets._arrays import member_array
from keras_selectivity.datasets._cifar10_c import RELEASE
from keras_selectivity.datasets._cifar10_c import cifar10_corrupted
from keras_selectivity.datasets._image_data import ImageData
from keras_selectivity.datasets._image_data import Split
from keras_selectivity.datasets._prepared import absent
from keras_selectivity.datasets._prepared import prepare
from keras_selectivity.datasets._prepared import reading
from keras_selectivity.datasets._prepared import records
from keras_selectivity.datasets._spec import DatasetSpec

_SIZES = {"train": 50_000, "test": 10_000}
_ARRAYS = "cifar10.npz"
_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# SHA-256 of all pixels and labels (as bytes) in official order
_SHA256 = {
    "train": "f912919bdea371136f1aa4feed6beeca728015a5f08b1899a29c932a7e30be2b",
    "test": "8193b3fbce55bec361cd1b8fd4880cb1649832dc4d6de6da1e7a21847a4843aa",
}


def load_cifar10(data_dir: StrPath | None = None) -> ImageData:
    """CIFAR-10 in its official order.

    Args:
        data_dir: Directory that holds `cifar10.npz`, as `pack_cifar10` writes it, or else `cifar10/<version>/`,
            as tensorflow-datasets prepares it. Defaults to the environment variable TFDS_DATA_DIR, else
            `~/tensorflow_datasets`.

    Returns:
        An `ImageData`: 50,000 training and 10,000 test images of 32x32 pixels, ten classes.

    Raises:
        InputError: The data set is not there, or is truncated or damaged.
    """
    packed = _packed(data_dir)
    if packed.is_file():
        return ImageData("cifar10", _NAMES, *_unpack(packed))
    builder = _builder(data_dir)
    if not builder.is_prepared():
        raise absent("cifar10", builder.data_dir)
    with reading(builder.data_dir, "cifar10"):
        names = tuple(builder.info.features["label"].names)
    return ImageData("cifar10", names, _read(builder, "train"), _read(builder, "test"))


def pack_cifar10(path: StrPath, data_dir: StrPath | None = None) -> None:
    """Writes CIFAR-10 as a plain array file for machines without tensorflow-datasets.

    Args:
        path: File `cifar10.npz` to write (about 150 MB), with the uint8 arrays `train_images`, `train_labels`,
            `test_images` and `test_labels` in official order.
        data_dir: As in `load_cifar10`.

    Raises:
        InputError: The data set is not there, or the file has another name.
    """
    path = Path(path)
    if path.name != _ARRAYS:
        raise InputError(f"The file must be called {_ARRAYS}, by which it is found. Received: {path}.")
    data = load_cifar10(data_dir)
    arrays: dict[str, Array] = {}
    for name, split in (("train", data.train), ("test", data.test)):
        arrays |= {
            f"{name}_images": np.asarray(split.images),
            f"{name}_labels": split.labels.astype(np.uint8),
        }
    with whole_file(path) as temporary:
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]  # its stub's last keyword


def prepare_cifar10(data_dir: StrPath | None = None) -> Path:
    """Downloads CIFAR-10 (170 MB, checksum verified) and prepares it, unless it is there.

    Returns:
        The directory that now holds it.
    """
    builder = _builder(data_dir)
    if not builder.is_prepared():
        prepare(builder, "copy a prepared directory there")
    load_cifar10(data_dir)
    return Path(builder.data_dir)


def has_cifar10(data_dir: StrPath | None = None) -> tuple[bool, Path]:
    """Whether a prepared directory is there, and which."""
    if _packed(data_dir).is_file():
        return True, _packed(data_dir)
    builder = _builder(data_dir)
    return builder.is_prepared(), Path(builder.data_dir)


def _packed(data_dir: StrPath | None) -> Path:
    home = os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets"
    return Path(data_dir or home) / _ARRAYS


def _unpack(path: Path) -> list[Split]:
    """Both splits of an array file, compared with the checksums of the data set."""
    splits = []
    with open_zip(path) as archive:
        for name, size in _SIZES.items():
            images = member_array(archive, f"{name}_images", (size, 32, 32, 3), np.uint8)
            labels = member_array(archive, f"{name}_labels", (size,), np.uint8)
            digest = hashlib.sha256(images.data)
            digest.update(labels.data)
            if digest.hexdigest() != _SHA256[name]:
                raise InputError(f"{path}: the {name} split is not CIFAR-10's. Copy or pack the file again.")
            splits.append(Split(images, labels.astype(np.int64)))
    return splits


def _builder(data_dir: StrPath | None) -> Any:
    try:
        import tensorflow_datasets as tfds
    except ModuleNotFoundError:
        raise InputError(
            f"tensorflow-datasets is not installed, and {_packed(data_dir)} is not there. Write it where it is "
            "installed, with `keras-selectivity data pack`, and copy it."
        ) from None
    from absl import logging

    level = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # a directory that is not there yet is no reason to warn
    try:
        with reading(f"cifar10 in {data_dir or 'the data directory'}", "cifar10"):
            return tfds.builder("cifar10", data_dir=data_dir)
    finally:
        logging.set_verbosity(level)


def _read(builder: Any, name: str) -> Split:
    """A split, sorted by its official index (the files hold it shuffled)."""
    size = _SIZES[name]
    images = np.empty((size, 32, 32, 3), np.uint8)
    labels = np.empty(size, np.int64)
    seen = np.zeros(size, bool)
    with reading(f"The {name} split in {builder.data_dir}", "cifar10"):
        for batch in records(builder, name, 1000):
            positions = np.array([int(i.decode().rpartition("_")[2]) for i in batch["id"]])
            images[positions], labels[positions], seen[positions] = batch["image"], batch["label"], True
    if not seen.all():
        raise InputError(
            f"The {name} split in {builder.data_dir} holds {seen.sum()} of {size} images. Delete the "
            "directory and prepare it again: `keras-selectivity data prepare cifar10`."
        )
    return Split(images, labels)


CIFAR10 = DatasetSpec(
    name="cifar10",
    contents="50,000 + 10,000 images of 32x32, 10 classes",
    image_shape=(32, 32, 3),
    classes=10,
    train_per_class=5000,
    test_per_class=1000,
    epsilon=8 / 255,
    corruption=("motion_blur", 3),  # as the papers ("On the relationship ...", appendix A.1.5)
    load=load_cifar10,
    find=has_cifar10,
    prepare=prepare_cifar10,
    releases=(RELEASE,),
    open_prepared=lambda data, data_dir, clean: cifar10_corrupted(data.test, data_dir),
)
