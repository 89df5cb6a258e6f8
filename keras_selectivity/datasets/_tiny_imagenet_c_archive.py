"""The tar archives of Tiny ImageNet-C: what must be in them, and the pictures of a version."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from pathlib import PurePosixPath
from typing import TypeAlias

from keras_selectivity._errors import InputError
from keras_selectivity._released import BENCHMARK
from keras_selectivity._released import EXTRA
from keras_selectivity._released import RELEASED
from keras_selectivity._types import StrPath
from keras_selectivity.datasets._archives import LARGEST_PICTURE
from keras_selectivity.datasets._archives import BoundedFile
from keras_selectivity.datasets._archives import check_digest
from keras_selectivity.datasets._archives import check_name
from keras_selectivity.datasets._archives import check_size
from keras_selectivity.datasets._archives import decode_jpeg
from keras_selectivity.datasets._tiny_imagenet_archive import CLASSES
from keras_selectivity.datasets.corruptions import SEVERITIES

# The repaired release (Zenodo record 8206060), MD5 as listed by torch-uncertainty 0.13.
_RECORD = "https://zenodo.org/records/8206060/files/"
ARCHIVES = {
    "benchmark": (_RECORD + "Tiny-ImageNet-C.tar", "f9c9a9dbdc11469f0b850190f7ad8be1"),
    "extra": (_RECORD + "Tiny-ImageNet-C-extra.tar", "0db0588d243cf403ef93449ec52b70eb"),
}
MEMBERS = {"benchmark": BENCHMARK, "extra": EXTRA}
REPAIRED = " The first release of frost has 1,000 classes; Zenodo record 8206060 has the repaired one."
# Corruption and severity
Version: TypeAlias = tuple[str, int]
# Class folder, file name, offset and size
Member: TypeAlias = tuple[str, str, int, int]


def split_name(corruption: str, severity: int) -> str:
    """Name of the split of one version, `snow_3`."""
    return f"{corruption}_{severity}"


def open_archive(path: StrPath, config: str) -> dict[Version, list[Member]]:
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
    versions: dict[Version, list[Member]] = {}
    try:
        with BoundedFile(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                check_name(path, member.name)
                parts = PurePosixPath(member.name).parts
                if member.isfile() and len(parts) >= 4 and parts[-4] in RELEASED:
                    if parts[-3] not in map(str, SEVERITIES):
                        raise InputError(f"{path} has a severity {parts[-3]} of {parts[-4]}.")
                    check_size(path, member.name, member.size, LARGEST_PICTURE)
                    files = versions.setdefault((parts[-4], int(parts[-3])), [])
                    files.append((parts[-2], parts[-1], member.offset_data, member.size))
                archive.members = []  # type: ignore[attr-defined]  # some 750,000, of which only these four values are needed
    except InputError:
        raise
    except Exception as error:  # a damaged tar archive raises of all kinds
        raise InputError(f"{path} is not a complete tar archive ({error}). Get it again.") from error
    _check_versions(path, config, versions)
    return {version: sorted(files) for version, files in versions.items()}


def examples(path: StrPath, files: list[Member]) -> Iterator[tuple[str, str, bytes]]:
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


def _check_versions(path: Path, config: str, versions: dict[Version, list[Member]]) -> None:
    wanted = MEMBERS.get(config, tuple(sorted({corruption for corruption, _ in versions})))
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
                f"{REPAIRED if more and corruption == 'frost' else ''}"
            )
