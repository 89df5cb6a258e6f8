"""The zip archive of Tiny ImageNet: what is in it, in its official order."""

import logging
import re
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path
from pathlib import PurePosixPath
from zipfile import ZipFile

from keras_selectivity._errors import InputError
from keras_selectivity._types import StrPath
from keras_selectivity.datasets._archives import LARGEST_PICTURE
from keras_selectivity.datasets._archives import check_digest
from keras_selectivity.datasets._archives import check_members
from keras_selectivity.datasets._archives import decode_jpeg
from keras_selectivity.datasets._archives import open_zip
from keras_selectivity.datasets._archives import read_member

URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
SIZE, MD5 = 248_100_043, "90528d7ca1a48142e341f4ef8d21d0de"
CLASSES = 200
_NO_CLASS = ""
_ROOT = "tiny-imagenet-200"
_NUMBER = re.compile(r"_([0-9]{1,9})\.\w+$")
_LARGEST_TEXT = 1 << 24  # bytes; the annotations have some 300,000
_LOG = logging.getLogger(__name__)


def examples(archive: ZipFile, split: str, *, skip_damaged: bool = False) -> Iterator[tuple[str, bytes, int]]:
    """The images of an archive of Tiny ImageNet, in its official order.

    Args:
        archive: An open `zipfile.ZipFile`.
        split: `"train"`, `"test"` (the official validation images) or `"unlabelled"` (the official test images).
        skip_damaged: Leave out images that cannot be decoded and log how many.

    Yields:
        `(file name, JPEG bytes, label)`, the label as a position in `wnids.txt`, or -1.

    Raises:
        InputError: A class, a file or an annotation is missing or unknown, or an image cannot be decoded.
    """
    labels = {wnid: label for label, wnid in enumerate(class_folders(archive))}
    damaged: list[str] = []
    if split == "unlabelled":
        labels = {_NO_CLASS: -1}
        pictures: Iterable[tuple[str, str]] = ((path, _NO_CLASS) for path in _unlabelled(archive))
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
        _LOG.warning("%s: left out %d damaged images, %s", split, len(damaged), ", ".join(damaged[:3]))


def class_folders(archive: ZipFile) -> list[str]:
    """The WordNet ids of `wnids.txt`, in label order."""
    found = _lines(archive, "wnids.txt")
    if not found or len(set(found)) < len(found):
        raise InputError(f"{archive.filename}: wnids.txt names {'a class twice' if found else 'no class'}.")
    return found


def open_archive(path: StrPath, *, verify: bool) -> ZipFile:
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


def _train(archive: ZipFile, labels: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Path and class of every training image, class by class, in the order of their numbers."""
    members: dict[str, list[str]] = {}
    for name in archive.namelist():
        parts = PurePosixPath(name).parts
        if len(parts) == 5 and parts[1] == "train" and parts[3] == "images":
            members.setdefault(parts[2], []).append(name)
    absent = set(labels) - set(members)
    if absent:
        raise InputError(f"{archive.filename} has no training images of {', '.join(sorted(absent)[:3])}.")
    for wnid in [*labels, *sorted(set(members) - set(labels))]:
        numbered: list[tuple[int, int, str]] = []
        for name in members[wnid]:
            match = _NUMBER.search(name)
            if match is None:
                raise InputError(f"{archive.filename}: {name} has no number by which to order the images.")
            numbered.append((int(match[1]), len(numbered), name))
        yield from ((name, wnid) for *_, name in sorted(numbered))


def _annotated(archive: ZipFile) -> Iterator[tuple[str, str]]:
    """Path and class of every validation image, in the order of their annotations, one each."""
    place = f"{_ROOT}/val/images/"
    annotated: set[str] = set()
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


def has_unlabelled(archive: ZipFile) -> bool:
    """Whether an archive of Tiny ImageNet has the official test images."""
    return bool(_unlabelled(archive))


def _unlabelled(archive: ZipFile) -> list[str]:
    names = [name for name in archive.namelist() if name.startswith(f"{_ROOT}/test/images/")]
    return sorted(name for name in names if not name.endswith("/"))


def _lines(archive: ZipFile, name: str) -> list[str]:
    """The lines of a text file, whether or not the last one is ended."""
    if f"{_ROOT}/{name}" not in archive.namelist():
        raise InputError(f"{archive.filename} lacks {_ROOT}/{name}: it is not Tiny ImageNet.")
    try:
        return read_member(archive, f"{_ROOT}/{name}", _LARGEST_TEXT).decode().splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{archive.filename}: {name} is not UTF-8 ({error}).") from error
