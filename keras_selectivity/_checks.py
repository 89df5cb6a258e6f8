"""Checks of arguments that several rooms make."""

import numbers
import stat
from pathlib import Path

from keras_selectivity._errors import InputError


def whole_number(name, value, least):
    """The value as int.

    Raises:
        InputError: It is no whole number of at least `least`.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}; got {value!r}.")
    return int(value)


def read_text(path, what, most):
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
        raise InputError(f"Cannot read {what} {path}: it is no UTF-8 ({error}).") from error
