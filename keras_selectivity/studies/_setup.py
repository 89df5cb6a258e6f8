"""What every training of a run begins and ends with: its data, recipe and network, and the files it leaves."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from keras_selectivity._errors import InputError
from keras_selectivity._random import stream
from keras_selectivity._run_file import save_run
from keras_selectivity._types import KerasObject
from keras_selectivity.studies._config import RunConfig

if TYPE_CHECKING:
    from keras_selectivity.datasets import Split
    from keras_selectivity.training import Recipe
    from keras_selectivity.training import SelectivityModel

CONFIG = "config.json"
CHECKPOINTS = "checkpoints"
MODEL = "model"
# What the SavedModel is made from, where there is TensorFlow
RUN_FILE = "run.keras"


def on_tensorflow() -> bool:
    """Whether Keras runs on TensorFlow."""
    import keras

    return keras.backend.backend() == "tensorflow"


def split_train(split: "Split", config: RunConfig) -> "tuple[Split, Split]":
    """The samples that a run trains on, and those that it holds out.

    Args:
        split: The training `Split` of its data set.
        config: A `RunConfig`.

    Returns:
        `(train, validation)`, as new splits.
    """
    from keras_selectivity import datasets

    train, validation = datasets.hold_out(split, config.validation_per_class, config.seed)
    if config.train_samples is not None:
        train = datasets.subset(train, config.train_samples, stream("training subset", config.seed))
    return train, validation


def recipe_of(config: RunConfig) -> "Recipe":
    """The `Recipe` that a configuration declares."""
    from keras_selectivity.training import Recipe

    recipe = Recipe(
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        milestones=Recipe().shortened(config.epochs).milestones,
        pad=config.pad,
    )
    return recipe if config.milestones is None else replace(recipe, milestones=tuple(config.milestones))


def build(
    config: RunConfig, recipe: "Recipe", classes: int, input_shape: Sequence[int]
) -> "SelectivityModel":
    """The compiled `SelectivityModel` of a run."""
    import keras

    from keras_selectivity import networks
    from keras_selectivity.training import regularize

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if config.precision == "float32" else f"mixed_{config.precision}")
    try:
        network = networks.build(config.network, classes, input_shape, config.negative_slope)
    finally:
        keras.config.set_dtype_policy(before)
    model = regularize(
        network,
        config.alpha,
        metric=config.metric,
        layers=config.layers,
        warmup_epochs=config.warmup_epochs,
        method=_method(config),
        micro_batch=config.micro_batch,
    )
    model.compile(
        optimizer=recipe.optimizer(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def _method(config: RunConfig) -> Any:
    from keras_selectivity import datasets
    from keras_selectivity.training import Adversarial
    from keras_selectivity.training import AugMixConsistency

    if config.method == "plain":
        return None
    if config.method == "augmix":
        return AugMixConsistency()
    epsilon = config.epsilon or datasets.spec(config.dataset).epsilon
    return Adversarial(epsilon, steps=7 if config.method == "pgd" else 1)


def save(
    model: KerasObject,
    folder: Path,
    config: RunConfig,
    history: dict[str, list[Any]],
    best_epoch: int,
    trained_on: int,
    validated_on: int,
) -> None:
    """Writes the trained network of a run with the record of its training.

    Args:
        model: The `SelectivityModel` to keep.
        folder: Folder of the run, a `Path`.
        config: Its `RunConfig`.
        history: Dict, log -> value by epoch.
        best_epoch: 0-based epoch of the weights.
        trained_on, validated_on: Numbers of samples.

    Raises:
        InputError: The training diverged.
    """
    lost = [
        epoch for log in ("loss", "val_loss") for epoch, v in enumerate(history.get(log, ())) if v is None
    ]
    if lost:
        raise InputError(
            f"The training diverged in epoch {min(lost) + 1}. Take an alpha nearer to 0 than {config.alpha:g}, or a "
            f"lower learning rate than {config.learning_rate:g}."
        )
    recipe = recipe_of(config)
    if config.precision != "float32":
        plain = build(
            config.replace(precision="float32"), recipe, model.classes, model.network.input_shape[1:]
        )
        plain.network.set_weights(model.network.get_weights())
        plain.optimizer.build(plain.trainable_variables)  # as the loaded one will be
        model = plain
    protocol = protocol_of(config, trained_on, validated_on, best_epoch)
    save_run(model, folder / RUN_FILE, seed=config.seed, history=history, protocol=protocol)


def protocol_of(config: RunConfig, trained_on: int, validated_on: int, best_epoch: int) -> dict[str, Any]:
    """How a run was trained, for the record: everything that its configuration decides, and what came of it."""
    recipe = recipe_of(config)
    return {
        **config.to_dict(),
        "milestones": list(recipe.milestones),
        "momentum": recipe.momentum,
        "l2": recipe.l2,
        "samples_trained_on": trained_on,
        "samples_validated_on": validated_on,
        "best_epoch": best_epoch,
        "selection": "highest validation accuracy, earliest epoch",
        "trained_on_backend": "tensorflow" if on_tensorflow() else "jax",
    }


def finished(folder: Path) -> Path:
    """The SavedModel of a finished training, made from its file, or the file where there is no TensorFlow."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    if not on_tensorflow():
        return folder / RUN_FILE
    from keras_selectivity.saved_model import export_run

    export_run(folder / RUN_FILE, folder / MODEL)
    return folder / MODEL
