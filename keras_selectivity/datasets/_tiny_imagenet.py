"""Tiny ImageNet as a tensorflow-datasets builder, from a download or an archive put in place by hand."""

import re
from pathlib import Path
from pathlib import PurePosixPath

import numpy as np

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file
from keras_selectivity.datasets._archives import LARGEST_PICTURE
from keras_selectivity.datasets._archives import check_digest
from keras_selectivity.datasets._archives import check_members
from keras_selectivity.datasets._archives import decode_jpeg
from keras_selectivity.datasets._archives import open_zip
from keras_selectivity.datasets._archives import read_member
from keras_selectivity.datasets._image_data import ImageData
from keras_selectivity.datasets._image_data import Split
from keras_selectivity.datasets._images_on_disk import open_images
from keras_selectivity.datasets._images_on_disk import write_checksums
from keras_selectivity.datasets._prepared import prepare
from keras_selectivity.datasets._prepared import reading

URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
SIZE, MD5 = 248_100_043, "90528d7ca1a48142e341f4ef8d21d0de"
_ROOT = "tiny-imagenet-200"
CLASSES = 200
_NUMBER = re.compile(r"_([0-9]{1,9})\.\w+$")
_LARGEST_TEXT = 1 << 24  # bytes; the annotations have some 300,000
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
    with reading(builder.data_dir, name):
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
    prepare(builder, "put the archive on this machine and name it with --archive")
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
        picture = read_member(archive, path, LARGEST_PICTURE)
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
    found = _lines(archive, "wnids.txt")
    if not found or len(set(found)) < len(found):
        raise InputError(f"{archive.filename}: wnids.txt names {'a class twice' if found else 'no class'}.")
    return found


def open_archive(path, *, verify):
    """Opens an archive after checking it.

    Args:
        path: A `.zip` file.
        verify: Whether size and MD5 must be those of the published archive.

    Raises:
        InputError: It is missing, truncated, another file, or has a name twice or one that leads out of its folder.
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
    archive = open_zip(path)
    if not verify:
        check_members(archive, _LARGEST_TEXT)
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
        numbered = [(_NUMBER.search(name), name) for name in members[wnid]]
        strange = [name for match, name in numbered if match is None]
        if strange:
            raise InputError(f"{archive.filename}: {strange[0]} has no number by which to order the images.")
        yield from ((name, wnid) for _, name in sorted(numbered, key=lambda pair: int(pair[0][1])))


def _annotated(archive):
    """Path and class of every validation image, in the order of their annotations, one each."""
    place, annotated = f"{_ROOT}/val/images/", set()
    for line in _lines(archive, "val/val_annotations.txt"):
        cells = line.split("\t")
        if len(cells) < 2:
            raise InputError(
                f"{archive.filename}: val_annotations.txt has a line without a class, {line[:40]!r}."
            )
        if cells[0] in annotated:
            raise InputError(f"{archive.filename}: val_annotations.txt names {cells[0]} twice.")
        annotated.add(cells[0])
        yield place + cells[0], cells[1]
    for name in archive.namelist():
        if name.startswith(place) and not name.endswith("/") and name.removeprefix(place) not in annotated:
            raise InputError(f"{archive.filename}: val_annotations.txt does not name {name}.")


def has_unlabelled(archive):
    """Whether an archive of Tiny ImageNet has the official test images."""
    return any(True for _ in _unlabelled(archive))


def _unlabelled(archive):
    names = [name for name in archive.namelist() if name.startswith(f"{_ROOT}/test/images/")]
    for name in sorted(name for name in names if not name.endswith("/")):
        yield name, None


def _lines(archive, name):
    """The lines of a text file, whether or not the last one is ended."""
    if f"{_ROOT}/{name}" not in archive.namelist():
        raise InputError(f"{archive.filename} lacks {_ROOT}/{name}: it is not Tiny ImageNet.")
    try:
        return read_member(archive, f"{_ROOT}/{name}", _LARGEST_TEXT).decode().splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{archive.filename}: {name} is no UTF-8 ({error}).") from error


def _builder(name, data_dir):
    from keras_selectivity.datasets._tiny_imagenet_builders import TinyImagenet

    with reading(f"{name} in {data_dir or 'the data directory'}", name):
        return TinyImagenet(config=_CONFIGS[name], data_dir=data_dir)


def _split(builder, name):
    """A split from its decoded copy beside the records, which the first reading makes, as does one that is damaged."""
    folder = Path(builder.data_dir) / "decoded"
    images, sums = folder / f"{name}_images.npy", folder / f"{name}_labels.npz"
    with reading(builder.data_dir, builder.name):
        shape = (builder.info.splits[name].num_examples, *builder.info.features["image"].shape)
    if images.is_file() and sums.is_file():
        try:
            return Split(*open_images(images, sums, shape))
        except DamagedError as error:
            print(f"{error} It is made anew.", flush=True)
    with whole_file(images) as new_images, whole_file(sums) as new_sums:
        write_checksums(new_images, new_sums, _decode(builder, name, new_images))
    return Split(*open_images(images, sums, shape))


def _decode(builder, name, path):
    """Writes the images of a split to a `.npy` file in their order; returns the labels."""
    import keras

    size = builder.info.splits[name].num_examples
    shape = (size, *builder.info.features["image"].shape)
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    labels, done = np.empty(size, np.int64), 0
    bar = keras.utils.Progbar(size, unit_name="image")
    with reading(f"The {name} split in {builder.data_dir}", builder.name):
        for batch in builder.as_dataset(split=name, batch_size=1000).as_numpy_iterator():
            images[batch["number"]], labels[batch["number"]] = batch["image"], batch["label"]
            done += len(batch["label"])
            bar.update(done)
    if done != size:
        raise InputError(
            f"The {name} split in {builder.data_dir} holds {done} of {size} images. Prepare it again."
        )
    images.flush()
    return labels
