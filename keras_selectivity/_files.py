"""Files and directories that appear whole or not at all, and what a killed process leaves of them."""

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

from keras_selectivity._errors import InputError
from keras_selectivity._types import StrPath

# `.NAME.TOKEN.part` is being written, `.NAME.TOKEN.old` is being replaced. A suffix stays last, because some
# writers choose a format by it.
_LEFT = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.(?P<kind>part|old)(\.\w+)?")


@contextlib.contextmanager
def whole_file(path: StrPath, clean: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside `path` that replaces it once the block ends without error.

    Args:
        path: The file.
        clean: Whether to look through the folder for what killed processes have left.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if clean:
        clean_leftovers(path.parent)
    temporary, held = _reserve(path.with_name(path.stem), path.suffix, _make_file)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(held)


def write_text(path: StrPath, text: str) -> None:
    """Writes a text file whole."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def whole_directory(
    path: StrPath, overwrite: bool = False, ours: Callable[[Path], bool] | None = None
) -> Iterator[Path]:
    """Yields an empty temporary directory that becomes `path` once the block ends without error.

    Raises:
        InputError: As `check_absent`, also if something has appeared at `path` meanwhile.
    """
    path = Path(path)
    clean_leftovers(path.parent)
    check_absent(path, overwrite, ours)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, held = _reserve(path, "", os.mkdir)
    try:
        yield temporary
        replace_directory(temporary, path, overwrite, ours)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(held)


def replace_directory(
    new: StrPath, path: StrPath, overwrite: bool = False, ours: Callable[[Path], bool] | None = None
) -> None:
    """Renames a directory; with `overwrite`, what lies at `path` is deleted once the new one has its place.

    Of a link to a directory the link is, and what it points to stays.

    Raises:
        InputError: As `check_absent`; the new directory is left where it is.
    """
    path = Path(os.path.abspath(path))
    try:
        os.replace(new, path)  # which the system refuses where there is anything but an empty folder
        return
    except OSError:
        if not os.path.lexists(path):
            raise
    check_absent(path, overwrite, ours)
    old = path.with_name(f".{path.name}.{secrets.token_hex(8)}.old")
    aside = _hold(path)
    try:
        os.replace(path, old)
        try:
            os.replace(new, path)
        except OSError:
            os.replace(old, path)
            raise
        if old.is_symlink():
            old.unlink()
        else:
            shutil.rmtree(old)
    finally:
        os.close(aside)


def is_leftover(name: str) -> bool:
    """Whether a file or folder of that name is one that is being written or replaced, or was."""
    return _LEFT.fullmatch(name) is not None


def clean_leftovers(folder: StrPath) -> None:
    """Takes away what killed processes have left half-written in a folder, not what a living one is writing.

    What was moved aside for a replacement that did not come is put back. A folder that is absent has none.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for match in filter(None, map(_LEFT.fullmatch, names)):
        entry = Path(folder) / match.string
        if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
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


def _open(path: Path) -> int:
    # A file system of the network locks only what is open for writing, which a folder cannot be.
    return os.open(path, (os.O_RDONLY if path.is_dir() else os.O_RDWR) | os.O_NONBLOCK)


def _hold(path: Path) -> int:
    """A descriptor whose lock tells `clean_leftovers` that a living process needs the path."""
    held = _open(path)
    with contextlib.suppress(OSError):  # where there are no locks, nothing is cleaned either
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return held


def _reserve(path: Path, suffix: str, make: Callable[[Path], None]) -> tuple[Path, int]:
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


def _make_file(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o666))


def check_absent(path: StrPath, overwrite: bool = False, ours: Callable[[Path], bool] | None = None) -> None:
    """Refuses an output folder that exists and is not empty.

    Args:
        path: Folder to be written.
        overwrite: Whether an existing one may be replaced.
        ours: Function from a folder to whether all in it is ours, so that a slip in a path does not delete
            what we have not written, see `is_ours`. Defaults to nothing being ours.

    Raises:
        InputError: It exists and `overwrite` is false, or it holds something else.
    """
    path = Path(path)
    if not os.path.lexists(path):
        return
    if not overwrite:
        raise InputError(f"{path} exists. Choose another output path, or pass --overwrite (overwrite=True).")
    if not path.is_dir() or (any(path.iterdir()) and not (ours and ours(path))):
        raise InputError(f"{path} holds something else and is not overwritten. Choose another output path.")


def check_replaceable(path: StrPath, ours: Callable[[Path], bool]) -> None:
    """Refuses an output file that exists and is not ours.

    Args:
        path: File to be written.
        ours: Function from a file to whether we have written it.

    Raises:
        InputError: It is not, or is no file.
    """
    path = Path(path)
    if os.path.lexists(path) and not (path.is_file() and ours(path)):
        raise InputError(f"{path} holds something else and is not overwritten. Choose another output path.")


def set_aside(path: Path, word: str = "damaged") -> Path:
    """Renames a file or folder that is of no more use, so that it is not lost; returns the new path."""
    number = 1
    while (free := path.with_name(f"{path.name}.{word}-{number}")).exists():
        number += 1
    os.replace(path, free)
    return free


def original_name(name: str) -> str:
    """The name that a file or folder had before it was set aside."""
    return re.sub(r"(\.(damaged|replaced)-\d+)+$", "", name)


def digests(folder: StrPath) -> dict[str, str]:
    """SHA-256 of every file below a folder, by relative path."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(Path(folder).rglob("*"))
        if file.is_file()
    }
