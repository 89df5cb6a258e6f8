"""One run: from a configuration to a trained, exported network in a folder of its own."""

import shutil
from pathlib import Path

from keras_selectivity._errors import InputError
from keras_selectivity._files import check_absent
from keras_selectivity._files import clean_leftovers
from keras_selectivity._json_file import read_json
from keras_selectivity._json_file import write_json
from keras_selectivity.studies._config import RunConfig
from keras_selectivity.studies._config import check_config
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

_CHECKPOINTS = "checkpoints"


def execute(
    config,
    folder,
    *,
    data_dir=None,
    resume=False,
    overwrite=False,
    strategy=None,
    tensorboard=None,
    verbose="auto",
):
    """Trains, keeps the epoch with the best validation accuracy, and exports it.

    The folder holds `config.json`, `checkpoints/` while the run goes on, and in the end `run.keras`, the
    trained `SelectivityModel` with the record of its training, and `model/`, the SavedModel made from it. A
    run whose `model/` exists is finished; executing it again with `resume` does nothing. On JAX the end is
    `run.keras`, which executing the run again with `resume` on TensorFlow exports.

    Args:
        config: A `RunConfig`.
        folder: Folder of the run.
        data_dir: Where prepared data sets lie.
        resume: Go on after the last whole epoch of an interrupted run, or start if there is none.
        overwrite: Start again, deleting what is there.
        strategy: `None`; `"mirrored"`, replicas on all GPUs of this machine; or `"multiworker"`, one
            process a worker as `TF_CONFIG` says, all of which call this with the same arguments. Each
            step is that of one device on the same batch, however many replicas share it.
        tensorboard: Folder for TensorBoard logs, in which the run gets a folder of its own.
        verbose: As in `keras.Model.fit`.

    Returns:
        Path of the exported model, or on JAX of `run.keras`.

    Raises:
        InputError: The folder exists (without `resume` or `overwrite`) or belongs to a run with
            another configuration; the data are absent; a bad value in the configuration.
    """
    check_config(config)
    folder = Path(folder)
    if not resume:
        check_absent(folder, overwrite, (CONFIG, _CHECKPOINTS, RUN_FILE))
        shutil.rmtree(folder, ignore_errors=True)
    else:
        clean_leftovers(folder)
        changed = changed_settings(config, folder)
        if changed:
            raise InputError(
                f"{folder} belongs to a run with another {', '.join(changed)}. Choose another output path, "
                "or start again with --overwrite."
            )
        if (folder / MODEL).exists():
            # Of a process that was killed just before
            shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)
            return folder / MODEL
        if (folder / RUN_FILE).exists():
            return finished(folder)

    import keras

    from keras_selectivity import datasets
    from keras_selectivity.training import AccuracyMonitor
    from keras_selectivity.training import RunCheckpoint
    from keras_selectivity.training import SelectivityMonitor
    from keras_selectivity.training import load_checkpoint
    from keras_selectivity.training import replicate
    from keras_selectivity.training import tensorboard_logs

    scope, replicas, worker = replicate(strategy)
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
    progress = restore(folder / _CHECKPOINTS)
    with scope:
        if progress is None:
            model = build(config, recipe, data.classes, train.images.shape[1:])
        else:
            model = load_checkpoint(folder / _CHECKPOINTS / progress["last"])
    exported = folder / MODEL
    if worker:  # all workers compute the same; what the others write is not kept
        folder = folder.with_name(f".{folder.name}.worker-{worker}")
    if progress is None:
        write_json(folder / CONFIG, config.to_dict())
    done = progress["epochs"] if progress else 0
    validation_batches = datasets.Batches(validation, 500)
    monitor = SelectivityMonitor(
        validation_batches, preferred_classes=progress["preferred_classes"] if progress else ()
    )
    checkpoint = RunCheckpoint(
        folder / _CHECKPOINTS,
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
                AccuracyMonitor(datasets.Batches(data.test, 500)),
                checkpoint,
                *tensorboard_logs(tensorboard, folder.name, config.to_dict()),
            ],
            verbose=verbose,
        )
    if worker:
        shutil.rmtree(folder)
        return exported
    progress = checkpoint.progress
    best = load_checkpoint(folder / _CHECKPOINTS / progress["best"])
    counts = (len(train.labels), len(validation.labels))
    save(best, folder, config, progress["history"], progress["best_epoch"], *counts)
    shutil.rmtree(folder / _CHECKPOINTS)
    return finished(folder)


def _check_shares(samples, batch_size, replicas):
    if batch_size % replicas or samples % batch_size % replicas:
        raise InputError(
            f"{samples} samples in batches of {batch_size} cannot be shared equally by {replicas} replicas, "
            f"last batch included. Choose a batch size and train_samples that {replicas} divides."
        )


def changed_settings(config, folder):
    """Names of the settings in which a run's folder differs from a configuration; none for a new folder.

    Raises:
        DamagedError: The record of the folder's configuration is damaged.
    """
    path = Path(folder) / CONFIG
    if not path.exists():
        return []
    found = read_json(path, {str: object})
    wanted = config.to_dict()
    defaults = RunConfig("", "", 0.0).to_dict()  # of settings that the run is older than
    return [key for key in wanted if found.get(key, defaults[key]) != wanted[key]]


def epochs_done(folder):
    """Finished epochs of a run that goes on; 0 if there are none, or their record is damaged."""
    try:
        progress = restore(Path(folder) / _CHECKPOINTS)
    except InputError:
        return 0
    return progress["epochs"] if progress else 0
