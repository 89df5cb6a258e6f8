"""Runs of a study in this process, in N processes, or on a Ray cluster, and their rows in one table."""

import os

import filelock

from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity.studies._join import clean_values
from keras_selectivity.studies._join import join
from keras_selectivity.studies._networks import adopt_networks
from keras_selectivity.studies._pairs import compare_runs
from keras_selectivity.studies._processes import run_in_processes
from keras_selectivity.studies._runs_folder import RunsFolder
from keras_selectivity.studies._runs_folder import time_left
from keras_selectivity.studies._worker import finish
from keras_selectivity.studies._worker import reason_of


def run_study(
    study,
    runs,
    output,
    *,
    only=None,
    workers=None,
    ray=None,
    retries=2,
    together=None,
    minutes=None,
    accept_change=False,
    networks=None,
    data_dir=None,
    verbose=2,
    **options,
):
    """Trains and measures every run of a study, and joins their rows.

    Runs that are finished are left alone, interrupted ones go on after their last whole epoch. A run
    that fails is noted with its reason, see `RunsFolder.failures`, and the others go on. Several of these may work on the same
    folder at a time, on one machine or on many that share it: a run is done by one of them.

    Args:
        study: A `Study`.
        runs: Folder for the runs' folders: a path, or a `RunsFolder`.
        output: Folder for the results, or a `.csv` or `.parquet` file.
        only: Names of the runs to do; their rows are then not joined. Defaults to all.
        workers: Number of processes on this machine, one a run, each with one GPU if there are any.
            Defaults to working in this process, where TensorFlow keeps what it traced for a run and the
            run's training data: take 1 for more than a dozen runs.
        ray: Address of a Ray cluster, or `""` to start one here. Defaults to none.
        retries: How often a run is started again whose process was killed (with workers or Ray).
        together: Number of runs to train in one program on JAX, see `train_together`; nothing is
            measured then. Defaults to one run after the other.
        minutes: With `together`, time after which to save and stop.
        accept_change: Go on though the study file has changed, see `RunsFolder.register`.
        networks: Folder of published networks, with which runs begin, see `adopt_networks`. Defaults to none.
        data_dir: Where prepared data sets lie.
        verbose: As in `keras.Model.fit`.
        options: `strategy` and `tensorboard`, as in `execute`.

    Returns:
        Path of the results: one measurement a row, see `keras_selectivity.results.read`. Rows with an `epoch` (0-based)
        are the training history. `None` if no run is done, with `only`, or with `together`.

    Raises:
        InputError: `only` names no run, the folder belongs to another study, Ray is not installed, or
            the networks that are to be compared differ in their layers.
    """
    whole_number("retries", retries, 0)
    folder = runs if isinstance(runs, RunsFolder) else RunsFolder(runs)
    names = study.names(only)
    folder.register(study, accept_change)
    if networks is not None:
        adopted = adopt_networks(study, folder, networks)
        print(
            f"{len(adopted)} of {len(study.runs)} runs have a network in {networks} and need no training",
            flush=True,
        )
    # Other processes, on other machines perhaps, start in other folders.
    options = {name: value for name, value in {**options, "data_dir": data_dir}.items() if value is not None}
    for name in {"data_dir", "tensorboard"} & set(options):
        options[name] = os.path.abspath(options[name])
    if minutes is not None and together is None:
        raise InputError("minutes is for runs that are trained together.")
    if together is not None:
        from keras_selectivity.studies._train_together import train_together

        whole_number("together", together, 1)
        left = train_together(
            study, folder, names, together, minutes=minutes, data_dir=data_dir, verbose=verbose
        )
        print(f"{len(names) - left} of {len(names)} runs are trained", flush=True)
        return None
    if ray is not None:
        from keras_selectivity.studies._ray import run_on_ray

        run_on_ray(ray, study, folder, names, options, retries=retries, report=_report)
    elif workers is not None:
        run_in_processes(study, folder, names, options, workers=workers, retries=retries, report=_report)
    else:
        _here(study, folder, names, {**options, "verbose": verbose})
    if only:
        return None
    try:
        if any(each.compares for each in study.evaluation.measure):
            compare_runs(study, folder, data_dir=data_dir, verbose=verbose)
    finally:  # what the runs have measured is joined, whatever is wrong with comparing them
        results = join(study, folder, output)
    return results


def attempt(study, name, folder, options, wait=False):
    """Does one run under its lock, and notes how it ended.

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


def _here(study, folder, names, options):
    for wait in (False, True):  # what another runner works on comes last, and then is done mostly
        busy = []
        for name in names:
            if wait:
                print(f"{name}: waiting for another process that works on it", flush=True)
            else:
                print(f"{name} ...", flush=True)
            if attempt(study, name, folder, options, wait):
                _report(study, folder, name)
            else:
                busy.append(name)
        names = busy


def _report(study, folder, name):
    """One line about a run that has ended, and about all."""
    status = folder.status(study)
    mine = next(row for row in status if row["name"] == name)
    done, failed = (sum(row["state"] == state for row in status) for state in ("done", "failed"))
    said = mine["state"]
    if said == "done":
        found = clean_values(folder, name)
        for measure, form in (("accuracy", ".2%"), ("mean_selectivity", ".4f")):
            if found.get(measure) is not None:
                said += f", {measure.replace('_', ' ')} {found[measure]:{form}}"
    elif mine["reason"]:
        said += f": {mine['reason']}"
    left = time_left(status)
    left = f", about {left / 60:.0f} min left" if left and done < len(status) else ""
    also = f", {failed} failed" if failed else ""
    print(f"{name}: {said}  [{done}/{len(status)} done{also}{left}]", flush=True)
