"""Files of results as they are written: whole, sealed, with every column; and opened as what was written."""

from pathlib import Path

import polars as pl

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file
from keras_selectivity._seal import PLACE
from keras_selectivity._seal import check_seal
from keras_selectivity._seal import seal
from keras_selectivity.results import _csv
from keras_selectivity.results._columns import COLUMNS
from keras_selectivity.results._columns import DTYPES
from keras_selectivity.results._columns import TEXTS
from keras_selectivity.results._frames import conform

SUFFIXES = (".csv", ".parquet")
"""Endings of the files that a table of results may be written to."""
SEAL = "keras_selectivity"  # entry of a Parquet file's metadata


def sealed(paths: list[Path]) -> pl.LazyFrame:
    """What Parquet files hold together that were written here, whose cells were checked then.

    Raises:
        DamagedError: One is not what was written.
    """
    check_seals(paths)
    return conform(scan_files(paths))


def scan_files(paths: list[Path]) -> pl.LazyFrame:
    """What Parquet files hold together; all columns, without a row, if there is no file.

    Columns that the files of an older version lack are empty.
    """
    schema = {name: pl.String if kind is str else DTYPES[kind] for name, kind in COLUMNS.items()}
    if not paths:
        return pl.LazyFrame(schema=schema)
    return pl.scan_parquet(paths, glob=False, schema=schema, missing_columns="insert")


def check_seals(paths: list[Path]) -> None:
    """Refuses files that are not what was written.

    Raises:
        DamagedError: Naming the first.
    """
    for path in paths:
        if not check_seal(path):
            raise DamagedError(f"{path} is damaged in its checksum.")


def write_checked(path: Path, table: pl.LazyFrame, clean: bool = True) -> None:
    """As `write`, a table with all columns whose cells were checked; `clean` as in `whole_file`."""
    with whole_file(path, clean) as temporary:
        try:
            if path.suffix == ".parquet":
                texts = table.with_columns(pl.col(TEXTS).cast(pl.String))
                texts.sink_parquet(temporary, metadata={SEAL: PLACE})
            else:
                _csv.write(table, temporary, PLACE)
        except (OSError, pl.exceptions.ComputeError):
            # Polars does not hand on which error of the system stopped it, such as a full disk; writing more does.
            with open(temporary, "ab") as file:
                file.write(bytes(1 << 20))
            raise
        seal(temporary)


def check_suffix(path: Path) -> None:
    """Refuses a path that is not a file of a table."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"Results are .csv or .parquet files. Received: {path}.")
