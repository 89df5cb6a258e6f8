"""The rows of a study: kept by run while they are measured, joined as one table in the end."""

import logging
from pathlib import Path
from typing import Any

import polars as pl

from keras_selectivity import results
from keras_selectivity._errors import DamagedError
from keras_selectivity.results import Results
from keras_selectivity.studies._runs_folder import PAIRS
from keras_selectivity.studies._runs_folder import ROWS
from keras_selectivity.studies._runs_folder import RunsFolder
from keras_selectivity.studies._runs_folder import older_file
from keras_selectivity.studies._runs_folder import places
from keras_selectivity.studies._runs_folder import set_aside
from keras_selectivity.studies._study import Study

_LOG = logging.getLogger(__name__)


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

    found, older = results.Results(path, damaged=damaged), older_file(path)
    if older.exists():
        try:
            found.adopt(results.read(older))
            set_aside(older, "replaced")
        except DamagedError as error:
            damaged(older, error)
    return found


def table_at(path: Path) -> Path | None:
    """Where the rows are that belong into a folder, or `None`."""
    return next(iter(places(path)), None)


def join(study: Study, folder: RunsFolder, output: Any) -> Path | None:
    """Writes the rows of all runs that are done as one table.

    Args:
        study: A `Study`.
        folder: A `RunsFolder`.
        output: Folder for `results.parquet`, or a `.csv` or `.parquet` file.

    Returns:
        Path of the table, or `None` if no run is done.
    """
    path = Path(output)
    path = path if path.suffix in (".csv", ".parquet") else path / "results.parquet"
    of_runs = ((table_at(folder.path / name / ROWS), study.arms[name]) for name in study.runs)
    parts = [results.Part(table, {"study": study.name, "arm": arm}) for table, arm in of_runs if table]
    pairs = table_at(folder.path / PAIRS)
    if pairs and parts:
        for arm in dict.fromkeys(study.arms.values()):
            names = [name for name in study.runs if study.arms[name] == arm]
            ours = pl.col("model").is_in(names) & pl.col("other").is_in(list(study.runs))
            parts.append(results.Part(pairs, {"study": study.name, "arm": arm}, ours))

    def damaged(part: Any, error: BaseException) -> None:
        what = "compare" if part.table == pairs else "measure"
        _LOG.warning("%s Left out; start the study again to %s again.", error, what)

    return path if results.join(path, parts, damaged) else None


def clean_values(folder: RunsFolder, name: str) -> dict[str, Any]:
    """What was measured of a run's network on clean images, as a dict from measure to value."""
    table = table_at(folder.path / name / ROWS)
    if table is None:
        return {}
    try:
        rows = results.scan(table)
    except DamagedError:
        return {}
    whole = [pl.col(column).is_null() for column in ("layer", "perturbation", "epoch", "unit", "other")]
    found = rows.filter(pl.col("split") == "test", *whole).select("measure", "value").collect()
    return dict(found.iter_rows())


def compared(folder: RunsFolder) -> set[str]:
    """Names of the networks that distances were measured of."""
    table = table_at(folder.path / PAIRS)
    if table is None:
        return set()
    try:
        names = results.scan(table).select("model", "other").unique().collect()
    except DamagedError:
        return set()
    return set(names["model"]) | set(names["other"])
