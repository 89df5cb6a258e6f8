"""CIFAR-10-C: the released arrays in a folder, or through tensorflow-datasets."""

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._released import RELEASED
from keras_selectivity._types import Array
from keras_selectivity._types import StrPath
from keras_selectivity.datasets._arrays import open_array
from keras_selectivity.datasets._corrupted_images import CorruptedImages
from keras_selectivity.datasets._corrupted_images import same_order
from keras_selectivity.datasets._image_data import Split
from keras_selectivity.datasets._prepared import prepare
from keras_selectivity.datasets._prepared import reading
from keras_selectivity.datasets._prepared import records
from keras_selectivity.datasets._spec import Release
from keras_selectivity.datasets.corruptions import SEVERITIES
from keras_selectivity.datasets.corruptions import check_corruption

# MD5 of the released files (Zenodo record 2535967), as listed by torch-uncertainty 0.9.
_CIFAR10_C_MD5 = {
    "brightness": "0a81ef75e0b523c3383219c330a85d48",
    "contrast": "3c8262171c51307f916c30a3308235a8",
    "defocus_blur": "7d1322666342a0702b1957e92f6254bc",
    "elastic_transform": "9421657c6cd452429cf6ce96cc412b5f",
    "fog": "7b397314b5670f825465fbcd1f6e9ccd",
    "frost": "31f6ab3bce1d9934abfb0cc13656f141",
    "gaussian_blur": "c33370155bc9b055fb4a89113d3c559d",
    "gaussian_noise": "ecaf8b9a2399ffeda7680934c33405fd",
    "glass_blur": "7361fb4019269e02dbf6925f083e8629",
    "impulse_noise": "2090e01c83519ec51427e65116af6b1a",
    "jpeg_compression": "2b9cc4c864e0193bb64db8d7728f8187",
    "labels": "c439b113295ed5254878798ffe28fd54",
    "motion_blur": "fffa5f852ff7ad299cfe8a7643f090f4",
    "pixelate": "0f14f7e2db14288304e1de10df16832f",
    "saturate": "1cfae0964219c5102abbb883e538cc56",
    "shot_noise": "3a7239bb118894f013d9bf1984be7f11",
    "snow": "bb238de8555123da9c282dea23bd6e55",
    "spatter": "8a5a3903a7f8f65b59501a6093b4311e",
    "speckle_noise": "ef00b87611792b00df09c0b0237a1e30",
    "zoom_blur": "6ea8e63f1c5cdee1517533840641641b",
}
_LOG = logging.getLogger(__name__)
_TFDS_NAMES = {"glass_blur": "frosted_glass_blur", "elastic_transform": "elastic"}


def cifar10_c(directory: StrPath, clean: Split, *, verify: bool = True) -> CorruptedImages:
    """The released CIFAR-10-C from its extracted archive.

    Args:
        directory: Folder with `labels.npy` and one `.npy` file a corruption, each `(5 n, 32, 32, 3)`
            uint8, severity 1 first.
        clean: The clean test `Split` of n images.
        verify: Compare every file's MD5 with the released one's when it is first read. Defaults to
            True.

    Returns:
        A `CorruptedImages`; the clean counterparts are the clean test set.

    Raises:
        InputError: A file is missing, is not a plain array, has another shape or checksum; or the
            labels do not come in the clean test set's order.
    """
    folder = Path(directory)
    missing = [name for name in (*RELEASED, "labels") if not (folder / f"{name}.npy").is_file()]
    if missing:
        raise InputError(
            f"{folder} lacks {', '.join(f'{name}.npy' for name in missing)}. Extract the whole CIFAR-10-C.tar "
            "(Zenodo record 2535967) there."
        )
    count = len(clean.labels)
    verified: set[str] = set()

    def array(name: str, shape: tuple[int, ...]) -> Array:
        path = folder / f"{name}.npy"
        if verify and name not in verified:
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, "md5").hexdigest()
            if found != _CIFAR10_C_MD5[name]:
                raise InputError(
                    f"{path} is not the released file: its MD5 is {found}, not {_CIFAR10_C_MD5[name]}. Extract "
                    "the archive again, or read files of your own with verify=False (--unverified)."
                )
            verified.add(name)
        values = open_array(path)
        if (
            values.shape != shape
            or values.dtype.kind not in "ui"
            or (name != "labels" and values.dtype != np.uint8)
        ):
            what = "integers" if name == "labels" else "uint8"
            raise InputError(
                f"{path} should hold {what} of shape {shape}. Found: {values.dtype} of {values.shape}."
            )
        return values

    if not np.array_equal(array("labels", (5 * count,)), np.tile(clean.labels, 5)):
        raise InputError(
            f"The labels in {folder} are not those of the clean test set in its order, five times over; images "
            "could not be compared with their clean versions."
        )

    def read(corruption: str, severity: int) -> Split:
        check_corruption(corruption, severity, RELEASED)
        images = array(corruption, (5 * count, *clean.images.shape[1:]))
        return Split(np.array(images[(severity - 1) * count : severity * count]), clean.labels)

    source = "CIFAR-10-C, released files" if verify else "CIFAR-10-C directory, unverified"
    return CorruptedImages(source, RELEASED, read, same_order(clean))


def cifar10_corrupted(clean: Split, data_dir: StrPath | None = None) -> CorruptedImages:
    """The released CIFAR-10-C through tensorflow-datasets (`cifar10_corrupted`).

    tensorflow-datasets stores the images shuffled by a hash of their index; the hash is computed
    again to restore the order, and the labels are compared with the clean test set's.

    Args:
        clean: The clean test `Split` of 10,000 images.
        data_dir: Where prepared data sets lie; see `load`.

    Returns:
        A `CorruptedImages`; the clean counterparts are the clean test set.

    Raises:
        InputError: A version is not prepared, damaged, or not in the expected order.
    """
    count = len(clean.labels)
    keys = [hashlib.md5(f"test{index}".encode(), usedforsecurity=False).digest() for index in range(count)]
    stored = sorted(range(count), key=keys.__getitem__)

    def read(corruption: str, severity: int) -> Split:
        builder = tfds_builder(corruption, severity, data_dir)
        if not builder.is_prepared():
            raise InputError(
                f"{builder.info.full_name} is not in {builder.data_dir}. Run `keras-selectivity data prepare "
                "cifar10_corrupted` (it downloads 2.7 GB), or name a directory that holds it."
            )
        images, labels = np.empty_like(clean.images), np.empty_like(clean.labels)
        done = 0
        with reading(builder.data_dir, "cifar10_corrupted"):
            for batch in records(builder, "test", 1000):
                positions = stored[done : done + len(batch["label"])]
                images[positions], labels[positions] = batch["image"], batch["label"]
                done += len(positions)
        if done != count or not np.array_equal(labels, clean.labels):
            raise InputError(
                f"{builder.data_dir} does not hold the {count} images of the clean test set in the expected "
                "order. Delete it and prepare it again."
            )
        return Split(images, clean.labels)

    return CorruptedImages("CIFAR-10-C, tensorflow-datasets", RELEASED, read, same_order(clean))


def tfds_builder(corruption: str, severity: int, data_dir: StrPath | None = None) -> Any:
    """The tensorflow-datasets builder of one version; its default configuration is never used."""
    import tensorflow_datasets as tfds

    check_corruption(corruption, severity, RELEASED)
    name = f"cifar10_corrupted/{_TFDS_NAMES.get(corruption, corruption)}_{severity}"
    return tfds.builder(name, data_dir=data_dir)


def prepare_cifar10_corrupted(data_dir: StrPath | None = None) -> Path:
    """Downloads CIFAR-10-C (2.7 GB, checksum verified) and prepares its 95 versions.

    Returns:
        The directory that now holds them.
    """
    for corruption in RELEASED:
        for severity in SEVERITIES:
            builder = tfds_builder(corruption, severity, data_dir)
            if not builder.is_prepared():
                _LOG.info("Preparing %s", builder.info.full_name)
                prepare(builder, "name a folder with its .npy files instead")
    return Path(builder.data_dir).parents[1]


RELEASE = Release(name="cifar10_corrupted", corruptions=RELEASED, prepare=prepare_cifar10_corrupted)
