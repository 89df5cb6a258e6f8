"""Tiny ImageNet, and some classes of it: prepared from an archive, decoded once, read from the disk."""

import functools
import logging
from pathlib import Path
from typing import Any

import numpy as np

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file
from keras_selectivity._progress import Bar
from keras_selectivity._types import Array
from keras_selectivity._types import StrPath
from keras_selectivity.datasets._image_data import ImageData
from keras_selectivity.datasets._image_data import Split
from keras_selectivity.datasets._images_on_disk import open_images
from keras_selectivity.datasets._images_on_disk import write_checksums
from keras_selectivity.datasets._prepared import absent
from keras_selectivity.datasets._prepared import prepare
from keras_selectivity.datasets._prepared import reading
from keras_selectivity.datasets._prepared import records
from keras_selectivity.datasets._spec import DatasetSpec
from keras_selectivity.datasets._spec import Release
from keras_selectivity.datasets._tiny_imagenet_c import BENCHMARK_RELEASE
from keras_selectivity.datasets._tiny_imagenet_c import EXTRA_RELEASE
from keras_selectivity.datasets._tiny_imagenet_c import SUBSET_RELEASE
from keras_selectivity.datasets._tiny_imagenet_c import prepared_tiny_imagenet_c

_CONFIGS = {"tiny_imagenet": "full", "tiny_imagenet_subset": "subset"}
_LOG = logging.getLogger(__name__)


def load_tiny_imagenet(name: str = "tiny_imagenet", data_dir: StrPath | None = None) -> ImageData:
    """Tiny ImageNet in its official order.

    Labels follow `wnids.txt`; greyscale images become RGB; the official validation images are the test
    split, since the test images have no published labels ("Selectivity considered harmful", appendix
    A.1).

    Args:
        name: `"tiny_imagenet"`, or `"tiny_imagenet_subset"` for an archive of some of its classes.
        data_dir: Directory that holds `tiny_imagenet/`, as `prepare_tiny_imagenet` makes it. Defaults to
            the environment variable TFDS_DATA_DIR, else `~/tensorflow_datasets`.

    Returns:
        An `ImageData` of 64x64 pixels: 500 training and 50 test images of each class, on disk until they
        are indexed. Preparing it, or else the first reading, decodes each split into a file of its own (1.2 GB
        for training).

    Raises:
        InputError: The data set is not there, or is truncated or damaged.
    """
    builder = _builder(name, data_dir)
    if not builder.is_prepared():
        raise absent(name, builder.data_dir)
    with reading(builder.data_dir, name):
        names = tuple(builder.info.features["label"].names)
    return ImageData(name, names, _split(builder, "train"), _split(builder, "test"))


def load_unlabelled(name: str = "tiny_imagenet", data_dir: StrPath | None = None) -> Array:
    """The official test images, which have no published labels.

    Args:
        name, data_dir: As in `load_tiny_imagenet`.

    Returns:
        `(n, 64, 64, 3)` uint8: 10,000, or as many as the archive had.
    """
    builder = _builder(name, data_dir)
    if "unlabelled" not in builder.info.splits:
        return np.empty((0, 64, 64, 3), np.uint8)
    return np.asarray(_split(builder, "unlabelled").images)


def prepare_tiny_imagenet(
    name: str = "tiny_imagenet",
    data_dir: StrPath | None = None,
    *,
    archive: StrPath | None = None,
    skip_damaged: bool = False,
) -> StrPath:
    """Prepares Tiny ImageNet unless it is there.

    Nothing is unpacked: the images are read from within the archive, and decoded into one file a split.

    Args:
        name: `"tiny_imagenet"`, verified by size and MD5; or `"tiny_imagenet_subset"`, an archive of some
            of its classes in the same layout, which cannot be verified.
        data_dir: As in `load_tiny_imagenet`.
        archive: `tiny-imagenet-200.zip`, if it is on this machine already. Defaults to a download (248 MB).
        skip_damaged: Leave out images that cannot be decoded and say how many, instead of failing.

    Returns:
        The directory that now holds it.

    Raises:
        InputError: The archive is missing, truncated, another file, or lacks a part; an image cannot be
            decoded; or the download fails.
    """
    builder = _builder(name, data_dir)
    if builder.is_prepared():
        return Path(builder.data_dir)
    if archive is None and name == "tiny_imagenet_subset":
        raise InputError("tiny_imagenet_subset has no download: name its archive with --archive.")
    builder.archive, builder.skip_damaged = archive, skip_damaged
    prepare(builder, "put the archive on this machine and name it with --archive")
    load_tiny_imagenet(name, data_dir)  # decodes it, so that no later command need
    return Path(builder.data_dir)


def has_tiny_imagenet(name: str = "tiny_imagenet", data_dir: StrPath | None = None) -> tuple[bool, StrPath]:
    """Whether a prepared directory is there, and which."""
    builder = _builder(name, data_dir)
    return builder.is_prepared(), builder.data_dir


def _builder(name: str, data_dir: StrPath | None) -> Any:
    from keras_selectivity.datasets._tiny_imagenet_builders import TinyImagenet

    with reading(f"{name} in {data_dir or 'the data directory'}", name):
        return TinyImagenet(config=_CONFIGS[name], data_dir=data_dir)


def _split(builder: Any, name: str) -> Split:
    """A split from its decoded copy beside the records, which the first reading makes, as does one that is damaged."""
    folder = Path(builder.data_dir) / "decoded"
    images, sums = folder / f"{name}_images.npy", folder / f"{name}_labels.npz"
    with reading(builder.data_dir, builder.name):
        shape = (builder.info.splits[name].num_examples, *builder.info.features["image"].shape)
    if images.is_file() and sums.is_file():
        try:
            return Split(*open_images(images, sums, shape))
        except DamagedError as error:
            _LOG.warning("%s It is made again.", error)
    with whole_file(images) as new_images, whole_file(sums) as new_sums:
        write_checksums(new_images, new_sums, _decode(builder, name, new_images))
    return Split(*open_images(images, sums, shape))


def _decode(builder: Any, name: str, path: StrPath) -> Array:
    """Writes the images of a split to a `.npy` file in their order; returns the labels."""
    size = builder.info.splits[name].num_examples
    shape = (size, *builder.info.features["image"].shape)
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    labels, done = np.empty(size, np.int64), 0
    with reading(f"The {name} split in {builder.data_dir}", builder.name), Bar(size, "image") as progress:
        for batch in records(builder, name, 1000):
            images[batch["number"]], labels[batch["number"]] = batch["image"], batch["label"]
            done += len(batch["label"])
            progress.update(done)
    if done != size:
        raise InputError(
            f"The {name} split in {builder.data_dir} holds {done} of {size} images. Prepare it again."
        )
    images.flush()
    return labels


def _spec(name: str, releases: tuple[Release, ...], **fields: Any) -> DatasetSpec:
    """What the whole and the subset have in common."""
    unlabelled = functools.partial(load_unlabelled, name)
    return DatasetSpec(
        name=name,
        image_shape=(64, 64, 3),
        epsilon=4 / 255,
        corruption=("brightness", 3),  # as the papers ("On the relationship ...", appendix A.1.5)
        load=functools.partial(load_tiny_imagenet, name),
        find=functools.partial(has_tiny_imagenet, name),
        prepare=functools.partial(prepare_tiny_imagenet, name),
        options=("archive", "skip_damaged"),
        releases=releases,
        open_prepared=functools.partial(prepared_tiny_imagenet_c, releases=releases, candidates=unlabelled),
        clean_candidates=unlabelled,
        **fields,
    )


TINY_IMAGENET = _spec(
    "tiny_imagenet",
    (BENCHMARK_RELEASE, EXTRA_RELEASE),
    contents="100,000 + 10,000 images of 64x64, 200 classes",
    classes=200,
    train_per_class=500,
    test_per_class=50,
)
TINY_IMAGENET_SUBSET = _spec(
    "tiny_imagenet_subset", (SUBSET_RELEASE,), contents="some classes of tiny_imagenet"
)
