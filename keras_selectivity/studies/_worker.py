"""One run of a study, from training to its rows, however often it was interrupted before."""

import functools
import logging
import time
import traceback
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import filelock

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._files import set_aside
from keras_selectivity._system_errors import explain
from keras_selectivity._types import StrPath
from keras_selectivity.measurements import about
from keras_selectivity.measurements import evaluate
from keras_selectivity.results import PIECE
from keras_selectivity.studies._config import RunConfig
from keras_selectivity.studies._join import compared
from keras_selectivity.studies._rows import ROWS
from keras_selectivity.studies._rows import measure_into
from keras_selectivity.studies._rows import open_results
from keras_selectivity.studies._run import execute
from keras_selectivity.studies._runs_folder import RunsFolder
from keras_selectivity.studies._setup import MODEL
from keras_selectivity.studies._study import Study

_LOG = logging.getLogger(__name__)

# Logs of a training that become rows with an epoch.
_HISTORY = (
    "loss",
    "cross_entropy",
    "selectivity",
    "accuracy",
    "val_accuracy",
    "val_selectivity",
    "val_selectivity/mean",
    "val_selectivity/preferred_changed",
    "val_selectivity/preferred_changed_once",
    "test_accuracy",
)
_SPLITS = {"val": "validation", "test": "test"}


def trained(
    name: str, config: RunConfig, run: Path, damaged: Callable[[], None] | None = None, **options: Any
) -> Exported | None:
    """Executes a run and loads its network, and begins with less of what is there if that is damaged.

    Args:
        name: What to call it.
        config: Its `RunConfig`.
        run: Its folder, a `Path`.
        damaged: Function without arguments that is called if something was damaged.
        options: Keywords of `execute`.

    Returns:
        An `Exported`; `None` on JAX, which trains only.
    """
    for part, again in ((run / MODEL, "exporting it again"), (run, "the run is done again")):
        try:
            return _executed(config, run, options)
        except DamagedError as error:
            lost = part.exists()
            aside = f" Set aside as {set_aside(part).name}; {again}." if lost else ""
            _LOG.warning("%s: %s%s", name, error, aside)
            if lost and damaged is not None:
                damaged()
    return _executed(config, run, options)


def _executed(config: RunConfig, run: Path, options: dict[str, Any]) -> Exported | None:
    from keras_selectivity.saved_model import load

    path = execute(config, run, resume=True, **options)
    if path.suffix == ".keras":
        return None
    exported = load(path)
    if not exported.run:
        raise DamagedError(f"{path} lacks its run.json.")
    return exported


def reason_of(error: BaseException) -> str:
    """Why a run failed, for its note; what is a defect of ours is printed in full, too."""
    if isinstance(error, InputError):
        return str(error)
    known = explain(error)
    if known is not None:
        return known[0]
    traceback.print_exception(error)
    return f"{type(error).__name__}: {error}"


def attempt(study: Study, name: str, folder: RunsFolder, options: dict[str, Any], wait: bool = False) -> bool:
    """Does one run under its lock, and notes how it ended.

    Args:
        study: A `Study`.
        name: Name of the run.
        folder: A `RunsFolder`.
        options: Keywords of `finish`.
        wait: Wait for another process that works on the run.

    Returns:
        Whether the run was free, which it always is with `wait`.
    """
    lock = folder.lock(name)
    try:
        held = lock.acquire(blocking=wait)
    except filelock.Timeout:
        return False
    with held:
        try:
            finish(study, name, folder, **options)
        except Exception as error:
            folder.fail(name, reason_of(error))
    return True


def finish(
    study: Study,
    name: str,
    folder: RunsFolder,
    *,
    data_dir: StrPath | None = None,
    strategy: str | None = None,
    tensorboard: StrPath | None = None,
    verbose: int | str = 1,
) -> None:
    """Trains and measures one run; what is done already is left alone.

    What is damaged is named, set aside and done again: a SavedModel is made again from `run.keras`, if that is
    there; a checkpoint, or both, mean the run; a file of rows the pieces that it held. On JAX, a run is trained only.
    The caller holds the run's lock.

    Args:
        study: A `Study`.
        name: Name of the run.
        folder: A `RunsFolder`.
        data_dir: Where prepared data sets lie.
        strategy: As in `execute`.
        tensorboard: As in `execute`.
        verbose: 0 shows nothing.
    """
    start, run, config = time.monotonic(), folder.path / name, study.runs[name]
    options = {"data_dir": data_dir, "strategy": strategy, "tensorboard": tensorboard, "verbose": verbose}

    folder.forget_failure(name)
    before = folder.noted(name)
    folder.begin(name)
    if not (run / MODEL).exists() and name in compared(folder):
        folder.forget_pairs()  # they are of a network that is gone

    exported = trained(name, config, run, damaged=folder.forget_pairs, **options)
    if exported is None:  # to be exported and measured where TensorFlow is
        folder.note(name, state="trained", seconds=time.monotonic() - start)
        return
    path = run / ROWS
    results = open_results(path, name)
    if results.fingerprints - {exported.fingerprint}:
        aside = set_aside(path, "replaced").name
        gone = "%s: its rows are of a network that is gone. Set aside as %s; measuring again."
        _LOG.warning(gone, name, aside)
        folder.forget_pairs()
        results = open_results(path, name)
    # Distances between networks are for when all are there.
    alone = study.evaluation.replace(measure=tuple(m for m in study.evaluation.measure if not m.compares))
    measure = functools.partial(
        evaluate, {name: exported}, alone, data_dir=data_dir, verbose=int(bool(verbose))
    )
    results = measure_into(results, path, name, folder.renews(name), measure)
    for rows in _history(name, exported, config.dataset):
        if not results.has(tuple(rows[0].get(column) for column in PIECE), exported.fingerprint):
            results.add(rows)
    results.pack()
    folder.renewed(name)
    # A session that found everything done says nothing about how long a run takes.
    seconds = before.get("seconds") if before.get("state") == "done" else time.monotonic() - start
    folder.note(name, state="done", seconds=seconds)


def _history(name: str, exported: Exported, dataset: str) -> Iterable[list[dict[str, Any]]]:
    """The logs of a training as rows: a piece each for training, validation and test."""
    shared = {**about(name, exported), "dataset": dataset}
    pieces: dict[str, list[dict[str, Any]]] = {}
    for log in _HISTORY:
        split = _SPLITS.get(log.split("_")[0], "train")
        for epoch, value in enumerate(exported.run["history"].get(log, [])):
            row = {**shared, "split": split, "epoch": epoch, "measure": log, "value": value}
            pieces.setdefault(split, []).append(row)
    return pieces.values()
