"""What an unfinished piece has found so far, beside the results that it will be added to.

Results in `NAME` have a folder `.NAME.parts/DIGEST/` per unfinished piece, with an `.npz` file per part that is done.
The digest is that of everything that the piece's rows share, so that nothing is taken over from another network,
protocol or version.
"""

import hashlib
import json
import logging
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_selectivity import __version__
from keras_selectivity._files import whole_file
from keras_selectivity._types import Array

_LOG = logging.getLogger(__name__)


def folder_of_parts(path: Path) -> Path:
    """Where the parts of the unfinished pieces of results lie."""
    return path.with_name(f".{path.name}.parts")


class Parts:
    """The parts of one piece that are done, by name.

    Args:
        results: Path of the results; `None` keeps the parts in memory.
        shared: Columns that all rows of the piece share: JSON values.
    """

    def __init__(self, results: Path | None, shared: Mapping[str, object]) -> None:
        self._memory: dict[str, Mapping[str, Array]] = {}
        self._folder: Path | None = None
        if results is not None:
            key = json.dumps({**shared, "version": __version__}, sort_keys=True)
            digest = hashlib.sha256(key.encode()).hexdigest()[:32]
            self._folder = folder_of_parts(results) / digest

    def read(self, name: str) -> Mapping[str, Array] | None:
        """The arrays of a part, or `None` if it is to be done (again, if its file is damaged)."""
        if self._folder is None:
            return self._memory.get(name)
        path = self._folder / f"{name}.npz"
        try:
            # Opened here, since NumPy leaves open what it finds damaged
            with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
                return {key: file[key] for key in file.files}
        except FileNotFoundError:
            return None
        except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
            _LOG.warning("%s is damaged (%s). That part is done again.", path, error)
            return None

    def write(self, name: str, arrays: Mapping[str, Array]) -> None:
        """Keeps the arrays of a part."""
        if self._folder is None:
            self._memory[name] = arrays
            return
        with whole_file(self._folder / f"{name}.npz") as temporary:
            np.savez(temporary, allow_pickle=False, **arrays)

    def forget(self) -> None:
        """Deletes all parts, once the rows made of them are kept."""
        self._memory.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            if self._folder.parent.exists() and not any(self._folder.parent.iterdir()):
                self._folder.parent.rmdir()
