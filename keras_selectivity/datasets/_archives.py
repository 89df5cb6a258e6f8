"""Archives of pictures, checked before anything is read from them, and what prepares data sets from them."""

import hashlib
from pathlib import PurePosixPath

import numpy as np

from keras_selectivity._errors import InputError


def prepare(builder, name):
    """Prepares a tensorflow-datasets builder that has an archive or downloads one.

    Raises:
        InputError: What the builder found wrong with the archive, or why the download failed.
    """
    try:
        builder.download_and_prepare()
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{name} could not be prepared in {builder.data_dir} ({type(error).__name__}: {error}). Check the network, "
            "or put the archive on this machine and name it with --archive."
        ) from error


def check_digest(path, md5):
    """Refuses a file with another MD5.

    Raises:
        InputError: Naming both.
    """
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != md5:
        raise InputError(f"{path} has MD5 {found} instead of {md5}. Get the archive again.")


def check_names(path, names):
    """Refuses an archive with a name that leads out of its folder.

    Raises:
        InputError: Naming it.
    """
    for name in names:
        parts = PurePosixPath(name).parts
        if PurePosixPath(name).is_absolute() or ".." in parts or "\\" in name:
            raise InputError(
                f"{path} holds a name that leads out of its folder, {name!r}. Do not use this archive."
            )


def decode_jpeg(content, size=64):
    """A picture as RGB.

    Args:
        content: Bytes of a picture file.
        size: Pixels a side that it must have; `None` takes any.

    Returns:
        `(height, width, 3)` uint8, or `None` if it cannot be decoded or has another size.
    """
    import cv2

    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if picture is None or (size is not None and picture.shape[:2] != (size, size)):
        return None
    return picture[..., ::-1]
