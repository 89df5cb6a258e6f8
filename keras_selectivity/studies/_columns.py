"""The columns of a table of results, and what a row may hold: nothing that comes from a file is taken on trust."""

import functools
import json
import math
import operator
import re

from keras_selectivity._json_file import mismatch

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
# What tells one row from another
KEY = ("study", "arm", *PIECE, "layer", "unit", "epsilon", "steps", "epoch", "measure")

# Lowest and highest value
_RANGES = {
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


def typed(rows):
    """Rows with every column, each of its kind; `None` where a column does not apply, or a value is undefined.

    Args:
        rows: Dicts; columns they lack are empty.

    Raises:
        ValueError: A value is of the wrong kind or out of its range, or there is no such column.
    """
    unknown = set().union(*rows) - set(COLUMNS)
    if unknown:
        raise ValueError(f"there are no columns {', '.join(sorted(unknown))}")
    columns = {}
    for name, kind in COLUMNS.items():
        values = [row.get(name, SCHEMA if name == "schema" else None) for row in rows]
        # Most columns have few values in many rows.
        checked = {value: None if value is None else _CELLS[kind](name, value) for value in set(values)}
        columns[name] = [checked[value] for value in values]
    for measure, value, epoch in zip(columns["measure"], columns["value"], columns["epoch"], strict=True):
        if (
            value is not None
            and not -_ROUNDING <= value <= 1 + _ROUNDING
            and _is_share(measure or "", epoch is None)
        ):
            raise ValueError(f"{measure} lies in [0, 1], and is {value:g}")
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


@functools.lru_cache
def _is_share(measure, measured):
    return bool(_SHARE.fullmatch(measure) or (measured and _INDEX.fullmatch(measure)))


def _text(name, value):
    if not isinstance(value, str):
        raise ValueError(f"{name} is text, and is {value!r}")
    if len(value) > _LONGEST or _UNPRINTABLE.search(value):
        raise ValueError(
            f"{name} is a line of at most {_LONGEST:,} printable characters, and is {value[:40]!r}"
        )
    if name == "arm" and not _ARM.fullmatch(value):
        raise ValueError(f"an arm has up to 100 letters, digits, '_', '.' and '-', and is {value[:40]!r}")
    if name == "protocol" and value:
        try:
            wrong = mismatch(json.loads(value), {"evaluation?": str, str: object})
        except (ValueError, RecursionError) as error:
            wrong = str(error)
        if wrong:
            raise ValueError(f"protocol is a JSON object, and is {value[:40]!r}: {wrong}")
    return value


def _whole(name, value):
    try:
        if isinstance(value, bool):
            raise TypeError
        value = int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is a whole number, and is {value!r}") from None
    return _within(name, value)


def _number(name, value):
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is a number, and is {value!r}") from None
    if math.isfinite(number):
        return _within(name, number)
    if name == "value" or number != number:
        return None  # what is undefined is an empty cell: NaN is not equal to itself, and no JSON
    raise ValueError(f"{name} is finite, and is {number}")


def _within(name, value):
    low, high = _RANGES.get(name, (-math.inf, math.inf))
    if not low <= value <= high or (COLUMNS[name] is int and abs(value) >= 2**63):
        raise ValueError(f"{name} lies in [{low}, {high}], and is {value}")
    return value


_CELLS = {str: _text, int: _whole, float: _number}
