"""The table of results: one measurement a row, in a CSV or Parquet file that grows piece by piece."""

import contextlib
import csv
import json
from pathlib import Path

import filelock

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file
from keras_selectivity._seal import PLACE
from keras_selectivity._seal import check_seal
from keras_selectivity._seal import seal
from keras_selectivity.studies._columns import COLUMNS
from keras_selectivity.studies._columns import KEY
from keras_selectivity.studies._columns import PIECE
from keras_selectivity.studies._columns import SCHEMA
from keras_selectivity.studies._columns import typed

# Before a text that a spreadsheet would take for a formula, and before itself
_QUOTE = "'"
_FORMULA = tuple("=+-@'")
_SEAL = "keras_selectivity"  # entry of a Parquet file's metadata
_MOST_ROWS = 50_000_000


class Results:
    """Rows in memory and, if it has a path, in a file that is replaced whole with every piece.

    Args:
        path: A `.csv` or `.parquet` file, continued if it exists; `None` keeps the rows in memory.
        overwrite: Replace an existing file with the first piece instead. Defaults to False.

    Attributes:
        rows: Dicts with a value for every column; `None` where a column does not apply.

    Raises:
        InputError: The file is of another kind or has other columns.
    """

    def __init__(self, path=None, overwrite=False):
        self.path = None if path is None else Path(path)
        self.rows = []
        if self.path is not None:
            _check_suffix(self.path)
            if self.path.exists() and not overwrite:
                self.rows = read_results(self.path)
        self._pieces, self._networks, self._protocols = set(), {}, {}
        self._note(self.rows)

    def has(self, piece, fingerprint):
        """Whether a piece is there.

        Args:
            piece: Values of `PIECE`, in that order.
            fingerprint: Of the network that is to be measured.

        Raises:
            InputError: There are rows of another network of the same name, or of the same measurement by another
                protocol, with which these could not be compared.
        """
        if self._networks.get(piece[0], fingerprint) != fingerprint:
            raise InputError(
                f"{self.path} holds results of another network called {piece[0]}. Choose another file, or start "
                "again with --overwrite."
            )
        same, protocol = _measurement(piece)
        before = self._protocols.get(same, protocol)
        if before != protocol:
            raise InputError(
                f"{self.path or 'The table'} holds results of {piece[0]} by another protocol, which cannot be "
                f"compared: {' '.join(map(str, before))} before, {' '.join(map(str, protocol))} now. Choose another "
                "file, or start again with --overwrite."
            )
        return piece in self._pieces

    def add(self, rows):
        """Adds the rows of a piece; columns they lack are empty."""
        rows = _checked(rows)
        if self.path is not None:
            _write(self.path, self.rows + rows)
        self.rows += rows
        self._note(rows)

    def _note(self, rows):
        pieces = {piece_of(row) for row in rows if row["epoch"] is None}
        self._pieces |= pieces
        self._networks |= {row["model"]: row["fingerprint"] for row in rows}
        for piece in pieces:
            self._protocols.setdefault(*_measurement(piece))


def piece_of(row):
    """The values of `PIECE` in a row."""
    return tuple(row[name] for name in PIECE)


def _measurement(piece):
    """What a piece measures, of which a table holds one protocol, and that protocol."""
    found = dict(zip(PIECE, piece, strict=True))
    protocol = tuple(found.pop(name) for name in ("dataset", "split", "samples", "protocol"))
    return (*found.values(), json.loads(protocol[-1] or "{}").get("evaluation")), protocol


def read_results(path):
    """Reads a table of results.

    Args:
        path: A `.csv` or `.parquet` file.

    Returns:
        A list of dicts: text, integers and floats by column, `None` where a cell is empty.

    Raises:
        InputError: The file is missing or of a newer schema, or its columns are not those of `COLUMNS`.
        DamagedError: Its checksum does not fit, it cannot be read, ends in the middle of a row, holds a row twice, or
            a cell is of the wrong kind or out of its range.
    """
    path = Path(path)
    _check_suffix(path)
    sealed = check_seal(path)
    try:
        names, lines = (_read_parquet if path.suffix == ".parquet" else _read_csv)(path, sealed)
    except (OSError, ValueError, csv.Error, NotImplementedError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise DamagedError(f"{path} cannot be read ({error}).") from error
    _check_columns(path, names, lines)
    try:
        rows = typed([dict(zip(names, line, strict=True)) for line in lines])
    except (ValueError, TypeError) as error:
        raise DamagedError(f"{path} has a bad cell: {error}.") from error
    if len({tuple(row[name] for name in KEY) for row in rows}) < len(rows):
        raise DamagedError(f"{path} holds a row twice.")
    return rows


def _read_parquet(path, sealed):
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        if file.metadata.num_rows > _MOST_ROWS:
            raise InputError(
                f"{path} has {file.metadata.num_rows:,} rows, more than the {_MOST_ROWS:,} that are read."
            )
        table = file.read()
    if not sealed and _SEAL.encode() in (table.schema.metadata or {}):
        raise DamagedError(f"{path} is damaged in its checksum.")
    columns = [column.to_pylist() for column in table.columns]
    return table.column_names, list(zip(*columns, strict=True)) if columns else []


def _read_csv(path, sealed):
    with open(path, newline="", encoding="utf-8") as file:
        names, *lines = list(csv.reader(file, strict=True)) or [[]]
    if any(len(line) != len(names) for line in lines):
        raise DamagedError(f"{path} ends in the middle of a row, or has rows that are too long.")
    if sealed:
        names, lines = names[:-1], [line[:-1] for line in lines]
    kinds = [COLUMNS.get(name) for name in names]
    return names, [[_from_cell(cell, kind) for cell, kind in zip(line, kinds, strict=True)] for line in lines]


def _from_cell(cell, kind):
    if kind is str and cell[:1] == _QUOTE and cell[1:2] in _FORMULA:
        return cell[1:]
    return cell or None


def _check_columns(path, names, lines):
    twice = sorted({name for name in names if names.count(name) > 1})
    missing = [name for name in COLUMNS if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if "schema" in names:
        schemas = {str(line[names.index("schema")]) for line in lines}
        newer = [text for text in schemas if text.isdecimal() and int(text[:9]) > SCHEMA]
        if newer:
            raise InputError(
                f"{path} has schema {max(newer)}, this version knows up to {SCHEMA}. Upgrade keras_selectivity."
            )
    for problem, found in (
        ("lacks the columns", missing),
        ("has twice", twice),
        ("has unknown columns", unknown),
    ):
        if found:
            raise InputError(f"{path} {problem} {', '.join(found)[:300]}; it is no table of results.")


def write_results(path, rows):
    """Writes rows as one whole file.

    Args:
        path: A `.csv` or `.parquet` file.
        rows: Dicts; columns they lack are empty.
    """
    _check_suffix(Path(path))
    _write(Path(path), _checked(rows))


@contextlib.contextmanager
def sole_writer(path, wait=False):
    """Holds a lock beside a file while the block runs; a killed process leaves it open again.

    Args:
        path: The file.
        wait: Wait for another process that holds it, instead of refusing.

    Raises:
        InputError: Another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(blocking=wait)
    except filelock.Timeout:
        raise InputError(f"Another process is writing to {path}. Wait, or choose another file.") from None
    try:
        yield
    finally:
        lock.release()


def _checked(rows):
    try:
        return typed(rows)
    except ValueError as error:
        raise InputError(f"The rows cannot be kept: {error}.") from error


def _write(path, rows):
    with whole_file(path) as temporary:
        if path.suffix == ".parquet":
            import pyarrow
            import pyarrow.parquet

            kinds = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
            columns = [(name, kinds[kind]) for name, kind in COLUMNS.items()]
            schema = pyarrow.schema(columns, metadata={_SEAL: PLACE})
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), temporary)
        else:
            # The checksum is the heading of a column without values.
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow([*COLUMNS, PLACE])
                writer.writerows([*map(_to_cell, row.values()), None] for row in rows)
        seal(temporary)


def _to_cell(value):
    return f"{_QUOTE}{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _check_suffix(path):
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"Results are .csv or .parquet files. Received: {path}.")
