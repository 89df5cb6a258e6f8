"""The rows of a study's runs, joined as one table."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from keras_selectivity import results
from keras_selectivity._errors import DamagedError
from keras_selectivity.studies._rows import PAIRS
from keras_selectivity.studies._rows import ROWS
from keras_selectivity.studies._rows import table_at
from keras_selectivity.studies._runs_folder import RunsFolder
from keras_selectivity.studies._study import Study

_LOG = logging.getLogger(__name__)


def joined_at(output: Any) -> Path:
    """The file into which `join` writes."""
    path = Path(output)
    return path if path.suffix in results.SUFFIXES else path / "results.parquet"


def join(study: Study, folder: RunsFolder, output: Any) -> Path | None:
    """Writes the rows of all runs as one table, and one row without a value for each run that has none.

    Args:
        study: A `Study`.
        folder: A `RunsFolder`.
        output: Folder for `results.parquet`, or a `.csv` or `.parquet` file.

    Returns:
        Path of the table, or `None` if no run is done.

    Raises:
        InputError: The file exists and is no table of results.
    """
    path = joined_at(output)
    tables = {name: table for name in study.runs if (table := table_at(folder.path / name / ROWS))}
    parts = [
        results.Part(table, {"study": study.name, "arm": study.arms[name]}) for name, table in tables.items()
    ]
    pairs = table_at(folder.path / PAIRS)
    if pairs and parts:
        for arm in dict.fromkeys(study.arms.values()):
            names = [name for name in study.runs if study.arms[name] == arm]
            ours = pl.col("model").is_in(names) & pl.col("other").is_in(list(study.runs))
            parts.append(results.Part(pairs, {"study": study.name, "arm": arm}, ours))

    lost = []

    def damaged(part: Any, error: BaseException) -> None:
        lost.append(part.table)
        what = "compare" if part.table == pairs else "measure"
        _LOG.warning("%s Left out; start the study again to %s again.", error, what)

    def absent() -> Iterator[dict[str, Any]]:
        for name, config in study.runs.items():
            if name not in tables or tables[name] in lost:
                yield {
                    **{"study": study.name, "arm": study.arms[name], "model": name},
                    **{key: getattr(config, key) for key in ("network", "dataset", "alpha", "seed")},
                    "measure": results.RUN_MISSING if folder.reason(name) is None else results.RUN_FAILED,
                }

    return path if results.join(path, parts, damaged, absent()) else None


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
