"""Runs of a study that differ in seed and alpha alone, trained in one program on JAX, in pieces of limited time."""

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from keras_selectivity._checks import number
from keras_selectivity._checks import whole_number
from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import set_aside
from keras_selectivity._files import whole_file
from keras_selectivity._json_file import parse_json
from keras_selectivity._json_file import write_json
from keras_selectivity._run_file import HISTORY
from keras_selectivity._seal import check_zip
from keras_selectivity._seal import seal_zip
from keras_selectivity._types import StrPath
from keras_selectivity.studies._runs_folder import RunsFolder
from keras_selectivity.studies._setup import CONFIG
from keras_selectivity.studies._setup import MODEL
from keras_selectivity.studies._setup import RUN_FILE
from keras_selectivity.studies._setup import build
from keras_selectivity.studies._setup import on_tensorflow
from keras_selectivity.studies._setup import recipe_of
from keras_selectivity.studies._setup import save
from keras_selectivity.studies._setup import split_train
from keras_selectivity.studies._study import Study
from keras_selectivity.studies.engines._engine import Engine

_LOG = logging.getLogger(__name__)

_SAVE_EVERY = 60.0  # Seconds between checkpoints
# What a checkpoint tells besides arrays; each log has a list of the runs' values for each epoch.
_RECORD = {"epochs": int, "history": {str: [HISTORY[str]]}, "preferred": [[[int]]]}


class Vectorized(Engine):
    """Trains runs that differ in seed and alpha alone in one program on JAX, and leaves a `run.keras` of each.

    Interrupted trainings resume after the last epoch that was saved, whether a process was killed or its time was over.

    Args:
        folder: As in `Engine`.
        together: Most runs in one program; another number next time begins what is not finished anew.
        minutes: Time after which to save and stop; `None` for none. An epoch that would not end in time is not begun,
            but one is always done.
        data_dir: As in `Engine`.
        verbose: As in `Engine`.
    """

    measures = False
    accepts = frozenset({"together", "minutes"})

    def __init__(
        self,
        folder: Any,
        *,
        together: int,
        minutes: float | None = None,
        data_dir: Any = None,
        verbose: int | str = 1,
    ) -> None:
        super().__init__(folder, data_dir=data_dir, verbose=verbose)
        self.together = whole_number("together", together, 1)
        self.minutes = None if minutes is None else number("minutes", minutes, 0)

    def run(self, study: Study, names: Sequence[str]) -> None:
        """Trains runs.

        Raises:
            InputError: The backend is not JAX, or a run has a method that cannot be trained so.
        """
        if on_tensorflow():
            raise InputError("Runs are trained together on JAX. Set KERAS_BACKEND=jax.")
        import jax

        # A piece of a few minutes should not spend them on compiling again.
        if not jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
            jax.config.update(
                "jax_compilation_cache_dir", str(self.folder.path.absolute() / "_state" / "compiled")
            )
        start = time.monotonic()
        deadline = None if self.minutes is None else start + 60 * self.minutes
        # Groups are those of all runs, whatever is trained already: a checkpoint belongs to its group.
        for group in _groups(study, names, self.together):
            if all(_trained(self.folder.path / name) for name in group):
                continue
            if deadline is not None and time.monotonic() > deadline:
                break
            work = _Group(study, self.folder, group, self.data_dir, self.verbose)
            mine = [name for name in group if not _trained(self.folder.path / name)]
            with contextlib.ExitStack() as held:
                try:
                    held.enter_context(filelock.FileLock(work.path.with_suffix(".lock"), blocking=False))
                    for name in mine:  # which another engine may train alone
                        held.enter_context(self.folder.lock(name).acquire(blocking=False))
                except filelock.Timeout:
                    print(f"{group[0]} to {group[-1]}: another process works on them", flush=True)
                    continue
                work.train(deadline)
        trained = sum(_trained(self.folder.path / name) for name in names)
        print(f"{trained} of {len(names)} runs are trained", flush=True)


def _trained(folder: Path) -> bool:
    return (folder / RUN_FILE).exists() or (folder / MODEL).exists()


def _groups(study: Study, names: Iterable[str], together: int) -> list[list[str]]:
    """Names of runs that differ in seed and alpha alone, in lists of at most `together`."""
    same: dict[Any, list[str]] = {}
    for name in names:
        config = study.runs[name]
        if config.method == "augmix":
            raise InputError(
                f"{name}: AugMix makes its views on the host; train it alone, without --together."
            )
        same.setdefault(config.replace(alpha=0.0, seed=0), []).append(name)
    return [group[i : i + together] for group in same.values() for i in range(0, len(group), together)]


class _Group:
    """Runs of one program: their data, their state, and what is on disk of them."""

    def __init__(
        self, study: Study, folder: RunsFolder, names: list[str], data_dir: StrPath | None, verbose: int | str
    ) -> None:
        from keras_selectivity import datasets

        self.names, self.folder, self.verbose = names, folder, verbose
        self.configs = [study.runs[name] for name in names]
        self.config, self.recipe = self.configs[0], recipe_of(self.configs[0])
        digest = hashlib.sha256(json.dumps([c.to_dict() for c in self.configs]).encode()).hexdigest()[:12]
        self.path = folder.path / "_state" / f"together-{digest}.npz"
        self.data = datasets.load(self.config.dataset, data_dir)
        # All images lie on the device once; a split is its positions among them.
        labels = self.data.train.labels
        everything = datasets.Split(np.arange(len(labels)), labels)
        parts = [split_train(everything, config) for config in self.configs]
        self.train_positions = [train.images for train, _ in parts]
        self.validation = np.stack([validation.images for _, validation in parts])
        self.batches = [
            datasets.Batches(train, self.recipe.batch_size, seed=config.seed, pad=self.recipe.pad)
            for config, (train, _) in zip(self.configs, parts, strict=True)
        ]

    def train(self, deadline: float | None) -> None:
        """Trains until all epochs are done or the next would end after the deadline."""
        import keras

        from keras_selectivity.training import VectorizedTraining

        models = []
        for config in self.configs:
            keras.utils.set_random_seed(config.seed)
            models.append(build(config, self.recipe, self.data.classes, self.data.train.images.shape[1:]))
        self.taps, alphas = models[0].taps, [model.alpha for model in models]
        self.alphas = [(lambda _, a=a: a) if isinstance(a, float) else a for a in alphas]
        images = np.asarray(self.data.train.images)
        program = VectorizedTraining(models, images, self.data.train.labels, self.recipe.pad)
        progress = self._restore(program)
        saved = time.monotonic()
        durations: list[float] = []
        while progress["epochs"] < self.recipe.epochs:
            began = time.monotonic()
            # The first epoch of a process compiles: it is always begun, and counts only until there is another.
            if deadline is not None and durations and began + max(durations[1:] or durations) > deadline:
                break
            self._epoch(program, progress)
            durations.append(time.monotonic() - began)
            if time.monotonic() - saved > _SAVE_EVERY:
                self._save(program, progress)
                saved = time.monotonic()
        self._save(program, progress)
        if progress["epochs"] == self.recipe.epochs:
            self._finish(program, progress)
        elif self.verbose:
            print(f"{progress['epochs']}/{self.recipe.epochs} epochs are done; the time is over", flush=True)

    def _epoch(self, program: Any, progress: Any) -> None:
        from keras_selectivity.training import monitored

        epoch = progress["epochs"]
        plans = [
            [(mine[positions], *crops) for positions, *crops in batches.plans(epoch)]
            for mine, batches in zip(self.train_positions, self.batches, strict=True)
        ]
        alphas = [alpha(epoch) for alpha in self.alphas]
        logs = program.train_epoch(plans, alphas, self.recipe.learning_rate_at(epoch))
        labels = self.data.train.labels
        found = program.evaluate(self.validation)
        logs |= {f"val_{name}": values for name, values in found.items()}
        logs["learning_rate"] = np.full(len(self.names), self.recipe.learning_rate_at(epoch))
        means = program.unit_means(self.validation)
        for run, preferred in enumerate(progress["preferred"]):
            if not np.isfinite(means[run]).all():
                continue  # it has diverged, and fails in the end; the others continue
            measured = [(means[run], labels[self.validation[run]])]
            for name, value in monitored(self.taps, self.data.classes, measured, preferred).items():
                logs.setdefault(f"val_selectivity/{name}", np.full(len(self.names), np.nan))[run] = value
            preferred[-1] = [int(k) for k in preferred[-1]]
        test = self.data.test
        logs["test_accuracy"] = program.evaluate(images=test.images, labels=test.labels)["accuracy"]
        better = logs["val_accuracy"] > progress["best"] if epoch else np.ones(len(self.names), bool)
        weights = program.weights()
        for part, best in zip(weights, progress["weights"] or weights, strict=True):
            for now, before in zip(part, best, strict=True):
                now[~better] = before[~better]
        progress["weights"] = weights
        progress["best"] = np.where(better, logs["val_accuracy"], progress["best"])
        progress["best_epoch"] = np.where(better, epoch, progress["best_epoch"])
        for name, values in logs.items():
            progress["history"].setdefault(name, []).append([_finite(value) for value in values])
        progress["epochs"] = epoch + 1
        if self.verbose:
            shares = ", ".join(f"{a:.0%}" for a in logs["val_accuracy"])
            print(f"epoch {epoch + 1}/{self.recipe.epochs}: validation accuracy {shares}", flush=True)

    def _restore(self, program: Any) -> dict[str, Any]:
        count = len(self.names)
        progress = {
            "epochs": 0,
            "history": {},
            "preferred": [[] for _ in range(count)],
            "best": np.full(count, -np.inf),
            "best_epoch": np.zeros(count, int),
            "weights": None,
        }
        if not self.path.exists():
            return progress
        try:
            check_zip(self.path)
            state, found = self._read(program.state)
        except DamagedError as error:
            aside = set_aside(self.path).name
            _LOG.warning("%s Set aside as %s; its runs begin again.", error, aside)
            return progress
        program.state = state
        return progress | found

    def _read(self, like: Any) -> tuple[Any, dict[str, Any]]:
        try:
            with np.load(self.path, allow_pickle=False) as file:
                state = _unpack(file, "state", like)
                found = {name: file[name] for name in ("best", "best_epoch")}
                found["weights"] = _unpack(file, "weights", state[:2])
                return state, found | parse_json(bytes(file["told"]), _RECORD, self.path)
        except (ValueError, KeyError) as error:
            raise DamagedError(f"{self.path} is damaged ({error}).") from error

    def _save(self, program: Any, progress: Any) -> None:
        record = {name: progress[name] for name in ("epochs", "history", "preferred")}
        arrays = {
            **_packed("state", program.state),
            **_packed("weights", progress["weights"]),
            "best": progress["best"],
            "best_epoch": progress["best_epoch"],
            "told": np.frombuffer(json.dumps(record).encode(), np.uint8),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path) as temporary:
            np.savez(temporary, **arrays)
            seal_zip(temporary)

    def _finish(self, program: Any, progress: Any) -> None:
        for position, (name, config) in enumerate(zip(self.names, self.configs, strict=True)):
            if _trained(self.folder.path / name):
                continue
            model = program.put(progress["weights"], position)
            model.alpha = config.alpha if config.warmup_epochs == 0 else self.alphas[position]
            run = self.folder.path / name
            write_json(run / CONFIG, config.to_dict())
            history = {
                log: [values[position] for values in epochs] for log, epochs in progress["history"].items()
            }
            counts = (len(self.train_positions[position]), self.validation.shape[1])
            try:
                save(model, run, config, history, int(progress["best_epoch"][position]), *counts)
            except InputError as error:  # it diverged, alone
                self.folder.fail(name, str(error))
                continue
            self.folder.forget_failure(name)
            self.folder.note(name, state="trained")
        if all(_trained(self.folder.path / name) for name in self.names):
            self.path.unlink()


def _packed(kind: str, parts: Any) -> dict[str, Any]:
    return {f"{kind}/{p}/{n}": np.asarray(v) for p, part in enumerate(parts) for n, v in enumerate(part)}


def _unpack(file: Any, kind: str, like: Any) -> Any:
    return tuple([file[f"{kind}/{p}/{n}"] for n in range(len(part))] for p, part in enumerate(like))


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
