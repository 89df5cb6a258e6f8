"""One run: from a configuration to a trained, exported network in a folder of its own."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import check_absent
from keras_selectivity._files import clean_leftovers
from keras_selectivity._json_file import read_json
from keras_selectivity._json_file import write_json
from keras_selectivity._replacement import is_ours
from keras_selectivity._replacement import take_place
from keras_selectivity._replacement import work_folder
from keras_selectivity._start_up import use_a_generator
from keras_selectivity._types import StrPath
from keras_selectivity.studies._config import RunConfig
from keras_selectivity.studies._setup import CHECKPOINTS
from keras_selectivity.studies._setup import CONFIG
from keras_selectivity.studies._setup import MODEL
from keras_selectivity.studies._setup import RUN_FILE
from keras_selectivity.studies._setup import build
from keras_selectivity.studies._setup import finished
from keras_selectivity.studies._setup import on_tensorflow
from keras_selectivity.studies._setup import recipe_of
from keras_selectivity.studies._setup import save
from keras_selectivity.studies._setup import split_train
from keras_selectivity.training import restore


def execute(
    config: RunConfig,
    folder: StrPath,
    *,
    data_dir: StrPath | None = None,
    resume: bool = False,
    overwrite: bool = False,
    strategy: str | None = None,
    tensorboard: StrPath | None = None,
    verbose: int | str = 1,
) -> Path:
    """Trains, keeps the epoch with the best validation accuracy, and exports it.

    The folder holds `config.json`, `checkpoints/` while the run is trained, and in the end `run.keras`, the
    trained `SelectivityModel` with the record of its training, and `model/`, the SavedModel made from it. A
    run whose `model/` exists is finished; executing it again with `resume` does nothing. On JAX the end is
    `run.keras`, which executing the run again with `resume` on TensorFlow exports.

    Args:
        config: A `RunConfig`.
        folder: Folder of the run.
        data_dir: Where prepared data sets lie.
        resume: Resume after the last whole epoch of an interrupted run, or start if there is none.
        overwrite: Start again. The new run is trained in `FOLDER.new` and takes the place of the old one, which
            must be a run and nothing besides, when it is complete.
        strategy: `None`; `"mirrored"`, replicas on all GPUs of this machine; or `"multiworker"`, one
            process per worker as `TF_CONFIG` says, all of which call this with the same arguments. Each
            step is that of one device on the same batch, however many replicas share it.
        tensorboard: Folder for TensorBoard logs, in which the run gets a folder of its own.
        verbose: 0 shows nothing; else there is one line per epoch.

    Returns:
        Path of the exported model, or on JAX of `run.keras`.

    Raises:
        InputError: The folder exists (without `resume` or `overwrite`) or belongs to a run with
            another configuration; the data are absent; a bad value in the configuration.
    """
    folder = Path(folder)

    def goes_on(beside: Path) -> bool:
        return (beside / CONFIG).exists() and not changed_settings(config, beside)

    work = work_folder(folder, resume=resume, overwrite=overwrite, ours=_is_run, goes_on=goes_on)
    for place in (folder.parent, work):
        clean_leftovers(place)
    left = None
    if resume:
        changed = changed_settings(config, work)
        if changed:
            raise InputError(
                f"{folder} belongs to a run with another {', '.join(changed)}. Choose another output path, "
                "or start again with --overwrite."
            )
        left = _left(work)
    if left is None:
        ours = _is_run if work != folder else None
        left = _train(config, work, resume, ours, data_dir, strategy, tensorboard, verbose)
    if left is not None:
        take_place(work, folder, _is_run)
    return folder / (MODEL if left is None else left.name)


def _is_run(folder: Path) -> bool:
    from keras_selectivity.saved_model import EXPORTED
    from keras_selectivity.saved_model import is_export

    parts = (CONFIG, f"{CHECKPOINTS}/*", RUN_FILE, *(f"{MODEL}/{part}" for part in EXPORTED))
    model = folder / MODEL / "run.json"
    return is_ours(
        folder, CONFIG, lambda config: {"dataset", "network", "alpha", "seed"} <= config.keys(), parts
    ) and (not model.exists() or is_export(model.parent))


def _left(folder: Path) -> Path | None:
    """What a training that has ended has left, or `None`."""
    if (folder / MODEL).exists():
        # Of a process that was killed just before
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        return folder / MODEL
    return finished(folder) if (folder / RUN_FILE).exists() else None


def _train(
    config: RunConfig,
    folder: Path,
    resume: bool,
    ours: Any,
    data_dir: StrPath | None,
    strategy: str | None,
    tensorboard: StrPath | None,
    verbose: int | str,
) -> Path | None:
    """Does the epochs that are not done; returns what is left, or `None` in a worker that keeps nothing."""
    from keras_selectivity import datasets

    datasets.check_present(config.dataset, data_dir)  # before what takes seconds to import
    import keras

    from keras_selectivity.training import AccuracyMonitor
    from keras_selectivity.training import EpochProgress
    from keras_selectivity.training import RunCheckpoint
    from keras_selectivity.training import SelectivityMonitor
    from keras_selectivity.training import distribute
    from keras_selectivity.training import load_checkpoint
    from keras_selectivity.training import tensorboard_logs

    scope, replicas, worker = distribute(strategy)
    data = datasets.load(config.dataset, data_dir)
    train, validation = split_train(data.train, config)
    recipe = recipe_of(config)
    _check_shares(len(train.labels), recipe.batch_size, replicas)
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        if not on_tensorflow():
            raise InputError("deterministic needs the TensorFlow backend.")
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    progress = restore(folder / CHECKPOINTS) if resume else None
    with scope:
        if progress is None:
            model = build(config, recipe, data.classes, train.images.shape[1:])
        else:
            model = load_checkpoint(folder / CHECKPOINTS / progress["last"])
    if worker:  # all workers compute the same; what the others write is not kept
        folder, ours = folder.with_name(f".{folder.name}.worker-{worker}"), _is_run
    if (
        not resume
    ):  # until here, nothing was touched: what is wrong with the settings or the data has been said
        check_absent(folder, True, ours)
        shutil.rmtree(folder, ignore_errors=True)
    if progress is None:
        write_json(folder / CONFIG, config.to_dict())
    done = progress["epochs"] if progress else 0
    validation_batches, test_batches = (datasets.Batches(part, 500) for part in (validation, data.test))
    monitor = SelectivityMonitor(
        validation_batches, preferred_classes=progress["preferred_classes"] if progress else ()
    )
    checkpoint = RunCheckpoint(
        folder / CHECKPOINTS,
        progress=progress,
        keep=lambda: {"preferred_classes": [[int(k) for k in p] for p in monitor.preferred_classes]},
    )
    if done < recipe.epochs:
        batches = datasets.Batches(
            train,
            recipe.batch_size,
            seed=config.seed,
            pad=recipe.pad,
            epochs=recipe.epochs,
            first_epoch=done,
            augmix=config.method == "augmix",
            ahead=0 if on_tensorflow() else 2,
        )
        if on_tensorflow():
            use_a_generator()
        shown = EpochProgress(verbose)
        with datasets.drawing(batches, validation_batches, test_batches), contextlib.closing(shown):
            model.fit(
                datasets.pipeline(batches) if on_tensorflow() else batches,
                validation_data=validation_batches,
                epochs=recipe.epochs,
                initial_epoch=done,
                steps_per_epoch=batches.steps,
                shuffle=False,  # the batches come in a random order already
                callbacks=[
                    recipe.callback(),
                    monitor,
                    # For t95 alone; nothing is chosen by it.
                    AccuracyMonitor(test_batches),
                    checkpoint,
                    *tensorboard_logs(tensorboard, folder.name.removesuffix(".new"), config.to_dict()),
                    shown,
                ],
                verbose=0,
            )
    if worker:
        shutil.rmtree(folder)
        return None
    progress = checkpoint.progress
    best = load_checkpoint(folder / CHECKPOINTS / progress["best"])
    counts = (len(train.labels), len(validation.labels))
    save(best, folder, config, progress["history"], progress["best_epoch"], *counts)
    return finished(folder)


def _check_shares(samples: int, batch_size: int, replicas: int) -> None:
    if batch_size % replicas or samples % batch_size % replicas:
        raise InputError(
            f"{samples} samples in batches of {batch_size} cannot be shared equally by {replicas} replicas, "
            f"last batch included. Choose a batch size and train_samples that {replicas} divides."
        )


def changed_settings(config: RunConfig, folder: Path) -> list[str]:
    """Names of the settings in which a run's folder differs from a configuration; none for a new folder.

    Raises:
        DamagedError: The record of the folder's configuration is damaged, or missing beside a network.
    """
    path = Path(folder) / CONFIG
    if not path.exists():
        if any((path.parent / name).exists() for name in (MODEL, RUN_FILE, CHECKPOINTS)):
            raise DamagedError(f"{folder} holds a network, but no {CONFIG} that says how it was trained.")
        return []
    found = read_json(path, {str: object})
    wanted = config.to_dict()
    # A default stands for a setting that the run is older than.
    defaults = {name: declared.default for name, declared in RunConfig.model_fields.items()}
    return [key for key in wanted if found.get(key, defaults[key]) != wanted[key]]


def progress_of(folder: Path) -> dict[str, Any]:
    """What `restore` returns of a run that is not done; empty if no epoch is, or the record is damaged."""
    try:
        return restore(Path(folder) / CHECKPOINTS) or {}
    except InputError:
        return {}
