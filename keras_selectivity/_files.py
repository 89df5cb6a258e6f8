"""Files and directories that appear whole or not at all, and what a killed process leaves of them."""

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
from pathlib import Path

from keras_selectivity._errors import InputError

# `.NAME.TOKEN.part` is being written, `.NAME.TOKEN.old` is being replaced. A suffix stays last, because some
# writers choose a format by it.
_LEFT = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.(?P<kind>part|old)(\.\w+)?")


@contextlib.contextmanager
def whole_file(path):
    """Yields a temporary path beside `path` that replaces it once the block ends without error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, held = _reserve(path.with_name(path.stem), path.suffix, _make_file)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(held)


def write_text(path, text):
    """Writes a text file whole."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def whole_directory(path, overwrite=False, marks=()):
    """Yields an empty temporary directory that becomes `path` once the block ends without error.

    Raises:
        InputError: As `check_absent`.
    """
    path = Path(path)
    if path.parent.is_dir():
        clean_leftovers(path.parent)
    check_absent(path, overwrite, marks)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, held = _reserve(path, "", os.mkdir)
    old = temporary.with_suffix(".old")
    try:
        yield temporary
        if not path.exists():
            os.replace(temporary, path)
            return
        aside = _hold(path)
        try:
            os.replace(path, old)
            try:
                os.replace(temporary, path)
            except OSError:
                os.replace(old, path)
                raise
            shutil.rmtree(old)
        finally:
            os.close(aside)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(held)


def clean_leftovers(folder):
    """Takes away what killed processes have left half-written in a folder, not what a living one is writing.

    What was moved aside for a replacement that did not come is put back. A folder that is absent has none.
    """
    folder = Path(folder)
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = _LEFT.fullmatch(entry.name)
        if match is None or entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
            continue
        with contextlib.suppress(OSError):  # cleaned by another process, or not ours to clean
            held = _open(entry)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its writer lives
                original = entry.with_name(match["name"])
                if match["kind"] == "old" and not original.exists():
                    os.replace(entry, original)
                elif entry.is_dir():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
            finally:
                os.close(held)


def _open(path):
    # A file system of the network locks only what is open for writing, which a folder cannot be.
    return os.open(path, (os.O_RDONLY if path.is_dir() else os.O_RDWR) | os.O_NONBLOCK)


def _hold(path):
    """A descriptor whose lock tells `clean_leftovers` that a living process needs the path."""
    held = _open(path)
    with contextlib.suppress(OSError):  # where there are no locks, nothing is cleaned either
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return held


def _reserve(path, suffix, make):
    """A new temporary path beside `path`, and its descriptor from `_hold`.

    The name cannot be guessed and must be new, so nothing that lies there already is followed.
    """
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part{suffix}")
        make(temporary)
        with contextlib.suppress(FileNotFoundError):  # cleaned before it was held
            held = _hold(temporary)
            if temporary.exists():
                return temporary, held
            os.close(held)


def _make_file(path):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o666))


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
    ours = any((path / mark).exists() for mark in marks)
    if not ours and (any(path.iterdir()) if path.is_dir() else marks):
        raise InputError(f"{path} holds something else and is not overwritten. Choose another output path.")


def digests(folder):
    """SHA-256 of every file below a folder, by relative path."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(Path(folder).rglob("*"))
        if file.is_file()
    }
