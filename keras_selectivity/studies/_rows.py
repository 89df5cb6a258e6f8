"""Where the rows of a run, or of pairs of runs, lie while a study is measured, and what of them still counts."""

import logging
from collections.abc import Callable
from collections.abc import Collection
from pathlib import Path

import polars as pl

from keras_selectivity import results
from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import set_aside
from keras_selectivity.results import OtherProtocolError
from keras_selectivity.results import Results

_LOG = logging.getLogger(__name__)

# Folders of `keras_selectivity.results.Results`
ROWS = "rows"
PAIRS = "pairs"


def open_results(path: Path, name: str | None = None) -> Results:
    """The `Results` of a folder to which one process adds; what is damaged is named, set aside and to be done again.

    Rows that an older version kept in one file beside it are taken over.

    Args:
        path: The folder.
        name: Of what is measured, for what is printed.
    """
    prefix = f"{name}: " if name else ""

    def damaged(file: Path, error: BaseException) -> None:
        _LOG.warning("%s%s Set aside as %s; measuring again.", prefix, error, set_aside(file).name)

    found, older = results.Results(path, damaged=damaged), _older_file(path)
    if older.exists():
        try:
            found.adopt(results.read(older))
            set_aside(older, "replaced")
        except DamagedError as error:
            damaged(older, error)
    return found


def measure_into(
    found: Results, path: Path, name: str | None, renew: bool, measure: Callable[[Results], object]
) -> Results:
    """Measures into the `Results` of a folder, again what they hold by another protocol.

    Args:
        found: What `open_results` returns.
        path: The folder.
        name: As in `open_results`.
        renew: Whether rows by another protocol are set aside.
        measure: Function that adds to results what they lack.

    Returns:
        The `Results`.

    Raises:
        InputError: Without `renew`, there are rows by another protocol.
    """
    while True:
        try:
            measure(found)
            return found
        except OtherProtocolError as error:
            if not renew:
                raise InputError(
                    f"{error.found} Pass --accept-change to measure {error.evaluation} again."
                ) from error
            forget(path, {error.evaluation})
            found = open_results(path, name)


def table_at(path: Path) -> Path | None:
    """Where the rows are that belong into a folder, or `None`."""
    return next(iter(_places(path)), None)


def forget(path: Path, measurements: Collection[str] | None = None) -> None:
    """Sets the rows that belong into a folder aside, to which nobody else may be adding.

    Args:
        path: The folder.
        measurements: Names of measurements; rows of others are kept. All rows are set aside if left out.
    """
    if measurements is None:
        for place in _places(path):
            set_aside(place, "replaced")
        return
    if not measurements or table_at(path) is None:
        return
    table = open_results(path).frame()
    protocols = table["protocol"].unique().drop_nulls().to_list()
    gone = [text for text in protocols if results.evaluation_in(text) in measurements]
    if gone:
        set_aside(path, "replaced")
        # The history of a training has no protocol.
        kept = table.filter(pl.col("protocol").is_null() | ~pl.col("protocol").cast(pl.String).is_in(gone))
        results.Results(path).adopt(kept)


def _places(path: Path) -> list[Path]:
    """Where the rows are: in the folder, in the one file that an older version kept, or in both."""
    return [place for place in (path, _older_file(path)) if place.exists()]


def _older_file(path: Path) -> Path:
    """The file in which an older version kept the rows that belong into a folder."""
    return path.with_name(f"{path.name}.parquet")
