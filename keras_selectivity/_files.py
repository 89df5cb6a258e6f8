"""Files and directories that appear whole or not at all."""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

from keras_selectivity._errors import InputError


@contextlib.contextmanager
def whole_file(path):
    """Yields a temporary path beside `path` that replaces it once the block ends without error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: some writers choose a format by it.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path, text):
    """Writes a text file whole."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Writes a JSON file whole. NaN and infinity are refused: they are not JSON."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


@contextlib.contextmanager
def whole_directory(path, overwrite=False, marks=()):
    """Yields an empty temporary directory that becomes `path` once the block ends without error.

    Raises:
        InputError: As `check_absent`.
    """
    path = Path(path)
    check_absent(path, overwrite, marks)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            os.replace(path, old)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def check_absent(path, overwrite=False, marks=()):
    """Refuses an output path that exists.

    Args:
        path: File or folder to be written.
        overwrite: Whether an existing one may be replaced.
        marks: Names of which a folder must hold one before it is replaced, so that a slip in a
            path does not delete what we have not written.

    Raises:
        InputError: It exists and `overwrite` is false, or it is a folder of something else.
    """
    path = Path(path)
    if not path.exists():
        return
    if not overwrite:
        raise InputError(f"{path} exists. Choose another output path, or pass --overwrite (overwrite=True).")
    if path.is_dir() and any(path.iterdir()) and not any((path / mark).exists() for mark in marks):
        raise InputError(f"{path} holds something else and is not overwritten. Choose another output path.")


def digests(folder):
    """SHA-256 of every file below a folder, by relative path."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(Path(folder).rglob("*"))
        if file.is_file()
    }
