"""The table of results: one measurement a row, in a CSV or Parquet file that grows piece by piece."""

import contextlib
import csv
from pathlib import Path

import filelock

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file

# Version of this schema. 2 added `schema` and `arm`.
#
# Which network, measured on what, what was measured, and with which software. Empty means that a
# column does not apply: a row without layer belongs to the network, one with `epoch` (0-based) to
# the training history, one with `other` to a pair of networks.
SCHEMA = 2
COLUMNS = {
    "schema": int,
    "study": str,
    "arm": str,
    "model": str,
    "fingerprint": str,
    "other": str,
    "network": str,
    "alpha": float,
    "seed": int,
    "epochs": int,
    "samples_trained_on": int,
    "batch_size": int,
    "dataset": str,
    "split": str,
    "samples": int,
    "perturbation": str,
    "severity": int,
    "epsilon": float,
    "steps": int,
    "layer": str,
    "unit": int,
    "epoch": int,
    "measure": str,
    "value": float,
    "protocol": str,
    "python": str,
    "keras_selectivity": str,
    "keras": str,
    "tensorflow": str,
    "backend": str,
}
# What tells one piece of an evaluation from another. All rows of a piece agree in these.
PIECE = ("model", "other", "dataset", "split", "samples", "perturbation", "severity", "protocol")


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
        self._pieces = {piece_of(row): row["fingerprint"] for row in self.rows}

    def has(self, piece, fingerprint):
        """Whether a piece is there.

        Args:
            piece: Values of `PIECE`, in that order.
            fingerprint: Of the network that is to be measured.

        Raises:
            InputError: The piece is there, of another network of the same name.
        """
        if piece in self._pieces and self._pieces[piece] != fingerprint:
            raise InputError(
                f"{self.path} holds results of another network called {piece[0]}. Choose another file, or start "
                "again with --overwrite."
            )
        return piece in self._pieces

    def add(self, rows):
        """Adds the rows of a piece; columns they lack are empty."""
        rows = [_typed(row) for row in rows]
        if self.path is not None:
            _write(self.path, self.rows + rows)
        self.rows += rows
        self._pieces.update({piece_of(row): row["fingerprint"] for row in rows})


def piece_of(row):
    """The values of `PIECE` in a row."""
    return tuple(row[name] for name in PIECE)


def read_results(path):
    """Reads a table of results.

    Args:
        path: A `.csv` or `.parquet` file.

    Returns:
        A list of dicts: text, integers and floats by column, `None` where a cell is empty.

    Raises:
        InputError: The file is of a newer schema or lacks a column.
        DamagedError: The file cannot be read, ends in the middle of a row, or a cell is of the wrong kind.
    """
    path = Path(path)
    _check_suffix(path)
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet

            table = pyarrow.parquet.read_table(path)
            names, lines = table.column_names, table.to_pylist()
        else:
            with open(path, newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                names, lines = reader.fieldnames or [], list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise DamagedError(f"{path} cannot be read ({error}).") from error
    schemas = {str(line.get("schema") or "") for line in lines if "schema" in names}
    newer = [v for v in schemas if v.isdecimal() and int(v) > SCHEMA]
    if newer:
        raise InputError(
            f"{path} has schema {max(newer)}, this version knows up to {SCHEMA}. Upgrade keras_selectivity."
        )
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}; it is no table of results.")
    if path.suffix == ".csv" and any(cell is None for line in lines for cell in line.values()):
        raise DamagedError(f"{path} ends in the middle of a row.")
    try:
        return [
            _typed({name: None if line[name] == "" else line[name] for name in COLUMNS}) for line in lines
        ]
    except ValueError as error:
        raise DamagedError(f"{path} has a cell of the wrong kind ({error}).") from error


def write_results(path, rows):
    """Writes rows as one whole file.

    Args:
        path: A `.csv` or `.parquet` file.
        rows: Dicts; columns they lack are empty.
    """
    _check_suffix(Path(path))
    _write(Path(path), [_typed(row) for row in rows])


@contextlib.contextmanager
def sole_writer(path):
    """Holds a lock beside a file while the block runs; a killed process leaves it open again.

    Raises:
        InputError: Another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise InputError(f"Another process is writing to {path}. Wait, or choose another file.") from None
    try:
        yield
    finally:
        lock.release()


def _typed(row):
    """A row with every column, each of its kind."""
    unknown = set(row) - set(COLUMNS)
    if unknown:
        raise ValueError(f"There are no columns {', '.join(sorted(unknown))}.")
    row = {"schema": SCHEMA, **row}
    typed = {name: None if row.get(name) is None else kind(row[name]) for name, kind in COLUMNS.items()}
    # What is undefined is an empty cell: NaN is not equal to itself, and no JSON.
    return {name: None if value != value else value for name, value in typed.items()}


def _write(path, rows):
    with whole_file(path) as temporary:
        if path.suffix == ".parquet":
            import pyarrow
            import pyarrow.parquet

            kinds = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
            schema = pyarrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), temporary)
            return
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(COLUMNS), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def _check_suffix(path):
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"Results are .csv or .parquet files. Received: {path}.")
