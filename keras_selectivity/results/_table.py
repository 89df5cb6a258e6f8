"""A table of results on disk: reading, scanning and writing whole files."""

import contextlib
from collections.abc import Collection
from collections.abc import Iterator
from pathlib import Path

import filelock
import polars as pl

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import check_replaceable
from keras_selectivity._seal import check_seal
from keras_selectivity._seal import has_seal
from keras_selectivity.results import _csv
from keras_selectivity.results._columns import COLUMNS
from keras_selectivity.results._columns import KEY
from keras_selectivity.results._columns import SCHEMA
from keras_selectivity.results._columns import check
from keras_selectivity.results._columns import refuse_twice
from keras_selectivity.results._folder import files_of
from keras_selectivity.results._frames import as_lazy
from keras_selectivity.results._frames import conform
from keras_selectivity.results._older import ADDED
from keras_selectivity.results._older import renewed
from keras_selectivity.results._sealed import SEAL
from keras_selectivity.results._sealed import SUFFIXES
from keras_selectivity.results._sealed import check_suffix
from keras_selectivity.results._sealed import sealed
from keras_selectivity.results._sealed import write_checked

_MOST_ROWS = 50_000_000
_PART = 1_000_000  # rows that are looked at together
# What a file that is not a table, or a damaged one, can make Polars raise
_UNREADABLE = (OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException)


def read(path: str | Path) -> pl.DataFrame:
    """Reads a table of results into memory, all of it; `scan` takes of a large one what is asked for.

    Args:
        path: As in `scan`.

    Returns:
        A frame, one measurement per row: texts as `Categorical`, integers and floats by column, `null` where a column
        does not apply.

    Raises:
        InputError: As `scan`.
    """
    return scan(path).collect()


def scan(path: str | Path) -> pl.LazyFrame:
    """Opens a table of results and checks every cell, holding a part of it at a time.

    Args:
        path: A `.csv` or `.parquet` file, or the folder of a `Results`.

    Returns:
        A lazy frame with the columns of `COLUMNS`, one measurement per row. Only columns and rows that are asked for
        are read. Rows of networks and layers come before those of units. A CSV file is in memory.

    Raises:
        InputError: The file is missing or of a newer schema, or its columns are not those of `COLUMNS`.
        DamagedError: Its checksum does not fit, it cannot be read, ends in the middle of a row, holds a row twice, or
            a cell is of the wrong kind or out of its range.
    """
    path = Path(path)
    if path.is_dir() and path.suffix not in SUFFIXES:
        rows, units = files_of(path)
        table = sealed(rows + units)
    else:
        check_suffix(path)
        table = _open(path)
    _check_cells(path, table)
    return table


def write(path: str | Path, table: pl.DataFrame | pl.LazyFrame) -> None:
    """Writes a table of results as one whole file; a table of millions of rows should be Parquet.

    Args:
        path: A `.csv` or `.parquet` file.
        table: Has columns of `COLUMNS`; those it lacks are empty.

    Raises:
        InputError: The file exists and is no table of results, there is no such column, a value is of the wrong kind or
            out of its range, or a row is there twice.
    """
    check_suffix(Path(path))
    lazy = as_lazy(table)
    try:
        lazy = conform(lazy)
        twice = _checked(Path(path), lazy)
    except (ValueError, pl.exceptions.PolarsError) as error:
        raise InputError(f"The rows cannot be kept: {error}.") from error
    refuse_twice(twice)
    check_output(path)
    write_checked(Path(path), lazy)


def check_output(path: str | Path) -> None:
    """Refuses a file that exists and is no table of results, which would be lost.

    Raises:
        InputError: It is one.
    """
    check_replaceable(path, _is_table)


def _is_table(path: Path) -> bool:
    if has_seal(path):
        return True
    try:  # of a version that wrote no checksums
        _open(path)
    except InputError:
        return False
    return True


@contextlib.contextmanager
def sole_writer(path: str | Path, wait: bool = False) -> Iterator[None]:
    """Holds a lock beside a file or folder while the block runs; a killed process leaves it open again.

    Args:
        path: The file or folder.
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


def _open(path: Path) -> pl.LazyFrame:
    try:
        has_seal = check_seal(path)
        if path.suffix == ".csv":
            heading = _csv.names_of(path)
            names = heading[:-1] if has_seal else heading
            _refuse(path, "has twice", {name for name in names if names.count(name) > 1})
            table = _csv.read(path, heading)
        else:
            if not has_seal and SEAL in pl.read_parquet_metadata(path):
                raise DamagedError(f"{path} is damaged in its checksum.")
            table = pl.scan_parquet(path, glob=False)
            names = table.collect_schema().names()
        oldest = _oldest(path, table)
        older = oldest < SCHEMA
        later = {name for schema, added in ADDED.items() if oldest < schema for name in added}
        _refuse(
            path, "lacks the columns", [name for name in COLUMNS if name not in names and name not in later]
        )
        _refuse(path, "has unknown columns", [name for name in names if name not in COLUMNS])
        return renewed(conform(table)) if older else conform(table)
    except _UNREADABLE as error:
        raise _named(path, error) from error


def _named(path: Path, error: BaseException) -> InputError:
    """The exception that says what is wrong with a file."""
    if isinstance(error, InputError):
        return error
    reason = " ".join(str(error).split())[:200]
    if isinstance(error, ValueError | pl.exceptions.InvalidOperationError):
        return DamagedError(f"{path} has a bad cell: {reason}.")
    return DamagedError(f"{path} cannot be read ({reason}).")


def _refuse(path: Path, problem: str, columns: Collection[str]) -> None:
    if columns:
        raise InputError(f"{path} {problem} {', '.join(columns)[:300]}; it is not a table of results.")


def _oldest(path: Path, table: pl.LazyFrame) -> int:
    """The oldest schema of the rows; newer ones than this version's are refused."""
    kind = table.collect_schema().get("schema")
    if not kind or not kind.is_integer():
        return SCHEMA  # what is wrong with the column is said where all are looked at
    oldest, newest = table.select(old=pl.col("schema").min(), new=pl.col("schema").max()).collect().row(0)
    if newest is not None and newest > SCHEMA:
        raise InputError(
            f"{path} has schema {newest}, this version knows up to {SCHEMA}. Upgrade keras_selectivity."
        )
    return SCHEMA if oldest is None else int(oldest)


def _parts(path: Path, table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    rows = table.select(pl.len()).collect().item()
    if rows > _MOST_ROWS:
        raise InputError(f"{path} has {rows:,} rows, more than the {_MOST_ROWS:,} that are read.")
    for start in range(0, rows, _PART):
        yield table.slice(start, _PART).collect()


def _check_cells(path: Path, table: pl.LazyFrame) -> None:
    try:
        twice = _checked(path, table)
    except _UNREADABLE as error:
        raise _named(path, error) from error
    if twice.height:
        raise DamagedError(f"{path} holds a row twice.")


def _checked(path: Path, table: pl.LazyFrame) -> pl.DataFrame:
    """Looks at every cell; returns the keys of rows that are there twice, told by a hash first, of eight bytes a row.

    Raises:
        ValueError: A value is out of its range, or no such text.
    """
    hashes = []
    for part in _parts(path, table):
        check(part)
        hashes.append(part.select(KEY).hash_rows())
    every = pl.concat(hashes) if hashes else pl.Series(dtype=pl.UInt64)
    alike = every.filter(every.is_duplicated()).unique()
    if alike.is_empty():
        return pl.DataFrame()
    keys = [part.select(KEY) for part in _parts(path, table)]
    found = pl.concat(k.filter(k.hash_rows().is_in(alike.implode())) for k in keys)
    return found.filter(found.is_duplicated())
