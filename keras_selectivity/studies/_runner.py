"""A study from its declaration to one table of rows, by whatever engine does the runs."""

from collections.abc import Sequence
from pathlib import Path

from keras_selectivity.results import check_output
from keras_selectivity.studies._join import join
from keras_selectivity.studies._join import joined_at
from keras_selectivity.studies._networks import adopt_networks
from keras_selectivity.studies._pairs import compare_runs
from keras_selectivity.studies._study import Study
from keras_selectivity.studies.engines import Engine


def run_study(
    study: Study,
    engine: Engine,
    output: str | Path,
    *,
    only: Sequence[str] | None = None,
    accept_change: bool = False,
    networks: str | Path | None = None,
) -> Path | None:
    """Trains and measures every run of a study, and joins their rows.

    Args:
        study: A `Study`.
        engine: What does the runs, and where: `Here`, `Processes`, `Ray` or `Vectorized` of
            `keras_selectivity.studies.engines`. A run that fails is noted with its reason, see `RunsFolder.failures`.
        output: Folder for the results, or a `.csv` or `.parquet` file.
        only: Names of the runs to do; their rows are then not joined. Defaults to all.
        accept_change: Continue although the study file has changed, see `RunsFolder.register`.
        networks: Folder of published networks, with which runs begin, see `adopt_networks`. Defaults to none.

    Returns:
        Path of the results: one measurement per row, see `keras_selectivity.results.read`. Rows with an `epoch`
        (0-based) are the training history. `None` if no run is done, with `only`, or if the engine does not measure.

    Raises:
        InputError: `only` names no run, the file for the results exists and is no table of results, the folder belongs
            to another study, the engine is not available, or the networks that are to be compared differ in their
            layers.
    """
    folder, names = engine.folder, study.names(only)
    if not only and engine.measures:
        check_output(joined_at(output))  # before hours
    folder.register(study, accept_change)
    if networks is not None:
        adopted = adopt_networks(study, folder, networks)
        print(
            f"{len(adopted)} of {len(study.runs)} runs have a network in {networks} and need no training",
            flush=True,
        )
    engine.run(study, names)
    if only or not engine.measures:
        return None
    try:
        if any("networks" in each.needs for each in study.evaluation.measure):
            compare_runs(study, folder, data_dir=engine.data_dir, verbose=engine.verbose)
    finally:  # what the runs have measured is joined, whatever is wrong with comparing them
        results = join(study, folder, output)
    return results
