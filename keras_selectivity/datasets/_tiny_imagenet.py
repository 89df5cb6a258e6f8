"""Tiny ImageNet as a tensorflow-datasets builder, from a download or an archive put in place by hand."""

import hashlib
import zipfile
from pathlib import Path
from pathlib import PurePosixPath

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity.datasets._image_data import ImageData
from keras_selectivity.datasets._image_data import Split

URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
SIZE, MD5 = 248_100_043, "90528d7ca1a48142e341f4ef8d21d0de"
_ROOT = "tiny-imagenet-200"
CLASSES = 200
_CONFIGS = {"tiny_imagenet": "full", "tiny_imagenet_subset": "subset"}


def load_tiny_imagenet(name="tiny_imagenet", data_dir=None):
    """Tiny ImageNet in its official order.

    Labels follow `wnids.txt`; greyscale images become RGB; the official validation images are the test
    split, since the test images have no published labels ("Selectivity considered harmful", appendix
    A.1).

    Args:
        name: `"tiny_imagenet"`, or `"tiny_imagenet_subset"` for an archive of some of its classes.
        data_dir: Directory that holds `tiny_imagenet/`, as `prepare_tiny_imagenet` makes it. Defaults to
            the environment variable TFDS_DATA_DIR, else `~/tensorflow_datasets`.

    Returns:
        An `ImageData` of 64x64 pixels: 500 training and 50 test images of each class.

    Raises:
        InputError: The data set is not there, or is truncated or damaged.
    """
    builder = _builder(name, data_dir)
    if not builder.is_prepared():
        raise InputError(
            f"{name} is not in {builder.data_dir}. Run `keras-selectivity data prepare {name}`, or name a "
            "directory that holds it with --data-dir or TFDS_DATA_DIR."
        )
    names = tuple(builder.info.features["label"].names)
    return ImageData(name, names, _read(builder, "train"), _read(builder, "test"))


def prepare_tiny_imagenet(name="tiny_imagenet", data_dir=None, *, archive=None, skip_damaged=False):
    """Prepares Tiny ImageNet unless it is there.

    Nothing is unpacked: the images are read from within the archive.

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
        return builder.data_dir
    if archive is None and name == "tiny_imagenet_subset":
        raise InputError("tiny_imagenet_subset has no download: name its archive with --archive.")
    builder.archive, builder.skip_damaged = archive, skip_damaged
    try:
        builder.download_and_prepare()
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{name} could not be prepared in {builder.data_dir} ({type(error).__name__}: {error}). Check the "
            f"network, or put {_ROOT}.zip on this machine and name it with --archive."
        ) from error
    return builder.data_dir


def has_tiny_imagenet(name="tiny_imagenet", data_dir=None):
    """Whether a prepared directory is there, and which."""
    builder = _builder(name, data_dir)
    return builder.is_prepared(), builder.data_dir


def examples(archive, split, *, skip_damaged=False):
    """The images of an archive of Tiny ImageNet, in its official order.

    Args:
        archive: An open `zipfile.ZipFile`.
        split: `"train"` or `"test"` (the official validation images).
        skip_damaged: Leave out images that cannot be decoded and print how many.

    Yields:
        `(file name, JPEG bytes, label)`, the label as a position in `wnids.txt`.

    Raises:
        InputError: A class, a file or an annotation is missing or unknown, or an image cannot be decoded.
    """
    import cv2

    labels = {wnid: label for label, wnid in enumerate(class_folders(archive))}
    damaged = []
    for path, wnid in _train(archive, labels) if split == "train" else _annotated(archive):
        if wnid not in labels:
            raise InputError(f"{archive.filename}: {path} is of class {wnid}, which wnids.txt does not list.")
        try:
            picture = archive.read(path)
        except KeyError:
            raise InputError(f"{archive.filename} lacks {path}.") from None
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise InputError(f"{archive.filename}: {path} cannot be read ({error}).") from error
        decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR) if picture else None
        if decoded is None or decoded.shape != (64, 64, 3):
            if not skip_damaged:
                raise InputError(
                    f"{archive.filename}: {path} cannot be decoded as a picture of 64x64 pixels. Get the archive "
                    "again, or leave such pictures out with --skip-damaged."
                )
            damaged.append(path)
            continue
        yield PurePosixPath(path).name, picture, labels[wnid]
    if damaged:
        print(f"{split}: left out {len(damaged)} damaged images, {', '.join(damaged[:3])}", flush=True)


def class_folders(archive):
    """The WordNet ids of `wnids.txt`, in label order."""
    return _lines(archive, "wnids.txt")


def open_archive(path, *, verify):
    """Opens an archive after checking it.

    Args:
        path: A `.zip` file.
        verify: Whether size and MD5 must be those of the published archive.

    Raises:
        InputError: It is missing, truncated, another file, or has a name that leads out of its folder.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist. Name {_ROOT}.zip.")
    if verify:
        if path.stat().st_size != SIZE:
            raise InputError(
                f"{path} has {path.stat().st_size:,} bytes instead of {SIZE:,}: it is truncated or another file."
            )
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "md5").hexdigest()
        if found != MD5:
            raise InputError(f"{path} has MD5 {found} instead of {MD5}. Get the archive again.")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path} is no whole zip archive ({error}). Get it again.") from error
    for name in archive.namelist():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
            raise InputError(
                f"{path} holds a name that leads out of its folder, {name!r}. Do not use this archive."
            )
    return archive


def _train(archive, labels):
    """Path and class of every training image, class by class, in the order of their numbers."""
    members = {}
    for name in archive.namelist():
        parts = PurePosixPath(name).parts
        if len(parts) == 5 and parts[1] == "train" and parts[3] == "images":
            members.setdefault(parts[2], []).append(name)
    absent = set(labels) - set(members)
    if absent:
        raise InputError(f"{archive.filename} has no training images of {', '.join(sorted(absent)[:3])}.")
    for wnid in [*labels, *sorted(set(members) - set(labels))]:
        yield from (
            (n, wnid) for n in sorted(members[wnid], key=lambda n: int(n.rpartition("_")[2].split(".")[0]))
        )


def _annotated(archive):
    for line in _lines(archive, "val/val_annotations.txt"):
        cells = line.split("\t")
        if len(cells) < 2:
            raise InputError(
                f"{archive.filename}: val_annotations.txt has a line without a class, {line[:40]!r}."
            )
        yield f"{_ROOT}/val/images/{cells[0]}", cells[1]


def _lines(archive, name):
    try:
        return archive.read(f"{_ROOT}/{name}").decode().split("\n")[:-1]
    except KeyError:
        raise InputError(f"{archive.filename} lacks {_ROOT}/{name}: it is not Tiny ImageNet.") from None


def _builder(name, data_dir):
    from keras_selectivity.datasets._tiny_imagenet_builder import TinyImagenet

    return TinyImagenet(config=_CONFIGS[name], data_dir=data_dir)


def _read(builder, name):
    import tensorflow as tf

    size = builder.info.splits[name].num_examples
    images, labels, numbers = (
        np.empty((size, 64, 64, 3), np.uint8),
        np.empty(size, np.int64),
        np.empty(size, int),
    )
    start = 0
    try:
        for batch in builder.as_dataset(split=name, batch_size=1000).as_numpy_iterator():
            stop = start + len(batch["label"])
            images[start:stop], labels[start:stop], numbers[start:stop] = (
                batch["image"],
                batch["label"],
                batch["number"],
            )
            start = stop
    except (tf.errors.OpError, ValueError, KeyError, AssertionError) as error:
        reason = str(error).splitlines()[0][:200]
        raise InputError(
            f"The {name} split in {builder.data_dir} cannot be read to its end ({reason}). Delete the directory and "
            "prepare it again."
        ) from error
    if start != size:
        raise InputError(
            f"The {name} split in {builder.data_dir} holds {start} of {size} images. Prepare it again."
        )
    order = np.argsort(numbers)
    return Split(images[order], labels[order])
