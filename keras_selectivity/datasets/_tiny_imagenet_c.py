"""Tiny ImageNet-C: what was prepared of its released archives, or an extracted one as a folder."""

import functools
import glob
import hashlib
import os
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._released import BENCHMARK as BENCHMARK
from keras_selectivity._released import EXTRA
from keras_selectivity._released import RELEASED
from keras_selectivity._types import Array
from keras_selectivity._types import StrPath
from keras_selectivity.datasets._archives import read_picture
from keras_selectivity.datasets._clean_pairs import CleanPairs
from keras_selectivity.datasets._clean_pairs import NoPairsError
from keras_selectivity.datasets._clean_pairs import pairs_by_content
from keras_selectivity.datasets._clean_pairs import pairs_by_name
from keras_selectivity.datasets._corrupted_images import CorruptedImages
from keras_selectivity.datasets._image_data import ImageData
from keras_selectivity.datasets._image_data import Split
from keras_selectivity.datasets._prepared import absent
from keras_selectivity.datasets._prepared import prepare
from keras_selectivity.datasets._prepared import reading
from keras_selectivity.datasets._prepared import records
from keras_selectivity.datasets._spec import Release
from keras_selectivity.datasets._tiny_imagenet_c_archive import ARCHIVES
from keras_selectivity.datasets._tiny_imagenet_c_archive import REPAIRED
from keras_selectivity.datasets._tiny_imagenet_c_archive import split_name
from keras_selectivity.datasets.corruptions import SEVERITIES
from keras_selectivity.datasets.corruptions import check_corruption

_CONFIGS = {
    "tiny_imagenet_c": "benchmark",
    "tiny_imagenet_c_extra": "extra",
    "tiny_imagenet_c_subset": "subset",
}
_LEAST = ("jpeg_compression", 1)  # The version that is nearest to the clean images


def prepare_tiny_imagenet_c(
    name: str = "tiny_imagenet_c", data_dir: StrPath | None = None, *, archive: StrPath | None = None
) -> Path:
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
    builder = _builder(name, data_dir)
    if builder.is_prepared():
        return Path(builder.data_dir)
    if archive is None and _CONFIGS[name] not in ARCHIVES:
        raise InputError(f"{name} has no download: name its archive with --archive.")
    builder.archive = archive
    prepare(builder, "put the archive on this machine and name it with --archive")
    return Path(builder.data_dir)


def prepared_tiny_imagenet_c(
    data: ImageData,
    data_dir: StrPath | None = None,
    clean: StrPath | None = None,
    *,
    releases: tuple[Release, ...],
    candidates: Callable[[StrPath | None], Array],
) -> CorruptedImages:
    """The prepared Tiny ImageNet-C, in the label order of Tiny ImageNet.

    Args:
        data: The clean `ImageData`, of Tiny ImageNet or some of its classes.
        data_dir: Where prepared data sets lie; see `load`.
        clean: Folder of the clean counterparts, `<class folder>/<file name>`, if there is one. Without it
            they are looked for by content.
        releases: Those whose versions are wanted, one of which must be prepared.
        candidates: Function of the data directory that returns the images among which clean counterparts are
            looked for.

    Returns:
        A `CorruptedImages`.

    Raises:
        InputError: It is not prepared, or has other classes.
    """
    every = {release.name: _builder(release.name, data_dir) for release in releases}
    builders = {name: builder for name, builder in every.items() if builder.is_prepared()}
    if not builders:
        name, builder = next(iter(every.items()))
        raise absent(name, builder.data_dir)
    found: dict[str, tuple[str, Any, list[str]]] = {}
    for name, builder in builders.items():
        with reading(builder.data_dir, name):
            folders = builder.info.features["label"].names
            found |= {split: (name, builder, folders) for split in builder.info.splits}
        _check_classes(builder.data_dir, folders, data.class_names)
    present = tuple(c for c in RELEASED if all(split_name(c, s) in found for s in SEVERITIES))

    def version(corruption: str, severity: int) -> tuple[Split, list[str]]:
        """Images, labels in the data set's order, and `class folder/file name`."""
        check_corruption(corruption, severity, RELEASED)
        split = split_name(corruption, severity)
        if split not in found:
            places = ", ".join(str(builder.data_dir) for builder in builders.values())
            raise InputError(f"{split} is not in {places}; prepare the archive that has it.")
        name, builder, folders = found[split]
        with reading(builder.data_dir, name):
            rows = list(records(builder, split))
        rows.sort(key=lambda row: row["number"])
        labels = np.array([data.class_names.index(folders[row["label"]]) for row in rows])
        names = [f"{folders[row['label']]}/{row['file_name'].decode()}" for row in rows]
        return Split(np.stack([row["image"] for row in rows]), labels), names

    verified = all(_CONFIGS[name] in ARCHIVES for name in builders)
    source = "Tiny ImageNet-C, tensorflow-datasets" + ("" if verified else ", some classes, unverified")
    return CorruptedImages(
        source,
        present,
        lambda corruption, severity: version(corruption, severity)[0],
        functools.partial(_pairs, version, data.name, clean, functools.partial(candidates, data_dir)),
    )


def tiny_imagenet_c(
    directory: StrPath,
    data: ImageData,
    *,
    clean: StrPath | None = None,
    candidates: Callable[[], Array] | None = None,
) -> CorruptedImages:
    """Tiny ImageNet-C from an extracted archive, which cannot be verified: there is no list of its pictures' checksums.

    Args:
        directory: Folder with `<corruption>/<severity>/<class folder>/*.JPEG`.
        data: The clean `ImageData`; its class names are the class folders (WordNet ids) in label order.
        clean: Folder of the clean counterparts, `<class folder>/<file name>`, if there is one.
        candidates: Function that returns the images among which they are looked for otherwise, if there are any.

    Returns:
        A `CorruptedImages`, with the corruptions whose folders are there; its source holds a digest of the pictures'
        names and sizes, by which another folder is told from this one.

    Raises:
        InputError: One of the 15 benchmark corruptions is missing, a class folder is missing or
            unknown, or an image cannot be read.
    """
    folder = Path(directory)
    present = tuple(name for name in RELEASED if (folder / name).is_dir())
    missing = [name for name in BENCHMARK if name not in present]
    if missing:
        raise InputError(f"{folder} lacks the folders {', '.join(missing)} of Tiny ImageNet-C.")

    def version(corruption: str, severity: int) -> tuple[Split, list[str]]:
        check_corruption(corruption, severity, RELEASED)
        place = folder / corruption / str(severity)
        found = {path.name for path in place.iterdir() if path.is_dir()} if place.is_dir() else set()
        _check_classes(place, found, data.class_names, corruption)
        files = [(f, k) for k, c in enumerate(data.class_names) for f in sorted((place / c).iterdir())]
        images = np.stack([_read_picture(file) for file, _ in files])
        names = [f"{file.parent.name}/{file.name}" for file, _ in files]
        return Split(images, np.array([k for _, k in files], np.int64)), names

    return CorruptedImages(
        f"Tiny ImageNet-C directory, unverified, {_digest(folder, present)}",
        present,
        lambda corruption, severity: version(corruption, severity)[0],
        functools.partial(_pairs, version, data.name, clean, candidates),
    )


def _digest(folder: Path, corruptions: Iterable[str]) -> str:
    """Eight hexadecimal digits that depend on the names and sizes of all pictures, of which there may be a million."""
    found = hashlib.sha256()
    for corruption in corruptions:
        for name in sorted(glob.iglob(f"{corruption}/*/*/*", root_dir=folder)):
            size = os.stat(os.path.join(folder, name)).st_size
            found.update(os.fsencode(f"{name.replace(os.sep, '/')} {size}\n"))
    return found.hexdigest()[:8]


def _pairs(
    version: Callable[[str, int], tuple[Split, list[str]]],
    name: str,
    clean: StrPath | None,
    candidates: Callable[[], Array] | None,
) -> CleanPairs:
    """Clean counterparts: of a folder by file name, else by content among the candidates."""
    split, names = version(*_LEAST)
    if clean is not None:
        return pairs_by_name(clean, names, _read_picture)
    unlabelled = None if candidates is None else candidates()
    if unlabelled is None or not len(unlabelled):
        raise NoPairsError(f"{name} has no unlabelled test images to look for clean counterparts.")
    return pairs_by_content(split.images, unlabelled)


def _check_classes(
    place: StrPath, found: Collection[str], expected: Collection[str], corruption: str | None = None
) -> None:
    unknown, absent = set(found) - set(expected), set(expected) - set(found)
    if unknown or absent:
        some = ", ".join(sorted(unknown or absent)[:3])
        raise InputError(
            f"{place} {'has' if unknown else 'lacks'} {len(unknown or absent)} classes "
            f"{'that the network does not know' if unknown else 'of the data set'} ({some}, ...)."
            f"{REPAIRED if unknown and corruption == 'frost' else ''}"
        )


def _builder(name: str, data_dir: StrPath | None) -> Any:
    from keras_selectivity.datasets._tiny_imagenet_builders import TinyImagenetC

    with reading(f"Tiny ImageNet-C in {data_dir or 'the data directory'}", "tiny_imagenet_c"):
        return TinyImagenetC(config=_CONFIGS[name], data_dir=data_dir)


def _read_picture(file: StrPath) -> Array:
    picture = read_picture(file)
    if picture is None:
        raise InputError(f"{file} cannot be read as a picture. Extract the archive again.")
    return picture


def _release(name: str, corruptions: tuple[str, ...] | None) -> Release:
    prepared = functools.partial(prepare_tiny_imagenet_c, name)
    return Release(name=name, corruptions=corruptions, prepare=prepared, options=("archive",))


BENCHMARK_RELEASE = _release("tiny_imagenet_c", BENCHMARK)
EXTRA_RELEASE = _release("tiny_imagenet_c_extra", EXTRA)
SUBSET_RELEASE = _release("tiny_imagenet_c_subset", None)
