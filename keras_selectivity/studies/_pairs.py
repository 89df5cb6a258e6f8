"""What is measured between the networks of a study: distances, and attacks with another one's images."""

import functools
import itertools
from collections.abc import Iterable

import polars as pl

from keras_selectivity import results
from keras_selectivity._types import StrPath
from keras_selectivity.measurements import measure
from keras_selectivity.studies._rows import PAIRS
from keras_selectivity.studies._rows import ROWS
from keras_selectivity.studies._rows import measure_into
from keras_selectivity.studies._rows import open_results
from keras_selectivity.studies._rows import table_at
from keras_selectivity.studies._runs_folder import RunsFolder
from keras_selectivity.studies._setup import MODEL
from keras_selectivity.studies._study import MAIN
from keras_selectivity.studies._study import Study


def compare_runs(
    study: Study, folder: RunsFolder, *, data_dir: StrPath | None = None, verbose: int | str = 1
) -> None:
    """PWCCA distances, and controls for gradient masking with another network's images.

    Distances are between networks of the study's main arm of the same alpha, and to those with alpha = 0: the pairs
    that the papers compare ("Selectivity considered harmful", appendix A.3.2). Every network of any arm is attacked
    with images of the main arm's with alpha = 0 and its seed, and that one with images of another seed's. What was
    measured already is left alone.

    Args:
        study: A `Study`.
        folder: A `RunsFolder`.
        data_dir: Where prepared data sets lie.
        verbose: 0 shows no progress.
    """
    from keras_selectivity.saved_model import load

    groups: dict[tuple[str, float], list[str]] = {}
    for name, config in study.runs.items():
        if (folder.path / name / MODEL).exists():
            groups.setdefault((study.arms[name], config.alpha), []).append(name)
    wanted = [each for each in study.evaluation.measure if "networks" in each.needs]
    distances, attacks = (
        [each for each in wanted if each.compares is compares] for compares in (True, False)
    )
    zero, path = groups.get((MAIN, 0.0), []), folder.path / PAIRS
    with results.sole_writer(path, wait=True):  # what another runner compares is then there already
        found = open_results(path)
        for (arm, _), names in groups.items():
            # One alpha at a time, which bounds how many networks and activations are held.
            models = {n: load(folder.path / n / MODEL) for n in dict.fromkeys([*zero, *names])}
            pairs = [pair for pair in itertools.combinations(models, 2) if pair[1] in names]
            alone = _rows_of(folder, names)
            attacked = [pair for pair in _attacks(study, names, zero) if pair[0] in alone]
            of_all = pl.concat(alone.values()) if alone else None
            for measurements, these in ((distances if arm == MAIN else [], pairs), (attacks, attacked)):
                if not measurements or not these:
                    continue
                compare = functools.partial(
                    measure,
                    models,
                    study.evaluation,
                    measurements,
                    data_dir=data_dir,
                    pairs=these,
                    alone=of_all,
                    verbose=int(bool(verbose)),
                )
                found = measure_into(found, path, None, folder.renews(PAIRS), compare)
        found.pack()
        folder.renewed(PAIRS)


def _attacks(study: Study, names: Iterable[str], zero: list[str]) -> list[tuple[str, str]]:
    """Each network, and the one with alpha = 0 whose images attack it, of those that are there."""
    main = [n for n, config in study.runs.items() if study.arms[n] == MAIN and config.alpha == 0]
    found = []
    for name in names:
        if name in main:
            sources = [n for n in main if n != name][:1]
        else:
            sources = [n for n in main if study.runs[n].seed == study.runs[name].seed]
        found += [(name, source) for source in sources if source in zero]
    return found


def _rows_of(folder: RunsFolder, names: Iterable[str]) -> dict[str, pl.LazyFrame]:
    """Rows of networks of which everything was measured that is of them alone; without those of units."""
    done = [name for name in names if folder.noted(name).get("state") == "done"]
    tables = {name: table_at(folder.path / name / ROWS) for name in done}
    return {name: results.scan(t).filter(pl.col("unit").is_null()) for name, t in tables.items() if t}
