"""The columns of a table of results, and what a cell may hold: nothing that comes from a file is taken on trust."""

import functools
import json
import math
import re
from typing import Any

import polars as pl

from keras_selectivity._errors import InputError
from keras_selectivity._json_file import mismatch

# Version of this schema. 2 added `schema` and `arm`; 3 names measurements as study files do; 4 added `training`.
#
# Which network, measured on what, what was measured, and with which software. Empty means that a
# column does not apply: a row without layer belongs to the network, one with `epoch` (0-based) to
# the training history, one with `other` to a pair of networks. `training` is a JSON object with everything of how the
# network was trained that is neither alpha, nor seed, nor a result.
SCHEMA = 4
COLUMNS: dict[str, type] = {
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
    "training": str,
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
"""Columns of a table of results, in their order, with the type of their values."""
TEXTS = [name for name, kind in COLUMNS.items() if kind is str]
# In memory; a file holds texts as they are, which any program reads.
DTYPES: dict[type, type[pl.DataType]] = {str: pl.Categorical, int: pl.Int64, float: pl.Float64}
PIECE = ("model", "other", "dataset", "split", "samples", "perturbation", "severity", "protocol")
"""Columns that tell one piece of an evaluation from another: all rows of a piece agree in them."""
# What tells one row from another
KEY = ("study", "arm", *PIECE, "layer", "unit", "epsilon", "steps", "epoch", "measure")

# Lowest and highest value
_RANGES: dict[str, tuple[float, float]] = {
    "schema": (1, SCHEMA),
    "epochs": (0, math.inf),
    "samples_trained_on": (0, math.inf),
    "batch_size": (1, math.inf),
    "samples": (0, math.inf),
    "severity": (1, 5),
    "epsilon": (0, math.inf),
    "steps": (0, math.inf),
    "unit": (0, math.inf),
    "epoch": (0, math.inf),
}
# Measures that are shares; selectivity in the logs of a training may be d′.
_SHARE = re.compile(
    r"(?!relative_)(\w+_)?accuracy|dead(_units|_unit_gradients)?|sparse_units|zero_gradients|"
    r"(mean_)?(precision|active_share)|val_selectivity/preferred_changed(_once)?"
)
_INDEX = re.compile(r"(mean_)?selectivity(_over_units)?")
_ROUNDING = 1e-5
# An arm is part of file names.
_ARM = re.compile(r"[A-Za-z0-9_.-]{1,100}")
# What a terminal or a page would not show as it is; a protocol is the longest text.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONGEST = 100_000
_OBJECTS: dict[str, dict[Any, Any]] = {
    "protocol": {"evaluation?": str, str: object},
    "training": {str: object},
}


def check(frame: pl.DataFrame) -> None:
    """Refuses cells that cannot be: each different text is looked at once, numbers by their extremes.

    Args:
        frame: Has every column, with the types of `DTYPES`.

    Raises:
        ValueError: A value is out of its range, or no such text.
    """
    for name, kind in COLUMNS.items():
        if kind is str:
            for text in frame[name].unique().drop_nulls():
                _check_text(name, text)
        else:
            _check_numbers(frame[name])
    shares = frame.group_by("measure", measured=pl.col("epoch").is_null()).agg(
        least=pl.col("value").min(), most=pl.col("value").max()
    )
    for measure, measured, least, most in shares.iter_rows():
        if least is not None and _is_share(measure or "", measured):
            for value in (least, most):
                if not -_ROUNDING <= value <= 1 + _ROUNDING:
                    raise ValueError(f"{measure} lies in [0, 1], and is {value:g}")


def refuse_twice(twice: pl.DataFrame) -> None:
    """Refuses rows of which there are others with the same `KEY`.

    Raises:
        InputError: There are some.
    """
    if twice.is_empty():
        return
    first = {name: value for name, value in twice.row(0, named=True).items() if value is not None}
    shown = ", ".join(f"{name} = {value!r:.60}" for name, value in first.items() if name != "protocol")
    raise InputError(
        f"The rows cannot be kept: a row is there twice ({shown}). Keep one of those that agree in {', '.join(KEY)}."
    )


@functools.lru_cache
def _is_share(measure: str, measured: bool) -> bool:
    return bool(_SHARE.fullmatch(measure) or (measured and _INDEX.fullmatch(measure)))


def _check_numbers(column: pl.Series) -> None:
    low, high = _RANGES.get(column.name, (-math.inf, math.inf))
    if column.dtype.is_float() and not column.is_finite().all():
        raise ValueError(f"{column.name} is finite, and is {column.filter(~column.is_finite())[0]}")
    for value in (column.min(), column.max()):
        if value is not None and not low <= value <= high:  # type: ignore[operator]
            raise ValueError(f"{column.name} lies in [{low}, {high}], and is {value!r}")


@functools.lru_cache(1 << 12)
def _check_text(name: str, text: str) -> None:
    if len(text) > _LONGEST or _UNPRINTABLE.search(text):
        raise ValueError(
            f"{name} is a line of at most {_LONGEST:,} printable characters, and is {text[:40]!r}"
        )
    if name == "arm" and not _ARM.fullmatch(text):
        raise ValueError(f"an arm has up to 100 letters, digits, '_', '.' and '-', and is {text[:40]!r}")
    if name in _OBJECTS and text:
        try:
            wrong = mismatch(json.loads(text), _OBJECTS[name])
        except (ValueError, RecursionError) as error:
            wrong = str(error)
        if wrong:
            raise ValueError(f"{name} is a JSON object, and is {text[:40]!r}: {wrong}")
