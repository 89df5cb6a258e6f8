"""Frames with the columns of a table of results, from dicts and from frames of other types."""

import operator
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import polars as pl

from keras_selectivity._errors import InputError
from keras_selectivity.results._columns import COLUMNS
from keras_selectivity.results._columns import DTYPES
from keras_selectivity.results._columns import SCHEMA
from keras_selectivity.results._columns import check

_TEXT = (pl.String, pl.Categorical, pl.Enum)


def frame(rows: Iterable[Mapping[str, object]]) -> pl.DataFrame:
    """A table of results from rows.

    Args:
        rows: Dicts of text, whole numbers and numbers by column; columns they lack are empty.

    Returns:
        A frame with every column, texts as `Categorical`; `null` where a column does not apply, or a value is
        undefined.

    Raises:
        InputError: A value is of the wrong kind or out of its range, or there is no such column.
    """
    rows = list(rows)
    unknown = set().union(*rows) - set(COLUMNS)
    try:
        if unknown:
            raise ValueError(f"there are no columns {', '.join(sorted(unknown))}")
        found = pl.DataFrame([_column(name, rows) for name in COLUMNS])
        check(found)
    except ValueError as error:
        raise InputError(f"The rows cannot be kept: {error}.") from error
    return found


def as_lazy(table: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
    """A table as a lazy frame.

    Raises:
        InputError: It is not a frame.
    """
    if not isinstance(table, pl.DataFrame | pl.LazyFrame):
        raise InputError(
            "A table of results is a Polars frame, from keras_selectivity.results.read, scan or frame. Received: "
            f"{type(table).__name__}."
        )
    return table.lazy()


def conform(table: pl.LazyFrame, text: type[pl.DataType] = pl.Categorical) -> pl.LazyFrame:
    """A table with the types of `DTYPES`, columns in order.

    Args:
        table: Has columns of `COLUMNS`; those it lacks are empty.
        text: The type of texts, `String` where they are only handed on.

    Raises:
        ValueError: A column is unknown, or holds another kind of value.
    """
    schema = table.collect_schema()
    unknown = [name for name in schema if name not in COLUMNS]
    if unknown:
        raise ValueError(f"there are no columns {', '.join(unknown)}")
    dtypes = {name: text if kind is str else DTYPES[kind] for name, kind in COLUMNS.items()}
    return table.select(
        _cast(name, schema[name], dtype) if name in schema else _empty(name, dtype)
        for name, dtype in dtypes.items()
    )


def _empty(name: str, dtype: type[pl.DataType]) -> pl.Expr:
    return pl.lit(SCHEMA if name == "schema" else None, dtype).alias(name)


def _cast(name: str, found: pl.DataType, dtype: type[pl.DataType]) -> pl.Expr:
    kind = COLUMNS[name]
    fits = found in _TEXT if kind is str else found.is_integer() or (kind is float and found.is_float())
    if not fits and found != pl.Null:
        raise ValueError(f"{name} is {_WORDS[kind]}, and the column holds {found}")
    column = pl.col(name).cast(dtype)
    if kind is float:  # what is undefined is an empty cell: NaN is not equal to itself, and no JSON
        column = column.fill_nan(None)
    return pl.when(column.is_finite()).then(column).alias(name) if name == "value" else column


_WORDS = {str: "text", int: "a whole number", float: "a number"}


def _column(name: str, rows: list[Mapping[str, object]]) -> pl.Series:
    kind = COLUMNS[name]
    default = SCHEMA if name == "schema" else None
    found = (row.get(name, default) for row in rows)
    cells = [None if value is None else _CELLS[kind](name, value) for value in found]
    return pl.Series(name, cells, pl.String if kind is str else DTYPES[kind]).cast(DTYPES[kind])


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is text, and is {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} is a line of printable characters, and is {value[:40]!r}") from None
    return str(value)


def _whole(name: str, value: Any) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} is a whole number, and is {value!r}") from None
    if abs(number) >= 2**63:
        raise ValueError(f"{name} lies within 64 bits, and is {number}")
    return number


def _number(name: str, value: Any) -> float | None:
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is a number, and is {value!r}") from None
    if number != number or (name == "value" and abs(number) == float("inf")):
        return None
    return number


_CELLS = {str: _text, int: _whole, float: _number}
