"""Results that are built beside the ones they replace, which are ours, and take their place when complete."""

import os
from collections.abc import Callable
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import check_absent
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
        parts: Patterns of the names of all that such a result consists of.
    """
    if not folder.is_dir() or not all(any(fnmatch(p.name, part) for part in parts) for p in folder.iterdir()):
        return False
    try:
        check_seal(folder / mark)
    except DamagedError:  # it has our checksum, though not the right one
        return True
    except InputError:
        return False
    try:
        return test(read_json(folder / mark, {str: object}))
    except InputError:
        return False


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
        return beside if goes_on(beside) else folder
    check_absent(folder, overwrite, ours)
    if not folder.exists() or not any(folder.iterdir()):
        return folder
    check_absent(beside, True, ours)
    return beside
