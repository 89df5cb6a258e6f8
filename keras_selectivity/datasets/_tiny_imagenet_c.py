"""Tiny ImageNet-C: released archives as a tensorflow-datasets builder, or an extracted one as a folder."""

import functools
import tarfile
from pathlib import Path
from pathlib import PurePosixPath

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity.datasets._archives import LARGEST_PICTURE
from keras_selectivity.datasets._archives import BoundedFile
from keras_selectivity.datasets._archives import check_digest
from keras_selectivity.datasets._archives import check_name
from keras_selectivity.datasets._archives import check_size
from keras_selectivity.datasets._archives import decode_jpeg
from keras_selectivity.datasets._archives import read_picture
from keras_selectivity.datasets._clean_pairs import NoPairsError
from keras_selectivity.datasets._clean_pairs import pairs_by_content
from keras_selectivity.datasets._clean_pairs import pairs_by_name
from keras_selectivity.datasets._corrupted_images import CorruptedImages
from keras_selectivity.datasets._image_data import Split
from keras_selectivity.datasets._prepared import prepare
from keras_selectivity.datasets._prepared import reading
from keras_selectivity.datasets._tiny_imagenet import CLASSES
from keras_selectivity.datasets._tiny_imagenet import load_unlabelled
from keras_selectivity.datasets.corruptions import BENCHMARK
from keras_selectivity.datasets.corruptions import CORRUPTIONS
from keras_selectivity.datasets.corruptions import SEVERITIES
from keras_selectivity.datasets.corruptions import check_corruption

# The repaired release (Zenodo record 8206060), MD5 as listed by torch-uncertainty 0.13.
_RECORD = "https://zenodo.org/records/8206060/files/"
ARCHIVES = {
    "benchmark": (_RECORD + "Tiny-ImageNet-C.tar", "f9c9a9dbdc11469f0b850190f7ad8be1"),
    "extra": (_RECORD + "Tiny-ImageNet-C-extra.tar", "0db0588d243cf403ef93449ec52b70eb"),
}
CONFIGS = {
    "tiny_imagenet_c": "benchmark",
    "tiny_imagenet_c_extra": "extra",
    "tiny_imagenet_c_subset": "subset",
}
MEMBERS = {
    "benchmark": BENCHMARK,
    "extra": tuple(name for name in CORRUPTIONS if name not in BENCHMARK),
}
_REPAIRED = " The first release of frost has 1,000 classes; Zenodo record 8206060 has the repaired one."
_LEAST = ("jpeg_compression", 1)  # The version that is nearest to the clean images


def split_name(corruption, severity):
    """Name of the split of one version, `snow_3`."""
    return f"{corruption}_{severity}"


def prepare_tiny_imagenet_c(name="tiny_imagenet_c", data_dir=None, *, archive=None):
    """Prepares Tiny ImageNet-C unless it is there; its archive is not unpacked.

    Args:
        name: `"tiny_imagenet_c"`, the 15 benchmark corruptions (1.8 GB); `"tiny_imagenet_c_extra"`, the
            other four; both verified by MD5. Or `"tiny_imagenet_c_subset"`, an archive of the same layout
            with some of the classes, which cannot be verified.
        data_dir: Where prepared data sets lie; see `load`.
        archive: The `.tar` file, if it is on this machine already. Defaults to a download.

    Returns:
        The directory that now holds it.

    Raises:
        InputError: The archive is missing, damaged, another file, or lacks a part; or the download fails.
    """
    builder = _builder(CONFIGS[name], data_dir)
    if builder.is_prepared():
        return builder.data_dir
    if archive is None and name not in ("tiny_imagenet_c", "tiny_imagenet_c_extra"):
        raise InputError(f"{name} has no download: name its archive with --archive.")
    builder.archive = archive
    prepare(builder, "put the archive on this machine and name it with --archive")
    return builder.data_dir


def open_archive(path, config):
    """An index of an archive after checking it.

    Args:
        path: A `.tar` file, not compressed.
        config: `"benchmark"`, `"extra"` or `"subset"`.

    Returns:
        Dict, corruption and severity -> list of `(class folder, file name, offset, size)`, sorted by
        class folder and file name: the same images in the same order for every version.

    Raises:
        InputError: It is missing, truncated or another file, has a name that leads out of its folder, or
            its versions do not hold the same classes and files.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist. Name an archive of Tiny ImageNet-C.")
    if config in ARCHIVES:
        check_digest(path, ARCHIVES[config][1])
    versions = {}
    try:
        with BoundedFile(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                check_name(path, member.name)
                parts = PurePosixPath(member.name).parts
                if member.isfile() and len(parts) >= 4 and parts[-4] in CORRUPTIONS:
                    if parts[-3] not in map(str, SEVERITIES):
                        raise InputError(f"{path} has a severity {parts[-3]} of {parts[-4]}.")
                    check_size(path, member.name, member.size, LARGEST_PICTURE)
                    files = versions.setdefault((parts[-4], int(parts[-3])), [])
                    files.append((parts[-2], parts[-1], member.offset_data, member.size))
                archive.members = []  # some 750,000, of which only these four values are needed
    except InputError:
        raise
    except Exception as error:  # a damaged tar archive raises of all kinds
        raise InputError(f"{path} is no whole tar archive ({error}). Get it again.") from error
    _check_versions(path, config, versions)
    return {version: sorted(files) for version, files in versions.items()}


def examples(path, files):
    """The pictures of one version.

    Args:
        path: A `.tar` file.
        files: A value of `open_archive`.

    Yields:
        `(class folder, file name, JPEG bytes)`.

    Raises:
        InputError: A picture cannot be decoded.
    """
    with open(path, "rb") as archive:
        for folder, name, offset, size in files:
            archive.seek(offset)
            picture = archive.read(size)
            if decode_jpeg(picture) is None:
                raise InputError(f"{path}: {folder}/{name} cannot be decoded as a picture of 64x64 pixels.")
            yield folder, name, picture


def prepared_tiny_imagenet_c(data, data_dir=None, clean=None):
    """The prepared Tiny ImageNet-C, in the label order of Tiny ImageNet.

    Args:
        data: The clean `ImageData`, `tiny_imagenet` or `tiny_imagenet_subset`.
        data_dir: Where prepared data sets lie; see `load`.
        clean: Folder of the clean counterparts, `<class folder>/<file name>`, if there is one. Without it
            they are looked for by content among Tiny ImageNet's unlabelled test images.

    Returns:
        A `CorruptedImages`.

    Raises:
        InputError: It is not prepared, or has other classes.
    """
    subset = data.name == "tiny_imagenet_subset"
    builders = [_builder(c, data_dir) for c in (("subset",) if subset else ("benchmark", "extra"))]
    builders = [builder for builder in builders if builder.is_prepared()]
    if not builders:
        name = "tiny_imagenet_c_subset" if subset else "tiny_imagenet_c"
        raise InputError(
            f"{name} is not in {_builder(CONFIGS[name], data_dir).data_dir}. Run `keras-selectivity data prepare "
            f"{name}`, or name a directory that holds it."
        )
    found = {}
    for builder in builders:
        with reading(builder.data_dir, _prepared_name(builder)):
            folders = builder.info.features["label"].names
            found |= {split: (builder, folders) for split in builder.info.splits}
        _check_classes(builder.data_dir, folders, data.class_names)
    present = tuple(c for c in CORRUPTIONS if all(split_name(c, s) in found for s in SEVERITIES))

    def version(corruption, severity):
        """Images, labels in the data set's order, and `class folder/file name`."""
        check_corruption(corruption, severity)
        split = split_name(corruption, severity)
        if split not in found:
            places = ", ".join(str(builder.data_dir) for builder in builders)
            raise InputError(f"{split} is not in {places}; prepare the archive that has it.")
        builder, folders = found[split]
        with reading(builder.data_dir, _prepared_name(builder)):
            rows = list(builder.as_dataset(split=split).as_numpy_iterator())
        rows.sort(key=lambda row: row["number"])
        labels = np.array([data.class_names.index(folders[row["label"]]) for row in rows])
        names = [f"{folders[row['label']]}/{row['file_name'].decode()}" for row in rows]
        return Split(np.stack([row["image"] for row in rows]), labels), names

    source = "Tiny ImageNet-C, tensorflow-datasets" + (", some classes, unverified" if subset else "")
    return CorruptedImages(
        source,
        present,
        lambda corruption, severity: version(corruption, severity)[0],
        functools.partial(_pairs, version, data, data_dir, clean),
    )


def tiny_imagenet_c(directory, data, data_dir=None, clean=None):
    """The released Tiny ImageNet-C from its extracted archive.

    Args:
        directory: Folder with `<corruption>/<severity>/<class folder>/*.JPEG`.
        data: The clean `ImageData`; its class names are the class folders (WordNet ids) in label order.
        data_dir, clean: As in `prepared_tiny_imagenet_c`.

    Returns:
        A `CorruptedImages`, with the corruptions whose folders are there.

    Raises:
        InputError: One of the 15 benchmark corruptions is missing, a class folder is missing or
            unknown, or an image cannot be read.
    """
    folder = Path(directory)
    present = tuple(name for name in CORRUPTIONS if (folder / name).is_dir())
    missing = [name for name in BENCHMARK if name not in present]
    if missing:
        raise InputError(f"{folder} lacks the folders {', '.join(missing)} of Tiny ImageNet-C.")

    def version(corruption, severity):
        check_corruption(corruption, severity)
        place = folder / corruption / str(severity)
        found = {path.name for path in place.iterdir() if path.is_dir()} if place.is_dir() else set()
        _check_classes(place, found, data.class_names, corruption)
        files = [(f, k) for k, c in enumerate(data.class_names) for f in sorted((place / c).iterdir())]
        images = np.stack([_read_picture(file) for file, _ in files])
        names = [f"{file.parent.name}/{file.name}" for file, _ in files]
        return Split(images, np.array([k for _, k in files], np.int64)), names

    return CorruptedImages(
        "Tiny ImageNet-C, released files",
        present,
        lambda corruption, severity: version(corruption, severity)[0],
        functools.partial(_pairs, version, data, data_dir, clean),
    )


def _pairs(version, data, data_dir, clean):
    """Clean counterparts: of a folder by file name, else by content among the unlabelled test images."""
    split, names = version(*_LEAST)
    if clean is not None:
        return pairs_by_name(clean, names, _read_picture)
    unlabelled = load_unlabelled(data.name, data_dir)
    if not len(unlabelled):
        raise NoPairsError(f"{data.name} has no unlabelled test images to look for clean counterparts.")
    return pairs_by_content(split.images, unlabelled)


def _check_versions(path, config, versions):
    wanted = MEMBERS.get(config, sorted({corruption for corruption, _ in versions}))
    lacking = [split_name(c, s) for c in wanted for s in SEVERITIES if (c, s) not in versions]
    if lacking or not versions:
        raise InputError(
            f"{path} lacks {', '.join(lacking[:3]) or 'all corruptions'} of Tiny ImageNet-C; it is truncated or "
            "another archive."
        )
    first = min(versions)
    expected = {(folder, name) for folder, name, *_ in versions[first]}
    classes = {folder for folder, _ in expected}
    if config in ARCHIVES and len(classes) != CLASSES:
        raise InputError(f"{path}: {split_name(*first)} has {len(classes):,} classes instead of {CLASSES}.")
    for (corruption, severity), files in versions.items():
        found = {(folder, name) for folder, name, *_ in files}
        if len(found) < len(files):
            raise InputError(
                f"{path}: {split_name(corruption, severity)} holds an image twice. Get it again."
            )
        if found != expected:
            more = len({folder for folder, _ in found} - classes)
            raise InputError(
                f"{path}: {split_name(corruption, severity)} does not hold the images of {split_name(*first)}"
                f"{f', but {more:,} more classes' if more else ''}."
                f"{_REPAIRED if more and corruption == 'frost' else ''}"
            )


def _check_classes(place, found, expected, corruption=None):
    unknown, absent = set(found) - set(expected), set(expected) - set(found)
    if unknown or absent:
        some = ", ".join(sorted(unknown or absent)[:3])
        raise InputError(
            f"{place} {'has' if unknown else 'lacks'} {len(unknown or absent)} classes "
            f"{'that the network does not know' if unknown else 'of the data set'} ({some}, ...)."
            f"{_REPAIRED if unknown and corruption == 'frost' else ''}"
        )


def _builder(config, data_dir):
    from keras_selectivity.datasets._tiny_imagenet_builders import TinyImagenetC

    with reading(f"Tiny ImageNet-C in {data_dir or 'the data directory'}", "tiny_imagenet_c"):
        return TinyImagenetC(config=config, data_dir=data_dir)


def _prepared_name(builder):
    return next(name for name, config in CONFIGS.items() if config == builder.builder_config.name)


def _read_picture(file):
    picture = read_picture(file)
    if picture is None:
        raise InputError(f"{file} cannot be read as a picture. Extract the archive again.")
    return picture
