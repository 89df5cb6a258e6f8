"""Tables of many networks joined as one, without holding them."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from itertools import groupby
from pathlib import Path

import polars as pl

from keras_selectivity._errors import DamagedError
from keras_selectivity.results._folder import files_of
from keras_selectivity.results._frames import conform
from keras_selectivity.results._frames import frame
from keras_selectivity.results._sealed import SUFFIXES
from keras_selectivity.results._sealed import check_seals
from keras_selectivity.results._sealed import check_suffix
from keras_selectivity.results._sealed import scan_files
from keras_selectivity.results._sealed import write_checked
from keras_selectivity.results._table import check_output
from keras_selectivity.results._table import scan

RUN_FAILED = "run_failed"
"""Measure of the row, without a value, that stands for a run that failed and has no others."""
RUN_MISSING = "run_missing"
"""Measure of the row, without a value, that stands for a run that is not done and has no others."""


@dataclass(frozen=True)
class Part:
    """A table that is joined with others.

    Attributes:
        table: A `.csv` or `.parquet` file, or the folder of a `Results`.
        texts: What takes the place of columns, such as `study` and `arm`.
        where: Which of its rows. Defaults to all.
    """

    table: Path
    texts: dict[str, str] = field(default_factory=dict)
    where: pl.Expr | None = None


def join(
    path: str | Path,
    parts: Iterable[Part],
    damaged: Callable[[Part, DamagedError], object],
    more: Iterable[Mapping[str, object]] = (),
) -> bool:
    """Writes tables as one whole file: first the rows of networks and layers of all, then those of units.

    Args:
        path: A `.csv` or `.parquet` file.
        parts: The tables.
        damaged: Called with those that are not what was written, which are left out.
        more: Further rows of networks, asked for when all tables were opened; none are written without a table.

    Returns:
        Whether there was anything to write.

    Raises:
        InputError: The file exists and is no table of results.
    """
    check_suffix(Path(path))
    rows: list[pl.LazyFrame] = []
    units: list[pl.LazyFrame] = []
    # A lazy frame for neighbours that are alike, not for each, since there may be thousands.
    for _, alike in groupby(parts, key=lambda part: (part.texts, id(part.where))):
        for frames, part in _opened(list(alike), damaged):
            columns = [pl.lit(text).alias(name) for name, text in part.texts.items()]
            for found, opened in zip((rows, units), frames, strict=True):
                wanted = opened.filter(part.where if part.where is not None else True)
                found.append(wanted.with_columns(columns))
    if rows:
        rows.append(conform(frame(more).lazy(), pl.String))
        check_output(path)
        write_checked(Path(path), pl.concat(rows + units))
    return bool(rows)


def _opened(
    parts: list[Part], damaged: Callable[[Part, DamagedError], object]
) -> Iterable[tuple[tuple[pl.LazyFrame, pl.LazyFrame], Part]]:
    """Rows of networks and layers, and of units: of folders together, of each file that is a whole table apart."""
    together: tuple[list[Path], list[Path]] = ([], [])
    for part in parts:
        try:
            if part.table.suffix in SUFFIXES:
                table, of_units = conform(scan(part.table), pl.String), pl.col("unit").is_not_null()
                yield (table.filter(~of_units), table.filter(of_units)), part
                continue
            files = files_of(part.table)
            check_seals(files[0] + files[1])
        except DamagedError as error:
            damaged(part, error)
            continue
        for found, more in zip(together, files, strict=True):
            found += more
    if together[0]:
        yield (
            (conform(scan_files(together[0]), pl.String), conform(scan_files(together[1]), pl.String)),
            parts[0],
        )
