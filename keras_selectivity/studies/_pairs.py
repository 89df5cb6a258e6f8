"""Distances between the networks of a study."""

import itertools

from keras_selectivity._types import StrPath
from keras_selectivity.measurements import measure
from keras_selectivity.results import sole_writer
from keras_selectivity.studies._join import open_results
from keras_selectivity.studies._runs_folder import PAIRS
from keras_selectivity.studies._runs_folder import RunsFolder
from keras_selectivity.studies._setup import MODEL
from keras_selectivity.studies._study import MAIN
from keras_selectivity.studies._study import Study


def compare_runs(
    study: Study, folder: RunsFolder, *, data_dir: StrPath | None = None, verbose: int | str = 2
) -> None:
    """PWCCA distances between networks of the same alpha, and to those with alpha = 0.

    These are the pairs that the papers compare ("Selectivity considered harmful", appendix A.3.2), of
    the study's main arm. What was compared already is left alone.

    Args:
        study: A `Study`.
        folder: A `RunsFolder`.
        data_dir: Where prepared data sets lie.
        verbose: 0 shows no progress.
    """
    from keras_selectivity.saved_model import load

    alphas: dict[float, list[str]] = {}
    for name, config in study.runs.items():
        if study.arms[name] == MAIN and (folder.path / name / MODEL).exists():
            alphas.setdefault(config.alpha, []).append(name)
    compared = [each for each in study.evaluation.measure if each.compares]
    path = folder.path / PAIRS
    with sole_writer(path, wait=True):  # what another runner compares is then there already
        results = open_results(path)
        zero = alphas.get(0.0, [])
        for names in alphas.values():
            # One alpha at a time, which bounds how many networks and activations are held.
            models = {n: load(folder.path / n / MODEL) for n in dict.fromkeys([*zero, *names])}
            pairs = [pair for pair in itertools.combinations(models, 2) if pair[1] in names]
            measure(
                models,
                study.evaluation,
                compared,
                results,
                data_dir=data_dir,
                pairs=pairs,
                verbose=int(verbose == 1),
            )
        results.pack()
