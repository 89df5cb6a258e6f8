"""Results that are built beside the ones they replace, which are ours, and take their place when complete."""

import os
from collections.abc import Callable
from collections.abc import Iterable
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path
from pathlib import PurePath
from typing import Any

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import check_absent
from keras_selectivity._files import is_leftover
from keras_selectivity._files import original_name
from keras_selectivity._files import replace_directory
from keras_selectivity._json_file import read_json
from keras_selectivity._seal import check_seal
from keras_selectivity._types import StrPath


def is_ours(
    folder: Path, mark: StrPath, test: Callable[[dict[str, Any]], bool], parts: Iterable[str]
) -> bool:
    """Whether a folder holds a result of one kind and nothing besides, so that replacing it loses nothing else.

    Args:
        folder: The folder, a `Path`.
        mark: Name of the file that tells, one that `write_json` wrote.
        test: Function from its content to whether it is of this kind.
        parts: Patterns of the paths of all files that such a result consists of, each name by itself. What the mark
            lists as its `files` counts instead, if it does.
    """
    try:
        check_seal(folder / mark)
    except DamagedError:  # it has our checksum, though not the right one
        return _consists_of(folder, parts)
    except InputError:
        return False
    try:
        found = read_json(folder / mark, {str: object})
    except InputError:
        return False
    listed = found.get("files")
    if isinstance(listed, dict):
        parts = [*map(escape, listed), escape(os.fspath(mark))]
    return test(found) and _consists_of(folder, parts)


def _consists_of(folder: Path, parts: Iterable[str]) -> bool:
    """Whether all files of a folder are of some patterns, set aside, or left by killed processes."""
    patterns = [PurePath(part).parts for part in parts]
    for path in folder.rglob("*"):
        names = path.relative_to(folder).parts
        if (path.is_dir() and not path.is_symlink()) or any(map(is_leftover, names)):
            continue
        before = [original_name(name) for name in names]
        if not any(len(p) == len(before) and all(map(fnmatchcase, before, p)) for p in patterns):
            return False
    return True


def work_folder(
    folder: Path,
    *,
    resume: bool,
    overwrite: bool,
    ours: Callable[[Path], bool],
    goes_on: Callable[[Path], bool],
) -> Path:
    """Where a result is built: in its folder, or beside it if that holds an older one.

    Args:
        folder: Folder of the result, a `Path`.
        resume: Whether an earlier start is resumed; one beside the folder first.
        overwrite: Whether an older result may be replaced.
        ours: Function from a folder to whether it may be, see `is_ours`.
        goes_on: Function from a folder to whether it holds the beginning of this result.

    Raises:
        InputError: There is something, and it is not to be replaced, or not ours.
    """
    beside = Path(f"{os.path.abspath(folder)}.new")
    if resume:
        if not goes_on(beside):
            return folder
        check_absent(folder, True, ours)
        return beside
    check_absent(folder, overwrite, ours)
    if not folder.exists() or not any(folder.iterdir()):
        return folder
    check_absent(beside, True, ours)
    return beside


def take_place(work: Path, folder: Path, ours: Callable[[Path], bool]) -> None:
    """Puts a result that was built in `work_folder` in place, if what lies there is ours still.

    Raises:
        InputError: It is not; the result stays where it was built.
    """
    if work == folder:
        return
    try:
        replace_directory(work, folder, True, ours)
    except InputError as error:
        raise InputError(f"{error} What was to take its place is in {work}.") from error
