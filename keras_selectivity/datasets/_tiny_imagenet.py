"""Tiny ImageNet as a tensorflow-datasets builder, from a download or an archive put in place by hand."""

import zipfile
from pathlib import Path
from pathlib import PurePosixPath

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file
from keras_selectivity.datasets._archives import check_digest
from keras_selectivity.datasets._archives import check_names
from keras_selectivity.datasets._archives import decode_jpeg
from keras_selectivity.datasets._archives import prepare
from keras_selectivity.datasets._image_data import ImageData
from keras_selectivity.datasets._image_data import Split
from keras_selectivity.datasets._images_on_disk import open_images

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
        An `ImageData` of 64x64 pixels: 500 training and 50 test images of each class, on disk until they
        are indexed. Preparing it, or else the first reading, decodes each split into a file of its own (1.2 GB
        for training).

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
    return ImageData(name, names, _split(builder, "train"), _split(builder, "test"))


def load_unlabelled(name="tiny_imagenet", data_dir=None):
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


def prepare_tiny_imagenet(name="tiny_imagenet", data_dir=None, *, archive=None, skip_damaged=False):
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
        return builder.data_dir
    if archive is None and name == "tiny_imagenet_subset":
        raise InputError("tiny_imagenet_subset has no download: name its archive with --archive.")
    builder.archive, builder.skip_damaged = archive, skip_damaged
    prepare(builder, name)
    load_tiny_imagenet(name, data_dir)  # decodes it, so that no later command need
    return builder.data_dir


def has_tiny_imagenet(name="tiny_imagenet", data_dir=None):
    """Whether a prepared directory is there, and which."""
    builder = _builder(name, data_dir)
    return builder.is_prepared(), builder.data_dir


def examples(archive, split, *, skip_damaged=False):
    """The images of an archive of Tiny ImageNet, in its official order.

    Args:
        archive: An open `zipfile.ZipFile`.
        split: `"train"`, `"test"` (the official validation images) or `"unlabelled"` (the official test images).
        skip_damaged: Leave out images that cannot be decoded and print how many.

    Yields:
        `(file name, JPEG bytes, label)`, the label as a position in `wnids.txt`, or -1.

    Raises:
        InputError: A class, a file or an annotation is missing or unknown, or an image cannot be decoded.
    """
    labels = {wnid: label for label, wnid in enumerate(class_folders(archive))}
    damaged = []
    if split == "unlabelled":
        labels, pictures = {None: -1}, _unlabelled(archive)
    else:
        pictures = _train(archive, labels) if split == "train" else _annotated(archive)
    for path, wnid in pictures:
        if wnid not in labels:
            raise InputError(f"{archive.filename}: {path} is of class {wnid}, which wnids.txt does not list.")
        try:
            picture = archive.read(path)
        except KeyError:
            raise InputError(f"{archive.filename} lacks {path}.") from None
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise InputError(f"{archive.filename}: {path} cannot be read ({error}).") from error
        if decode_jpeg(picture) is None:
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
        check_digest(path, MD5)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path} is no whole zip archive ({error}). Get it again.") from error
    check_names(path, archive.namelist())
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


def has_unlabelled(archive):
    """Whether an archive of Tiny ImageNet has the official test images."""
    return any(True for _ in _unlabelled(archive))


def _unlabelled(archive):
    names = [name for name in archive.namelist() if name.startswith(f"{_ROOT}/test/images/")]
    for name in sorted(name for name in names if not name.endswith("/")):
        yield name, None


def _lines(archive, name):
    try:
        return archive.read(f"{_ROOT}/{name}").decode().split("\n")[:-1]
    except KeyError:
        raise InputError(f"{archive.filename} lacks {_ROOT}/{name}: it is not Tiny ImageNet.") from None


def _builder(name, data_dir):
    from keras_selectivity.datasets._tiny_imagenet_builders import TinyImagenet

    return TinyImagenet(config=_CONFIGS[name], data_dir=data_dir)


def _split(builder, name):
    """A split from its decoded copy beside the records, which the first reading makes."""
    folder = Path(builder.data_dir) / "decoded"
    images, labels = folder / f"{name}_images.npy", folder / f"{name}_labels.npy"
    if not (images.is_file() and labels.is_file()):
        try:
            with whole_file(images) as new_images, whole_file(labels) as new_labels:
                np.save(new_labels, _decode(builder, name, new_images))
        except OSError as error:
            raise InputError(
                f"The decoded images of {builder.data_dir} cannot be written to {folder} ({error.strerror})."
            ) from error
    return Split(open_images(images), np.load(labels, allow_pickle=False))


def _decode(builder, name, path):
    """Writes the images of a split to a `.npy` file in their order; returns the labels."""
    import keras
    import tensorflow as tf

    size = builder.info.splits[name].num_examples
    shape = (size, *builder.info.features["image"].shape)
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    labels, done = np.empty(size, np.int64), 0
    bar = keras.utils.Progbar(size, unit_name="image")
    try:
        for batch in builder.as_dataset(split=name, batch_size=1000).as_numpy_iterator():
            images[batch["number"]], labels[batch["number"]] = batch["image"], batch["label"]
            done += len(batch["label"])
            bar.update(done)
    except (tf.errors.OpError, ValueError, KeyError, IndexError, AssertionError) as error:
        reason = str(error).splitlines()[0][:200]
        raise InputError(
            f"The {name} split in {builder.data_dir} cannot be read to its end ({reason}). Delete the directory and "
            "prepare it again."
        ) from error
    if done != size:
        raise InputError(
            f"The {name} split in {builder.data_dir} holds {done} of {size} images. Prepare it again."
        )
    images.flush()
    return labels
