"""A checksum inside each file that we write, over every byte of it, and verified before it is read.

A writer leaves a place for it: a cell, an entry, a comment, whatever the format ignores. Files of earlier versions
have none; they are read as they are.
"""

import hashlib
import os
import zipfile
from typing import BinaryIO

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._types import StrPath

_MARK = "keras_selectivity-sha256:"
# What a writer puts where the checksum belongs
PLACE = _MARK + 64 * "0"
# Text has it at its beginning, Parquet and zip files at their end.
_BINARY = (b"PK\x03\x04", b"PAR1")
_SEARCHED = 1 << 16


def seal(path: StrPath) -> None:
    """Writes the checksum of a file into the place that was left for it."""
    with open(path, "r+b") as file:
        position = _position(file)
        if position is None:
            raise ValueError(f"{path} has no place for a checksum.")
        digest = _digest(file, position)
        file.seek(position)
        file.write(digest)


def check_seal(path: StrPath) -> bool:
    """Compares a file with its checksum.

    Returns:
        Whether it has one.

    Raises:
        DamagedError: It is not what was written.
        InputError: It is not a file, or cannot be read.
    """
    if not os.path.isfile(path):  # a pipe would wait for ever
        raise InputError(f"{path} is {'no file' if os.path.exists(path) else 'missing'}.")
    try:
        with open(path, "rb") as file:
            position = _position(file)
            if position is None:
                return False
            file.seek(position)
            right = file.read(64) == _digest(file, position)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    if not right:
        raise DamagedError(
            f"{path} is damaged, or was changed: its checksum does not fit. Put a copy in its place, or make it again."
        )
    return True


def has_seal(path: StrPath) -> bool:
    """Whether a file has a checksum, right or not: then we have written it."""
    try:
        with open(path, "rb") as file:
            return _position(file) is not None
    except OSError:
        return False


def seal_zip(path: StrPath, **members: str) -> None:
    """Adds text files to a zip file, such as Keras and NumPy write, and a checksum as its comment."""
    with zipfile.ZipFile(path, "a") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        archive.comment = PLACE.encode()
    seal(path)


def check_zip(path: StrPath) -> None:
    """As `check_seal`; a zip file without a seal is compared with the checksums of its members."""
    if check_seal(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except Exception as error:  # a damaged zip file raises of all kinds
        raise DamagedError(f"{path} is damaged ({error}).") from error
    if broken:
        raise DamagedError(f"{path} is damaged in {broken}.")


def _position(file: BinaryIO) -> int | None:
    """Where the digits of the checksum stand, or `None`."""
    binary = file.read(4) in _BINARY
    file.seek(max(0, file.seek(0, os.SEEK_END) - _SEARCHED) if binary else 0)
    start, part = file.tell(), file.read(_SEARCHED)
    found = (part.rfind if binary else part.find)(_MARK.encode())
    return None if found < 0 else start + found + len(_MARK)


def _digest(file: BinaryIO, position: int) -> bytes:
    """Hexadecimal SHA-256 of a file, as if the checksum's digits were zeros."""
    digest = hashlib.sha256()
    file.seek(0)
    left = position
    while part := file.read(min(left, 1 << 20)):
        digest.update(part)
        left -= len(part)
    digest.update(64 * b"0")
    file.seek(position + 64)
    while part := file.read(1 << 20):
        digest.update(part)
    return digest.hexdigest().encode()
