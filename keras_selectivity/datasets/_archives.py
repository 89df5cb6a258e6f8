"""Archives of others: names, sizes and kinds are checked before anything is read from them."""

import hashlib
import io
import zipfile
from pathlib import Path
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from keras_selectivity._errors import InputError
from keras_selectivity._types import Array
from keras_selectivity._types import StrPath

LARGEST_PICTURE = 1 << 20  # bytes of one of 64x64 pixels; they have some 2,000
_MOST_BYTES, _MOST_PIXELS = 1 << 28, 1 << 26  # of a picture of any size
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def check_digest(path: StrPath, md5: str) -> None:
    """Refuses a file with another MD5.

    Raises:
        InputError: Naming both.
    """
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != md5:
        raise InputError(f"{path} has MD5 {found} instead of {md5}. Get the archive again.")


def check_name(path: StrPath, name: str) -> None:
    """Refuses a name in an archive that leads out of its folder.

    Raises:
        InputError: Naming it.
    """
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
        raise InputError(
            f"{path} holds a name that leads out of its folder, {name!r}. Do not use this archive."
        )


def check_size(path: StrPath | None, name: str, size: int, most: int) -> None:
    """Refuses a part of an archive that claims to be larger than may be.

    Raises:
        InputError: With both sizes.
    """
    if not 0 <= size <= most:
        raise InputError(
            f"{path}: {name} claims {size:,} bytes; up to {most:,} are read. Do not use this archive."
        )


def open_zip(path: StrPath) -> zipfile.ZipFile:
    """Opens a zip archive in which no name is there twice or leads out of its folder.

    Raises:
        InputError: It is missing, truncated, or no such archive.
    """
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # a damaged zip file raises of all kinds
        raise InputError(f"{path} is not a complete zip archive ({error}). Get it again.") from error
    names: set[str] = set()
    for name in archive.namelist():
        check_name(path, name)
        if name in names:
            raise InputError(f"{path} holds {name} twice. Get it again.")
        names.add(name)
    return archive


def read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A file of a zip archive.

    Args:
        archive: What `open_zip` returns.
        name: Its name.
        most: Bytes that it may have.

    Raises:
        InputError: It is missing, too large, encrypted, of a compression that is not used, or damaged.
    """
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise InputError(f"{archive.filename} lacks {name}. Get it again.") from None
    _check_member(archive, info, most)
    try:
        return archive.read(info)
    except Exception as error:
        raise InputError(f"{archive.filename}: {name} cannot be read ({error}). Get it again.") from error


def check_members(archive: zipfile.ZipFile, most: int) -> None:
    """Compares all files of a zip archive with their checksums, and their names with those beside them.

    Raises:
        InputError: One is damaged, or none that `read_member` reads.
    """
    for info in archive.infolist():
        _check_member(archive, info, most)
    try:
        broken = archive.testzip()
    except Exception as error:
        raise InputError(
            f"{archive.filename} is not a complete zip archive ({error}). Get it again."
        ) from error
    if broken:
        raise InputError(
            f"{archive.filename} is not a complete zip archive: {broken} is damaged. Get it again."
        )


def _check_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> None:
    check_size(archive.filename, info.filename, info.file_size, most)
    if info.flag_bits & 1 or info.compress_type not in _PLAIN:
        kind = "encrypted" if info.flag_bits & 1 else f"compressed by method {info.compress_type}"
        raise InputError(
            f"{archive.filename}: {info.filename} is {kind}, which is not read. Get it as it was published."
        )


class BoundedFile(io.FileIO):
    """A file of which little is read at a time, whatever its own description claims."""

    def read(self, size: int | None = -1) -> bytes:
        """At most `LARGEST_PICTURE` bytes.

        Raises:
            InputError: More are asked for.
        """
        if size is None or size < 0 or size > LARGEST_PICTURE:
            raise InputError(
                f"{self.name} claims a part of {size:,} bytes; up to {LARGEST_PICTURE:,} are read. Do not use this "
                "archive."
            )
        return super().read(size)


def decode_jpeg(content: bytes, size: int | None = 64) -> Array | None:
    """A picture as RGB.

    Args:
        content: Bytes of a JPEG or PNG file.
        size: Pixels a side that it must have; `None` takes any up to 67 million pixels.

    Returns:
        `(height, width, 3)` uint8, or `None` if it cannot be decoded or has another size.
    """
    import cv2

    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as header:  # decodes nothing
            width, height = header.size
    except Exception:  # Pillow raises of all kinds on bytes that are no picture
        return None
    if width * height > _MOST_PIXELS or (size is not None and (height, width) != (size, size)):
        return None
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    if picture is None or (size is not None and picture.shape[:2] != (size, size)):
        return None
    return picture[..., ::-1]


def read_picture(path: StrPath) -> Array | None:
    """The picture of a file as `decode_jpeg` returns it, of any size, or `None` if it cannot be decoded."""
    path = Path(path)
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return None
    return decode_jpeg(path.read_bytes(), size=None)
