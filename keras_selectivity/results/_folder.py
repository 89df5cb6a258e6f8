"""A folder of results: a file or two for every piece, written once, and packed when a run is finished.

`000017-DIGEST.parquet` holds the rows of networks and layers of the piece that was added as the 17th,
`000017-DIGEST.units.parquet` those of units, if it has any, and is written before the other: a piece is there when
the first file is. The digest is that of the piece's key. `pack-0001/` is a folder that appeared whole, with
`rows.parquet` and `units.parquet`, in place of the pieces that it holds; those of its pieces that still lie beside it,
since a process was killed before it had deleted them, do not count.
"""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl

from keras_selectivity._errors import DamagedError
from keras_selectivity._files import clean_leftovers
from keras_selectivity._files import whole_directory
from keras_selectivity.results._columns import PIECE
from keras_selectivity.results._sealed import sealed
from keras_selectivity.results._sealed import write_checked

_PIECE_FILE = re.compile(r"(\d{6,})-([0-9a-f]{32})\.parquet")
_PACK = re.compile(r"pack-\d{4,}")
_ROWS, _UNITS = "rows.parquet", "units.parquet"
_OF_UNITS = pl.col("unit").is_not_null()


def files_of(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files that hold the rows of a folder: those of networks and layers, and those of units, as they were
    added."""
    packs = _packs(folder)
    pieces = sorted(path for path in folder.glob("*.parquet") if _PIECE_FILE.fullmatch(path.name))
    if packs and pieces:
        packed = _digests(packs)
        pieces = [path for path in pieces if path.stem.partition("-")[2] not in packed]
    rows = [path / _ROWS for path in packs] + pieces
    return rows, [units for path in rows if (units := _units_beside(path)).exists()]


def _packs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("pack-*") if _PACK.fullmatch(path.name))


def _units_beside(rows: Path) -> Path:
    return rows.with_name(_UNITS if rows.name == _ROWS else f"{rows.stem}.{_UNITS}")


def _digest(piece: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps(piece).encode()).hexdigest()[:32]


def _digests(packs: list[Path]) -> set[str]:
    paths = [path / name for path in packs for name in (_ROWS, _UNITS) if (path / name).exists()]
    return {_digest(piece) for piece in sealed(paths).select(PIECE).unique().collect().iter_rows()}


class Folder:
    """What one process adds to a folder of results.

    Args:
        path: The folder, which is made with the first piece.
        damaged: See `Results`.

    Raises:
        DamagedError: A file is damaged.
    """

    def __init__(self, path: Path, damaged: Callable[[Path, DamagedError], object] | None = None) -> None:
        self.path = path
        clean_leftovers(path)
        self._check(damaged)
        rows, units = files_of(path)
        kept = {*rows, *units}
        for file in path.glob("*.parquet"):
            if file not in kept and _PIECE_FILE.fullmatch(file.name.replace(f".{_UNITS}", ".parquet")):
                file.unlink()  # a piece that is packed, or units of one that was not finished
        numbers = [int(path.name.partition("-")[0]) for path in rows if path.name != _ROWS]
        self._next = max(numbers, default=0) + 1

    def _check(self, damaged: Callable[[Path, DamagedError], object] | None) -> None:
        """Names what is damaged: a piece, or a pack, is there with both of its files or not at all."""
        groups = [[path / _ROWS, path / _UNITS] for path in _packs(self.path)]
        pieces = sorted(self.path.glob("*.parquet"))
        groups += [[path, _units_beside(path)] for path in pieces if _PIECE_FILE.fullmatch(path.name)]
        for files in groups:
            there = [file for file in files if file.exists()]
            try:
                sealed(there).select("model").collect()
            except DamagedError as error:
                if damaged is None:
                    raise
                whole = files[0].parent if files[0].name == _ROWS else None
                for file in [whole] if whole else there:
                    damaged(file, error)

    def scan(self) -> pl.LazyFrame:
        """All rows."""
        rows, units = files_of(self.path)
        return sealed(rows + units)

    def append(self, piece: pl.DataFrame) -> None:
        """Adds the rows of one piece."""
        (key,) = piece.select(PIECE).unique().iter_rows()
        path = self.path / f"{self._next:06}-{_digest(key)}.parquet"
        _write(path, piece.filter(~_OF_UNITS), piece.filter(_OF_UNITS))
        self._next += 1

    def extend(self, pieces: pl.DataFrame) -> None:
        """Adds the rows of many pieces as one pack."""
        number = 1
        while (place := self.path / f"pack-{number:04}").exists():
            number += 1
        with whole_directory(place) as temporary:
            _write(temporary / _ROWS, pieces.filter(~_OF_UNITS), pieces.filter(_OF_UNITS))

    def pack(self) -> None:
        """Writes all pieces that lie apart as one pack, then deletes their files."""
        rows, units = ([file for file in files if file.parent == self.path] for files in files_of(self.path))
        if not rows:
            return
        self.extend(sealed(rows + units).collect())
        for file in units + rows:
            file.unlink()


def _write(path: Path, rows: pl.DataFrame, units: pl.DataFrame) -> None:
    # The folder was cleaned when it was opened; doing so again would take longer with every piece.
    if units.height:
        write_checked(_units_beside(path), units.lazy(), clean=False)
    write_checked(path, rows.lazy(), clean=False)
