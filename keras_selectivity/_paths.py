"""Checks of paths that users name, and the text files behind them."""

import errno
import os
import reprlib
import stat
from pathlib import Path
from typing import Any

from keras_selectivity._errors import InputError
from keras_selectivity._types import StrPath


def path_of(value: Any) -> Path:
    """The value as a path, whether or not there is something.

    Raises:
        InputError: It is none.
    """
    try:
        path = Path(value)
        path.exists()
    except (TypeError, ValueError, OSError) as error:
        raise InputError(
            f"{reprlib.repr(value)} is no path: {getattr(error, 'strerror', None) or error}."
        ) from error
    return path


def read_text(path: StrPath, what: str, most: int) -> str:
    """The text of a file that a user names.

    Args:
        path: The file.
        what: What it is, for the message.
        most: Bytes that it may have.

    Raises:
        InputError: It is missing, no ordinary file (which might never end), too large, or no UTF-8.
    """
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"Cannot read {what} {path}: it is no ordinary file.")
        if status.st_size > most:
            raise InputError(
                f"Cannot read {what} {path}: it has {status.st_size:,} bytes, more than {most:,}."
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot read {what} {path} ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"Cannot read {what} {path}: it is not UTF-8 ({error}).") from error


def check_folder(path: StrPath, write: bool = True) -> None:
    """Refuses a path at which there is no folder and none can be made, before there is anything to put into it.

    Args:
        path: The path.
        write: Whether something is to be written there.

    Raises:
        OSError: As making the folder would.
    """
    path = os.path.abspath(path)
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)
    except FileNotFoundError:
        if os.path.islink(path):  # that leads nowhere
            raise
        return check_folder(os.path.dirname(path), write)
    if not is_folder:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    if write and not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return None


def check_file(path: StrPath) -> None:
    """Refuses a path at which there is something else than a file, or no file can be made.

    Raises:
        OSError: As writing the file would.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "it is no ordinary file", path)
    except FileNotFoundError:
        pass
    check_folder(os.path.dirname(os.path.abspath(path)))
