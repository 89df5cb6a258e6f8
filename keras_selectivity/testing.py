"""Conformance checks that users run on a network, or a measurement, of their own."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._types import Array
from keras_selectivity._types import KerasObject
from keras_selectivity.measurements import check_measurement as check_measurement


@dataclass(frozen=True)
class Check:
    """One check of a network.

    Attributes:
        name: What was checked.
        outcome: `"passed"`, `"failed"` or `"skipped"`.
        detail: What was found, or why it failed or was skipped.
    """

    name: str
    outcome: str
    detail: str

    def __str__(self) -> str:
        return f"{self.outcome:8} {self.name}: {self.detail}"


def check_model(
    model: KerasObject,
    images: ArrayLike | None = None,
    *,
    alpha: float = -1.0,
    samples: int = 16,
    seed: int = 0,
) -> list[Check]:
    """Regularises, trains, saves, loads, exports and measures a copy of a classifier.

    The model itself is not changed. To have two replicas compared with one, give TensorFlow two logical
    devices before it starts.

    Args:
        model: A built Keras classifier, as `keras_selectivity.regularize` takes it.
        images: `(n, ...)` float32 inputs, n at least twice the number of classes and even. Defaults to
            random numbers in [0, 1].
        alpha: Scale of the regulariser.
        samples: Number of random inputs, at least twice the number of classes.
        seed: Seed of inputs and labels.

    Returns:
        A list of `Check`; all passed, or were skipped with a reason.

    Raises:
        AssertionError: A check failed; the message lists all of them.
    """
    from keras_selectivity.training import example_inputs

    rng = np.random.default_rng(seed)
    checks = []

    def check(name: str, function: Callable[[], str]) -> bool:
        try:
            outcome = "passed", function()
        except _SkipError as reason:
            outcome = "skipped", str(reason)
        except Exception as error:
            outcome = "failed", f"{type(error).__name__}: {error}"
        checks.append(Check(name, *outcome))
        return outcome[0] == "passed"

    shape = np.shape(example_inputs(model))[1:]
    work = _Work(model, alpha)
    if check("layers", work.layers):
        count = max(samples, 2 * work.regularized.classes)
        work.images = (
            rng.random((count, *shape), np.float32) if images is None else np.asarray(images, np.float32)
        )
        work.labels = np.arange(len(work.images)) % work.regularized.classes
        with tempfile.TemporaryDirectory() as folder:
            work.folder = Path(folder)
            for name in ("training", "saving", "export", "replicas"):
                check(name, getattr(work, name))
    if any(c.outcome == "failed" for c in checks):
        raise AssertionError(f"{model.name} does not conform:\n" + "\n".join(map(str, checks)))
    return checks


class _SkipError(Exception):
    """Why a check does not apply here."""


class _Work:
    """The checks, each a method that returns what it found or raises."""

    images: Array
    labels: Array
    folder: Path

    def __init__(self, model: KerasObject, alpha: float) -> None:
        self.model, self.alpha = model, alpha

    def layers(self) -> str:
        from keras_selectivity import regularize

        self.regularized = regularize(self.model, self.alpha)
        taps = self.regularized.taps
        return (
            f"{len(taps)} rectifiers, {sum(t.units for t in taps)} units, {self.regularized.classes} classes"
        )

    def training(self) -> str:
        model = self._compiled(self.regularized)
        before = [np.array(w) for w in model.get_weights()]
        logs = model.fit(
            self.images, self.labels, batch_size=len(self.images), epochs=1, shuffle=False, verbose=0
        ).history
        values = {name: logs[name][0] for name in ("loss", "cross_entropy", "selectivity")}
        if not all(np.isfinite(v) for v in values.values()):
            raise ValueError(f"a step gives {values}")
        expected = values["cross_entropy"] - self.alpha * values["selectivity"]
        if not np.isclose(values["loss"], expected, rtol=1e-4, atol=1e-6):
            raise ValueError(
                f"the loss {values['loss']} is not cross-entropy - alpha * selectivity = {expected}"
            )
        if all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)):
            raise ValueError("a step changes no weight")
        return f"selectivity {values['selectivity']:.3f}, loss {values['loss']:.3f}"

    def saving(self) -> str:
        import keras

        path = self.folder / "model.keras"
        self.regularized.save(path)
        self._same(keras.saving.load_model(path)(self.images, training=False), "a loaded .keras file")
        return "logits equal after loading"

    def export(self) -> str:
        from keras_selectivity import export
        from keras_selectivity import load
        from keras_selectivity import measure_selectivity

        if len(np.shape(self.images)) != 4:
            raise _SkipError("only classifiers of images can be measured")
        export(self.regularized, self.folder / "exported")
        exported = load(self.folder / "exported")
        expected = np.asarray(self.regularized(self.images, training=False))
        found = np.asarray(exported.logits(self.images))
        if expected.shape[1] > 1 and (found.argmax(1) != expected.argmax(1)).any():
            raise ValueError("the exported network predicts other classes")
        measured = measure_selectivity(exported, (self.images, self.labels), verbose=0)
        index = np.mean([layer.selectivity.mean() for layer in measured.layers])
        if not np.isfinite(index):
            raise ValueError("the selectivity of the exported network is not finite")
        return f"mean selectivity {index:.3f} of {len(exported.layer_names)} layers"

    def replicas(self) -> str:
        import keras
        import tensorflow as tf

        from keras_selectivity import regularize
        from keras_selectivity._keras_private import flatten_layers

        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        if len(devices) < 2:
            raise _SkipError("needs two logical devices")
        if any(isinstance(layer, keras.layers.BatchNormalization) for layer in flatten_layers(self.model)):
            raise _SkipError("batch norm normalises each replica's part of a batch by itself")
        if len(self.images) % 2:
            raise _SkipError("needs an even number of images")
        results = []
        for strategy in (None, tf.distribute.MirroredStrategy([d.name for d in devices[:2]])):
            scope = strategy.scope() if strategy else tf.distribute.get_strategy().scope()
            with scope:
                copy = keras.models.clone_model(self.model)
                copy.set_weights(self.model.get_weights())
                model = self._compiled(regularize(copy, self.alpha))
            model.fit(self.images, self.labels, batch_size=len(self.images), shuffle=False, verbose=0)
            results.append(model.get_weights())
        worst = max(float(np.abs(a - b).max()) for a, b in zip(*results, strict=True))
        if worst > 1e-4:
            raise ValueError(f"weights of one replica and of two differ by {worst:.2g}")
        return f"weights of one replica and of two differ by at most {worst:.1g}"

    def _compiled(self, model: KerasObject) -> KerasObject:
        import keras

        from keras_selectivity import CoupledSGD

        outputs = np.asarray(model(self.images, training=False))
        probabilities = (outputs >= 0).all() and np.allclose(outputs.sum(axis=-1), 1, atol=1e-3)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not probabilities)
        model.compile(optimizer=CoupledSGD(0.01), loss=loss, jit_compile=False)
        return model

    def _same(self, found: ArrayLike, what: str) -> None:
        expected = np.asarray(self.regularized(self.images, training=False))
        if not np.allclose(found, expected, atol=1e-5):
            raise ValueError(f"{what} gives other outputs")
