"""One run: from a configuration to a trained, exported network in a folder of its own."""

import json
import shutil
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

from keras_selectivity._errors import InputError
from keras_selectivity._files import check_absent
from keras_selectivity._files import write_json

_CONFIG = "config.json"
MODEL = "model"
_CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides the result of one training.

    Attributes:
        dataset: Name of a data set.
        network: Name of a function of `keras_selectivity.networks`.
        alpha: Scale of the regulariser.
        seed: Seed of validation split, initialisation, order and augmentation.
        negative_slope: Slope of leaky ReLUs; 0 for plain ones.
        metric: `"selectivity"` or `"discriminability"`.
        layers: `None`, `"first 3"`, `"last 3"`, or a list of layer names.
        warmup_epochs: Epochs over which alpha grows from 0.
        epochs: Number of epochs.
        batch_size: Samples a batch.
        learning_rate: Initial learning rate.
        milestones: Epoch indices at which the learning rate drops to a tenth; `None` puts them, as the
            papers do, at a half and three quarters of the epochs.
        pad: Padding of the flip-and-crop augmentation; 0 trains without augmentation.
        validation_per_class: Training samples of each class held out to choose the epoch.
        train_samples: Size of a class-balanced subset of the remaining training samples; `None`
            uses all.
        deterministic: Use deterministic kernels, so that the same seed gives the same weights.
    """

    dataset: str
    network: str
    alpha: float
    seed: int = 0
    negative_slope: float = 0.0
    metric: str = "selectivity"
    layers: object = None
    warmup_epochs: int = 0
    epochs: int = 200
    batch_size: int = 256
    learning_rate: float = 0.1
    milestones: tuple | None = None
    pad: int = 4
    validation_per_class: int = 500
    train_samples: int | None = None
    deterministic: bool = False

    def to_dict(self):
        """The configuration as plain JSON values."""
        return {**asdict(self), "milestones": None if self.milestones is None else list(self.milestones)}


def execute(config, folder, *, data_dir=None, resume=False, overwrite=False, verbose="auto"):
    """Trains, keeps the epoch with the best validation accuracy, and exports it.

    The folder holds `config.json`, `checkpoints/` while the run goes on, and in the end `model/`,
    the SavedModel with its `run.json`. A run whose `model/` exists is finished; executing it again
    with `resume` does nothing.

    Args:
        config: A `RunConfig`.
        folder: Folder of the run.
        data_dir: Where prepared data sets lie.
        resume: Go on after the last whole epoch of an interrupted run, or start if there is none.
        overwrite: Start again, deleting what is there.
        verbose: As in `keras.Model.fit`.

    Returns:
        Path of the exported model.

    Raises:
        InputError: The folder exists (without `resume` or `overwrite`) or belongs to a run with
            another configuration; the data are absent; a bad value in the configuration.
    """
    folder = Path(folder)
    if not resume:
        check_absent(folder, overwrite, (_CONFIG, _CHECKPOINTS))
        shutil.rmtree(folder, ignore_errors=True)
    elif (folder / _CONFIG).exists():
        _check_same(config, folder)
        if (folder / MODEL).exists():
            return folder / MODEL

    import keras

    from keras_selectivity import datasets
    from keras_selectivity import saved_model
    from keras_selectivity.training import AccuracyMonitor
    from keras_selectivity.training import RunCheckpoint
    from keras_selectivity.training import SelectivityMonitor
    from keras_selectivity.training import load_checkpoint
    from keras_selectivity.training import restore

    train, validation, test, classes = _data(datasets, config, data_dir)
    recipe = _recipe(config)
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    progress = restore(folder / _CHECKPOINTS)
    if progress is None:
        model = _build(config, recipe, classes, train.images.shape[1:])
        write_json(folder / _CONFIG, config.to_dict())
    else:
        model = load_checkpoint(folder / _CHECKPOINTS / progress["last"])
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
        )
        model.fit(
            batches,
            validation_data=validation_batches,
            epochs=recipe.epochs,
            initial_epoch=done,
            steps_per_epoch=batches.steps,
            shuffle=False,  # the batches come in a random order already
            callbacks=[
                recipe.callback(),
                monitor,
                # For t95 alone; nothing is chosen by it.
                AccuracyMonitor(datasets.Batches(test, 500)),
                checkpoint,
            ],
            verbose=verbose,
        )
    progress = checkpoint.progress
    best = load_checkpoint(folder / _CHECKPOINTS / progress["best"])
    saved_model.export(
        best,
        folder / MODEL,
        seed=config.seed,
        history=progress["history"],
        protocol={
            **config.to_dict(),
            "milestones": list(recipe.milestones),
            "momentum": recipe.momentum,
            "l2": recipe.l2,
            "samples_trained_on": len(train.labels),
            "samples_validated_on": len(validation.labels),
            "best_epoch": progress["best_epoch"],
            "selection": "highest validation accuracy, earliest epoch",
        },
    )
    shutil.rmtree(folder / _CHECKPOINTS)
    return folder / MODEL


def _check_same(config, folder):
    try:
        found = json.loads((folder / _CONFIG).read_text())
    except ValueError as error:
        raise InputError(f"{folder / _CONFIG} is damaged. Start again with --overwrite.") from error
    wanted = config.to_dict()
    defaults = RunConfig("", "", 0.0).to_dict()  # of settings that the run is older than
    changed = [key for key in wanted if found.get(key, defaults[key]) != wanted[key]]
    if changed:
        raise InputError(
            f"{folder} belongs to a run with another {', '.join(changed)}. Choose another output path, "
            "or start again with --overwrite."
        )


def _data(datasets, config, data_dir):
    data = datasets.load(config.dataset, data_dir)
    train, validation = datasets.hold_out(data.train, config.validation_per_class, config.seed)
    if config.train_samples is not None:
        train = datasets.subset(train, config.train_samples, config.seed)
    return train, validation, data.test, data.classes


def _recipe(config):
    from keras_selectivity.training import Recipe

    recipe = Recipe(
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        milestones=Recipe().shortened(config.epochs).milestones,
        pad=config.pad,
    )
    return recipe if config.milestones is None else replace(recipe, milestones=tuple(config.milestones))


def _build(config, recipe, classes, input_shape):
    import keras

    from keras_selectivity import networks
    from keras_selectivity.training import regularize

    if not 0 <= config.negative_slope < 1:
        raise InputError(f"negative_slope must lie in [0, 1). Received: {config.negative_slope!r}.")
    if config.network not in networks.NETWORKS:
        raise InputError(f"Unknown network {config.network!r}. Choose one of {', '.join(networks.NETWORKS)}.")
    network = getattr(networks, config.network)(
        classes=classes, input_shape=tuple(input_shape), negative_slope=config.negative_slope
    )
    model = regularize(
        network,
        config.alpha,
        metric=config.metric,
        layers=config.layers,
        warmup_epochs=config.warmup_epochs,
    )
    model.compile(
        optimizer=recipe.optimizer(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model
