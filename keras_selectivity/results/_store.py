"""Results that grow piece by piece: what of them is there, and adding to them."""

import shutil
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import polars as pl

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity.results._columns import KEY
from keras_selectivity.results._columns import PIECE
from keras_selectivity.results._columns import refuse_twice
from keras_selectivity.results._folder import Folder
from keras_selectivity.results._frames import frame
from keras_selectivity.results._parts import Parts
from keras_selectivity.results._parts import folder_of_parts
from keras_selectivity.results._sealed import SUFFIXES
from keras_selectivity.results._sealed import write_checked
from keras_selectivity.results._select import evaluation_in
from keras_selectivity.results._table import check_output
from keras_selectivity.results._table import read


class OtherProtocolError(InputError):
    """Results hold rows of a measurement by another protocol, with which new ones could not be compared.

    Attributes:
        found: What the results hold.
        evaluation: Name of the measurement.
    """

    def __init__(self, found: str, evaluation: str) -> None:
        super().__init__(f"{found} Choose another file, or start again with --overwrite.")
        self.found, self.evaluation = found, evaluation


Damaged = Callable[[Path, DamagedError], object]


class _Kept(Protocol):
    def scan(self) -> pl.LazyFrame: ...

    def append(self, piece: pl.DataFrame) -> None: ...

    def extend(self, pieces: pl.DataFrame) -> None: ...

    def pack(self) -> None: ...


class Results:
    """Rows in memory, in a file, or in a folder, to which pieces are added.

    A folder is for what runs long: every piece appears whole as a Parquet file of its own, and none is ever written
    again, so the thousandth costs what the first did. A `.csv` or `.parquet` file is written whole with every
    piece, which is for few networks.

    Args:
        path: A folder, or a `.csv` or `.parquet` file, continued if it exists; `None` keeps the rows in memory.
        overwrite: Replace an existing file with the first piece instead. Defaults to False.
        damaged: Called with the path and the error for every damaged file of a folder, to set it aside; the folder is
            then opened without it. Defaults to raising the error.

    Raises:
        InputError: The file is of another kind or has other columns; `overwrite` for a folder, or for a file that is no
            table of results.
        DamagedError: A file is damaged.
    """

    def __init__(
        self, path: str | Path | None = None, overwrite: bool = False, damaged: Damaged | None = None
    ) -> None:
        self.path = None if path is None else Path(path)
        self._kept: _Kept
        if self.path is None:
            self._kept = _Memory()
        elif self.path.suffix:
            self._kept = _File(self.path, overwrite)
            if overwrite:
                shutil.rmtree(folder_of_parts(self.path), ignore_errors=True)
        elif overwrite:
            raise InputError(f"A folder of results is not overwritten. Choose another than {path}.")
        else:
            self._kept = Folder(self.path, damaged)
        self._pieces: set[tuple[object, ...]] = set()
        self._networks: dict[object, str] = {}
        self._protocols: dict[tuple[object, ...], tuple[object, ...]] = {}
        self._note(self._kept.scan().select(*PIECE, "fingerprint").unique().collect())

    @property
    def fingerprints(self) -> set[str]:
        """Of the networks that there are rows of."""
        return set(self._networks.values())

    def has(self, piece: tuple[object, ...], fingerprint: str) -> bool:
        """Whether a piece is there; reads nothing.

        Args:
            piece: Values of `PIECE`, in that order.
            fingerprint: Of the network that is to be measured.

        Raises:
            InputError: There are rows of another network of the same name.
            OtherProtocolError: There are rows of the same measurement by another protocol.
        """
        if self._networks.get(piece[0], fingerprint) != fingerprint:
            raise InputError(
                f"{self.path} holds results of another network called {piece[0]}. Choose another file, or start "
                "again with --overwrite."
            )
        same, protocol = _measurement(piece)
        before = self._protocols.get(same, protocol)
        if before != protocol:
            raise OtherProtocolError(
                f"{self.path or 'The table'} holds results of {piece[0]} by another protocol, which cannot be "
                f"compared: {' '.join(map(str, before))} before, {' '.join(map(str, protocol))} now.",
                str(same[-1]),
            )
        return piece in self._pieces

    def add(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Adds the rows of a piece; columns they lack are empty.

        Args:
            rows: Dicts that agree in `PIECE`; none add nothing.

        Raises:
            InputError: A value is of the wrong kind or out of its range, there is no such column, a row is there twice,
                or the rows are of several pieces, or of one that is there.
        """
        piece = frame(rows)
        if piece.is_empty():
            return
        keys = set(piece.select(PIECE).unique().iter_rows())
        if len(keys) > 1:
            raise InputError(
                f"The rows are of {len(keys)} pieces. Add one at a time: they agree in {', '.join(PIECE)}."
            )
        if keys & self._pieces:
            raise InputError(f"The results hold that piece already: {keys.pop()}.")
        keys_of_rows = piece.select(KEY)
        refuse_twice(keys_of_rows.filter(keys_of_rows.is_duplicated()))
        self._kept.append(piece)
        self._note(piece)

    def parts(self, shared: Mapping[str, object]) -> Parts:
        """What is there of a piece that was interrupted, and where the rest of it goes.

        Args:
            shared: Columns that all its rows share.
        """
        return Parts(self.path, shared)

    def adopt(self, table: pl.DataFrame) -> None:
        """Adds those pieces of another table that are not there yet, all at once.

        Args:
            table: What `keras_selectivity.results.read` returns.
        """
        keys = [
            key
            for key in table.select(PIECE).unique(maintain_order=True).iter_rows()
            if key not in self._pieces
        ]
        wanted = frame(dict(zip(PIECE, key, strict=True)) for key in keys).select(PIECE)
        new = table.join(wanted, on=PIECE, how="semi", nulls_equal=True, maintain_order="left")
        if new.height:
            self._kept.extend(new)
            self._note(new)

    def _note(self, rows: pl.DataFrame) -> None:
        pieces = set(rows.select(PIECE).unique().iter_rows())
        self._pieces |= pieces
        for piece in pieces:
            self._protocols.setdefault(*_measurement(piece))
        self._networks |= dict(rows.select("model", "fingerprint").unique().iter_rows())

    def scan(self) -> pl.LazyFrame:
        """All rows, as `keras_selectivity.results.scan` gives them."""
        return self._kept.scan()

    def frame(self) -> pl.DataFrame:
        """All rows, in memory."""
        return self.scan().collect()

    def pack(self) -> None:
        """Writes the pieces of a folder together, as one file of rows of networks and layers, and one of those of
        units.

        For when nothing is to be added for the time being; more can be added, and packed, later.
        """
        self._kept.pack()


def _measurement(piece: tuple[object, ...]) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """What a piece measures, of which a table holds one protocol, and that protocol.

    The history of a training has no protocol, and a piece for every split.
    """
    found = dict(zip(PIECE, piece, strict=True))
    protocol = tuple(found.pop(name) for name in ("dataset", "split", "samples", "protocol"))
    text = protocol[-1]
    return (*found.values(), evaluation_in(text) if isinstance(text, str) else protocol), protocol


class _Memory:
    def __init__(self) -> None:
        self._rows = frame([])

    def scan(self) -> pl.LazyFrame:
        return self._rows.lazy()

    def append(self, piece: pl.DataFrame) -> None:
        self._rows = pl.concat([self._rows, piece])

    def extend(self, pieces: pl.DataFrame) -> None:
        self.append(pieces)

    def pack(self) -> None:
        pass


class _File(_Memory):
    def __init__(self, path: Path, overwrite: bool) -> None:
        if path.suffix not in SUFFIXES:
            raise InputError(f"Results are .csv or .parquet files, or a folder. Received: {path}.")
        if overwrite:
            check_output(path)
        self._path = path
        self._rows = read(path) if path.exists() and not overwrite else frame([])

    def append(self, piece: pl.DataFrame) -> None:
        rows = pl.concat([self._rows, piece])
        write_checked(self._path, rows.lazy())
        self._rows = rows
