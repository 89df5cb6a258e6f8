"""Conformance checks that users run on a network, or a measurement, of their own."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._errors import InputError
from keras_selectivity._inputs import Inputs
from keras_selectivity._inputs import count
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


class Checks(list[Check]):
    """What `check_model` found, which prints as a table to paste into an issue.

    Attributes:
        report: The `Report` of what was tapped in the model and what was skipped, or `None`.
    """

    report: Any = None

    def __str__(self) -> str:
        from keras_selectivity.saved_model import versions

        rows = [f"| {each.name} | {each.outcome} | {_cell(each.detail)} |" for each in self]
        found = ", ".join(f"{name} {version}" for name, version in versions().items())
        table = "\n".join(["| check | outcome | detail |", "|---|---|---|", *rows])
        tapped = "" if self.report is None else f"\n\n```\n{self.report}\n```"
        return f"{table}\n\n{found}{tapped}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def check_model(
    model: KerasObject,
    images: Any = None,
    *,
    alpha: float = -1.0,
    samples: int = 16,
    seed: int = 0,
) -> Checks:
    """Regularises, trains, saves, loads, exports, measures and attacks a copy of a classifier.

    The model itself is not changed. To have two replicas compared with one, give TensorFlow two logical
    devices before it starts.

    Args:
        model: A built Keras classifier, as `keras_selectivity.regularize` takes it.
        images: `(n, ...)` inputs, or a list or dict of them, as the network takes them; n at least twice the number of
            classes and even. Defaults to random ones: floats in [0, 1]; integers below 256 for uint8, else within the
            smallest embedding, or 0 and 1; letters for text.
        alpha: Scale of the regulariser.
        samples: Number of random inputs, at least twice the number of classes.
        seed: Seed of inputs and labels.

    Returns:
        A list of `Check`; all passed, or were skipped with a reason. Printed, it is a table with the versions of
        what took part.

    Raises:
        AssertionError: A check failed; the message lists all of them.
    """
    checks = Checks()

    def check(name: str, function: Callable[[], str]) -> bool:
        try:
            outcome = "passed", function()
        except _SkipError as reason:
            outcome = "skipped", str(reason)
        except Exception as error:
            outcome = "failed", f"{type(error).__name__}: {error}"
        checks.append(Check(name, *outcome))
        return outcome[0] == "passed"

    work = _Work(model, alpha)
    if check("layers", work.layers):
        checks.report = work.regularized.report
        number = max(samples, 2 * work.regularized.classes)
        work.images = work.random(number, seed) if images is None else work.inputs.checked(images)
        work.labels = np.arange(count(work.images)) % work.regularized.classes
        with tempfile.TemporaryDirectory() as folder:
            work.folder = Path(folder)
            for name in ("training", "saving", "export", "attack", "replicas"):
                check(name, getattr(work, name))
    if any(c.outcome == "failed" for c in checks):
        lines = "\n".join(str(each) for each in checks)
        raise AssertionError(f"{model.name} does not conform:\n{lines}\n\n{checks}")
    return checks


class _SkipError(Exception):
    """Why a check does not apply here."""


class _Work:
    """The checks, each a method that returns what it found or raises."""

    inputs: Inputs  # without ranges: as the model itself takes them
    images: Any
    labels: Array
    folder: Path

    def __init__(self, model: KerasObject, alpha: float) -> None:
        self.model, self.alpha = model, alpha

    def layers(self) -> str:
        from keras_selectivity import regularize
        from keras_selectivity._endpoints import inputs_of

        self.regularized = regularize(self.model, self.alpha)
        self.inputs = inputs_of(self.regularized.network)
        taps = self.regularized.taps
        return f"{len(taps)} layers, {sum(t.units for t in taps)} units, {self.regularized.classes} classes"

    def random(self, number: int, seed: int) -> Any:
        """Random inputs in the structure that the network takes."""
        import keras

        from keras_selectivity._keras_private import flatten_layers

        rng = np.random.default_rng(seed)
        embeddings = [
            e.input_dim for e in flatten_layers(self.model) if isinstance(e, keras.layers.Embedding)
        ]
        flat: list[Any] = []
        for part in self.inputs.parts:
            shape = (number, *(n or 32 for n in part.shape))
            if part.dtype == "string":
                flat.append(rng.choice(list("abcdefgh"), shape).astype(object))
            elif not part.is_float or (embeddings and len(self.inputs.parts) == 1):
                known = min(embeddings, default=2)
                most = {"uint8": 256, "bool": 2}.get(part.dtype, known)
                flat.append(rng.integers(0, most, shape).astype(part.dtype))
            else:
                flat.append(rng.random(shape, np.float32))
        return self.inputs.pack(flat)

    def training(self) -> str:
        model = self._compiled(self.regularized)
        before = [np.array(w) for w in model.get_weights()]
        logs = model.fit(
            self.images, self.labels, batch_size=len(self.labels), epochs=1, shuffle=False, verbose=0
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

        # Whatever its range, the network is given here what it was given in training
        export(self.regularized, self.folder / "exported", pixel_range=None)
        exported = load(self.folder / "exported")
        expected = np.asarray(self.regularized(self.images, training=False), np.float64)
        if expected.shape[1] == 1:
            middle = 0.5 if exported.run["outputs"] != "as returned" else 0.0
            expected = np.concatenate([2 * middle - expected, expected], axis=1)
        found = np.asarray(exported.logits(self.images))
        sure = np.ptp(np.sort(expected, axis=1)[:, -2:], axis=1) > 1e-3  # the others may change by rounding
        if (found.argmax(1) != expected.argmax(1))[sure].any():
            raise ValueError("the exported network predicts other classes")
        measured = measure_selectivity(exported, (self.images, self.labels), verbose=0)
        index = np.mean([layer.selectivity.mean() for layer in measured.layers])
        if not np.isfinite(index):
            raise ValueError("the selectivity of the exported network is not finite")
        return f"mean selectivity {index:.3f} of {len(exported.layer_names)} layers"

    def attack(self) -> str:
        from keras_selectivity import fgsm
        from keras_selectivity import load

        one = self.inputs.one
        if one is None or not one.is_float:
            raise _SkipError(f"the network takes {self.inputs}; attacks need a single input of floats")
        exported = load(self.folder / "exported")
        try:
            (moved,) = fgsm(exported, self.images, self.labels, [1e-3], verbose=0)
        except InputError as error:
            if "no gradient" not in str(error):
                raise
            raise _SkipError(str(error)) from error
        change = np.abs(moved - self.images).max()
        if not change <= 1.1e-3 + 1e-6 * np.abs(self.images).max():
            raise ValueError(f"a step of 0.001 changes the input by {change:.2g}")
        return f"a step of FGSM changes inputs by {change:.1g}"

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
        if len(self.labels) % 2:
            raise _SkipError("needs an even number of samples")
        results = []
        for strategy in (None, tf.distribute.MirroredStrategy([d.name for d in devices[:2]])):
            scope = strategy.scope() if strategy else tf.distribute.get_strategy().scope()
            with scope:
                copy = keras.models.clone_model(self.model)
                copy.set_weights(self.model.get_weights())
                model = self._compiled(regularize(copy, self.alpha))
            model.fit(self.images, self.labels, batch_size=len(self.labels), shuffle=False, verbose=0)
            results.append(model.get_weights())
        worst = max(float(np.abs(a - b).max()) for a, b in zip(*results, strict=True))
        if worst > 1e-4:
            raise ValueError(f"weights of one replica and of two differ by {worst:.2g}")
        return f"weights of one replica and of two differ by at most {worst:.1g}"

    def _compiled(self, model: KerasObject) -> KerasObject:
        import keras

        from keras_selectivity import CoupledSGD
        from keras_selectivity.training import RETURNED
        from keras_selectivity.training import are_probabilities
        from keras_selectivity.training import kind_of_outputs

        outputs = np.asarray(model(self.images, training=False), np.float64)
        if keras.backend.backend() == "tensorflow":
            probabilities = kind_of_outputs(lambda x: model(x, training=False), self.images) != RETURNED
        else:
            probabilities = are_probabilities(outputs)
        kinds = keras.losses.BinaryCrossentropy, keras.losses.SparseCategoricalCrossentropy
        loss = kinds[outputs.shape[-1] > 1](from_logits=not probabilities)
        model.compile(optimizer=CoupledSGD(0.01), loss=loss, jit_compile=False)
        return model

    def _same(self, found: ArrayLike, what: str) -> None:
        expected = np.asarray(self.regularized(self.images, training=False))
        if not np.allclose(found, expected, atol=1e-5):
            raise ValueError(f"{what} gives other outputs")
