"""Where an entry stands in the text of a TOML file, which its parser does not tell."""

import re
import tomllib

_PART = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_PATH = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*\[(\[?)\s*({_PATH})\s*\]")
_ENTRY = re.compile(rf"\s*({_PATH})\s*=")
_QUOTES = re.compile(r'"""|\'\'\'')


def line_of(text: str, place: tuple[str | int, ...]) -> int | None:
    """The line of an entry.

    Args:
        text: A TOML file that can be parsed.
        place: Names of the tables that the entry is in and its own, the 0-based position after that of an array of
            tables: `("arms", 1, "epochs")`.

    Returns:
        1-based number of the line that holds it, or else of the nearest that holds a table that it is in; `None`
        if there is none.
    """
    best: tuple[int, int | None] = (0, None)
    table: tuple[str | int, ...] = ()
    counts: dict[tuple[str | int, ...], int] = {}
    quoted: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        inside, quoted = quoted, _open_quotes(line, quoted)
        if inside:
            continue
        if header := _HEADER.match(line):
            table = _parts(header[2])
            if header[1]:
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            found = table
        elif entry := _ENTRY.match(line):
            found = (*table, *_parts(entry[1]))
        else:
            continue
        if place[: len(found)] == found and len(found) > best[0]:
            best = len(found), number
    return best[1]


def _parts(path: str) -> tuple[str, ...]:
    parts, rest = [], tomllib.loads(f"{path} = 0")
    while isinstance(rest, dict):
        ((name, rest),) = rest.items()
        parts.append(name)
    return tuple(parts)


def _open_quotes(line: str, quote: str | None) -> str | None:
    """The quotes of the text of several lines in which a line ends, or `None`."""
    for found in _QUOTES.findall(line):
        quote = found if quote is None else None if found == quote else quote
    return quote
