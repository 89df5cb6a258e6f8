"""The data sets by name. A new one is a file with a `DatasetSpec`, and its line here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import TypeVar

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._types import StrPath
from keras_selectivity.datasets._cifar10 import CIFAR10
from keras_selectivity.datasets._cifar10_c import cifar10_c
from keras_selectivity.datasets._corrupted_images import CorruptedImages
from keras_selectivity.datasets._embedded import SHAPES
from keras_selectivity.datasets._image_data import ImageData
from keras_selectivity.datasets._prepared import absent
from keras_selectivity.datasets._spec import DatasetSpec
from keras_selectivity.datasets._spec import Release
from keras_selectivity.datasets._tiny_imagenet import TINY_IMAGENET
from keras_selectivity.datasets._tiny_imagenet import TINY_IMAGENET_SUBSET
from keras_selectivity.datasets._tiny_imagenet_c import tiny_imagenet_c

_Entry = TypeVar("_Entry")
_SPECS = {spec.name: spec for spec in (SHAPES, CIFAR10, TINY_IMAGENET, TINY_IMAGENET_SUBSET)}
NAMES = _SPECS.keys()
"""Names of all data sets: a view, which shows what is registered later, too."""


def register(spec: DatasetSpec) -> None:
    """Makes a data set known to `load`, to studies and to the command line, in this process.

    Raises:
        InputError: There is one of this name.
    """
    if spec.name in _SPECS:
        raise InputError(f"There is a data set {spec.name} already. Register this one under another name.")
    _SPECS[spec.name] = spec


def spec(name: str) -> DatasetSpec:
    """What a data set declares.

    Raises:
        InputError: The name is unknown.
    """
    return _entry(name, _SPECS)


def check_present(name: str, data_dir: StrPath | None = None) -> None:
    """Looks whether a data set can be loaded, in a fraction of the time that loading takes.

    Args:
        name: One of `NAMES`.
        data_dir: Where prepared data sets lie; see `load_cifar10`.

    Raises:
        InputError: It is not there.
    """
    ready, where = spec(name).find(data_dir)
    if not ready:
        raise absent(name, where)


def load(name: str, data_dir: StrPath | None = None) -> ImageData:
    """Loads a data set.

    Args:
        name: One of `NAMES`: `"shapes"` (embedded), `"cifar10"`, `"tiny_imagenet"` or `"tiny_imagenet_subset"`.
        data_dir: Where prepared data sets lie; see `load_cifar10`.

    Returns:
        An `ImageData`.

    Raises:
        InputError: The name is unknown, the data are absent or damaged, or are not what the data set declares.
    """
    wanted = spec(name)
    data = wanted.load(data_dir)
    for split in data.train, data.test:
        if split.images.dtype != np.uint8 or tuple(split.images.shape[1:]) != wanted.image_shape:
            raise InputError(
                f"{name} declares uint8 images of {wanted.image_shape}. Its loader returned {split.images.dtype} of "
                f"{tuple(split.images.shape[1:])}."
            )
    if data.name != name or wanted.classes not in (None, data.classes):
        raise InputError(
            f"{name} declares {wanted.classes} classes. Its loader returned {data.name} with {data.classes}."
        )
    return data


def prepare(
    name: str,
    data_dir: StrPath | None = None,
    *,
    archive: StrPath | None = None,
    skip_damaged: bool = False,
) -> StrPath:
    """Downloads and prepares a data set unless it is there.

    Args:
        name: Name of a data set, or of corrupted versions: `"cifar10_corrupted"`, `"tiny_imagenet_c"`,
            `"tiny_imagenet_c_extra"` or `"tiny_imagenet_c_subset"`.
        data_dir: Where to prepare it; see `load_cifar10`.
        archive: Archive of Tiny ImageNet or Tiny ImageNet-C that is on this machine already.
        skip_damaged: Leave out images of Tiny ImageNet that cannot be decoded.

    Returns:
        Where it lies.

    Raises:
        InputError: The name is unknown, the options do not go with it, or the data cannot be prepared.
    """
    known: dict[str, DatasetSpec | Release] = {}
    for each in _SPECS.values():
        known |= {each.name: each, **{release.name: release for release in each.releases}}
    wanted = _entry(name, known)
    given: dict[str, Any] = {"archive": archive} if archive is not None else {}
    given |= {"skip_damaged": True} if skip_damaged else {}
    for option in given:
        if option not in wanted.options:
            others = [entry.name for entry in known.values() if option in entry.options]
            raise InputError(f"{option} does not go with {name}. It is for {', '.join(others)}.")
    return wanted.prepare(data_dir, **given)


def open_corrupted(
    where: StrPath,
    data: ImageData,
    *,
    data_dir: StrPath | None = None,
    verify: bool = True,
    clean: StrPath | None = None,
) -> CorruptedImages:
    """Opens the corrupted versions of a data set's test split.

    Args:
        where: `"tfds"` for what `data prepare` makes of the data set's releases, or a folder in the layout of
            CIFAR-10-C (arrays) or of Tiny ImageNet-C (a tree of pictures).
        data: The clean `ImageData`.
        data_dir: Where prepared data sets lie; see `load`.
        verify: Whether to compare the checksums of CIFAR-10-C.
        clean: Folder of the clean counterparts, for a data set whose releases were made of other images than
            its test split.

    Raises:
        InputError: It is none of these.
    """
    wanted = spec(data.name)
    candidates = wanted.clean_candidates
    if clean is not None and candidates is None:
        raise InputError(f"The clean counterparts of {data.name} are known. Leave clean_data out.")
    if where == "tfds":
        if wanted.open_prepared is None:
            raise InputError(f"{data.name} has no release of corrupted versions. Name a folder.")
        return wanted.open_prepared(data, data_dir, clean)
    folder = Path(where)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Name that of CIFAR-10-C or Tiny ImageNet-C, or 'tfds'.")
    if any(folder.glob("*.npy")):
        return cifar10_c(folder, data.test, verify=verify)
    look = None if candidates is None else lambda: candidates(data_dir)
    return tiny_imagenet_c(folder, data, clean=clean, candidates=look)


def status(data_dir: StrPath | None = None) -> list[dict[str, Any]]:
    """Rows for `data list`: name, contents, whether it can be loaded now, and where it lies."""
    rows = []
    for each in _SPECS.values():
        ready, where = each.find(data_dir)
        rows.append({"name": each.name, "contents": each.contents, "ready": ready, "where": str(where)})
    return rows


def _entry(name: str, known: Mapping[str, _Entry]) -> _Entry:
    if name not in known:
        raise InputError(f"Unknown data set {name!r}. Choose one of {', '.join(known)}.")
    return known[name]
