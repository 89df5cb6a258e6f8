"""JSON files that we write: sealed with a checksum, and read with a declared shape."""

import json
from pathlib import Path
from typing import Any
from typing import NoReturn

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file
from keras_selectivity._seal import PLACE
from keras_selectivity._seal import check_seal
from keras_selectivity._seal import seal
from keras_selectivity._types import StrPath

LARGEST = 1 << 26  # bytes; the longest history is a hundredth of it
_CHECKSUM = "checksum"


def write_json(path: StrPath, value: dict[str, Any]) -> None:
    """Writes a dict as a JSON file, whole and with a checksum.

    Raises:
        InputError: As `to_json`.
    """
    text = to_json({_CHECKSUM: PLACE, **value}, path, indent=1) + "\n"
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        seal(temporary)


def to_json(value: Any, name: object, **options: Any) -> str:
    """JSON text.

    Raises:
        InputError: A value is none that JSON has, which NaN and infinity are not; `name` says what cannot be written.
    """
    try:
        return json.dumps(value, allow_nan=False, **options)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{name} cannot be written: {error}.") from error


def read_json(path: StrPath, shape: dict[Any, Any]) -> dict[str, Any]:
    """Reads what `write_json` wrote, or an earlier version, which wrote no checksums.

    Args:
        path: The file.
        shape: What it holds, see `mismatch`.

    Returns:
        A dict.

    Raises:
        DamagedError: Its checksum does not fit, or it is not of that shape.
        InputError: It is missing, no file, or cannot be read.
    """
    sealed = check_seal(path)
    try:
        content = Path(path).read_bytes() if Path(path).stat().st_size <= LARGEST else b""
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    value = parse_json(content, {f"{_CHECKSUM}?": str, **shape}, path)
    if (value.pop(_CHECKSUM, None) is not None) != sealed:
        raise DamagedError(f"{path} is damaged in its checksum.")
    return value


def parse_json(content: bytes, shape: Any, name: object) -> Any:
    """The value of JSON bytes.

    Raises:
        DamagedError: They are none, or not of that shape; `name` says what is damaged.
    """
    try:
        value = json.loads(content, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{name} is damaged ({error}).") from error
    wrong = mismatch(value, shape)
    if wrong:
        raise DamagedError(f"{name} is damaged: {wrong}.")
    return value


def mismatch(value: Any, shape: Any, where: str = "its content") -> str | None:
    """What is wrong with a value, as half a sentence, or `None`.

    Args:
        value: What `json.loads` returns.
        shape: `int`, `float` (which a whole number is, too), `str`, `bool`, `object` (anything) or `None`; a list
            with the shape of its items; a tuple of alternatives; a dict with the shapes of its entries, where
            `"name?"` may be absent, and the entry `str` is the shape of all others.
        where: What to call the value.
    """
    if isinstance(shape, tuple):
        wrong = [mismatch(value, each, where) for each in shape]
        return None if None in wrong else wrong[0]
    kind = type(shape) if isinstance(shape, list | dict) else shape
    if not _is(value, kind):
        return f"{where} must be {_KINDS[kind][0]}, and is {str(value)[:40]!r}"
    if isinstance(shape, list):
        if shape[0] in (int, float) and set(map(type, value)) <= {int, shape[0]}:  # quick, for the long ones
            return mismatch(max(value, key=abs, default=0), shape[0], f"an item of {where}")
        found = (mismatch(item, shape[0], f"{where}[{number}]") for number, item in enumerate(value))
        return next(filter(None, found), None)
    return _mismatch_of_entries(value, shape, where) if isinstance(shape, dict) else None


_KINDS: dict[Any, tuple[str, Any]] = {
    int: ("a whole number", int),
    float: ("a finite number", int | float),
    str: ("text", str),
    bool: ("true or false", bool),
    list: ("a list", list),
    dict: ("a table", dict),
    None: ("null", type(None)),
    object: ("anything", object),
}


def _is(value: Any, kind: Any) -> bool:
    if kind in (int, float):
        # Beyond 64 bits, and infinity, are numbers that no file of ours holds.
        return type(value) is not bool and isinstance(value, _KINDS[kind][1]) and abs(value) < 2**63
    return isinstance(value, _KINDS[kind][1])


def _mismatch_of_entries(value: dict[str, Any], shape: dict[Any, Any], where: str) -> str | None:
    known = {key.removesuffix("?"): each for key, each in shape.items() if key is not str}
    missing = [key for key in shape if key is not str and not key.endswith("?") and key not in value]
    if missing:
        return f"{where} lacks {', '.join(missing)}"
    for key, item in value.items():
        if not isinstance(key, str) or (key not in known and str not in shape):
            return f"{where} has an unknown entry {str(key)[:40]!r}"
        wrong = mismatch(item, known.get(key, shape.get(str)), f"{where}.{key[:40]}")
        if wrong:
            return wrong
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("an entry stands there twice")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
