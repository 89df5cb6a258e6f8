"""Tables of results as CSV: an export that spreadsheets open, and that is read as strictly as Parquet."""

import csv
import functools
from pathlib import Path

import polars as pl

from keras_selectivity.results._columns import COLUMNS
from keras_selectivity.results._columns import DTYPES
from keras_selectivity.results._columns import TEXTS

# Before a text that a spreadsheet would take for a formula, and before itself
_QUOTE = "'"
_read = functools.partial(
    pl.read_csv, has_header=False, skip_rows=1, infer_schema=False, raise_if_empty=False
)
_QUOTED = r'"(?:[^"]|"")*"'


def names_of(path: Path) -> list[str]:
    """The heading of a CSV file."""
    with open(path, newline="", encoding="utf-8") as file:
        return next(csv.reader([file.readline()], strict=True), [])


def read(path: Path, names: list[str]) -> pl.LazyFrame:
    """The cells below a heading.

    Args:
        path: A file of UTF-8.
        names: The heading, of which `COLUMNS` has all but those without values.

    Raises:
        ValueError: A row has too many or too few cells, or a cell is not a number.
    """
    known = [name for name in names if name in COLUMNS]
    # Polars fills rows that are too short; so the cells of a line are counted, whatever stands between quotes.
    lines = _read(path, separator="\x01", quote_char=None, new_columns=["line"])
    if not lines.height or not known:
        return pl.LazyFrame(schema=dict.fromkeys(known, pl.Null))
    bare = lines["line"].fill_null("").str.replace_all(_QUOTED, "")
    if (
        (bare.str.count_matches(",", literal=True) != len(names) - 1) | bare.str.contains('"', literal=True)
    ).any():
        raise ValueError("it ends in the middle of a row, or has rows that are too long")
    cells = _read(path, new_columns=names).select(known)
    cells = cells.with_columns(pl.when(pl.all() != "").then(pl.all()))
    return cells.with_columns(_from_text(cells[name]) for name in cells.columns).lazy()


def _from_text(column: pl.Series) -> pl.Series:
    kind = COLUMNS[column.name]
    if kind is str:
        marked = column.str.contains(r"^'[=+\-@']")
        return pl.select(
            pl.when(marked).then(column.str.slice(1)).otherwise(column).alias(column.name)
        ).to_series()
    numbers = column.cast(DTYPES[kind], strict=False)
    if kind is int:
        numbers = pl.select(pl.when(column.str.contains(r"^-?\d+$")).then(numbers)).to_series()
    wrong = column.filter(numbers.is_null() & column.is_not_null())
    if len(wrong):
        what = "a whole number" if kind is int else "a number"
        raise ValueError(f"{column.name} is {what}, and is {wrong[0][:40]!r}")
    return numbers.alias(column.name)


def write(table: pl.LazyFrame, path: Path, place: str) -> None:
    """Writes a table; `place` is the heading of a column without values."""
    marked = [
        pl.when(text.str.contains(r"^[=+\-@']")).then(pl.lit(_QUOTE) + text).otherwise(text).alias(name)
        for name in TEXTS
        for text in [pl.col(name).cast(pl.String)]
    ]
    table.with_columns(*marked, pl.lit(None, pl.String).alias(place)).sink_csv(path)
