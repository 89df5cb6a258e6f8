"""A search for the alpha that serves best, through Keras Tuner."""

import itertools
import json
import logging
import os
import shutil
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple
from typing import cast

import keras
import numpy as np

from keras_selectivity import datasets
from keras_selectivity import results
from keras_selectivity import robustness
from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._files import check_absent
from keras_selectivity._files import set_aside
from keras_selectivity._files import whole_directory
from keras_selectivity._json_file import read_json
from keras_selectivity._json_file import write_json
from keras_selectivity._progress import Bar
from keras_selectivity._types import KerasObject
from keras_selectivity._types import StrPath
from keras_selectivity.measurements import about
from keras_selectivity.saved_model import is_export
from keras_selectivity.studies._config import RunConfig
from keras_selectivity.studies._setup import on_tensorflow
from keras_selectivity.studies._worker import reason_of
from keras_selectivity.studies._worker import trained

_LOG = logging.getLogger(__name__)

try:
    import keras_tuner
except ImportError:
    raise InputError("Keras Tuner is not installed: pip install 'keras_selectivity[tuner]'.") from None

OBJECTIVES = ("val_accuracy", "corrupted", "mix")
SEARCHES = ("grid", "random", "bayesian", "hyperband")
_TUNER, _SEARCH, _RUNS, _BEST = "tuner", "search.json", "runs", "best"


class Search(NamedTuple):
    """What a search has found.

    Attributes:
        rows: A dict for every completed trial, the best first; as rows of results.
        failed: A line for every trial that failed, with its hyperparameters and the reason; the next search
            tries it again.
    """

    rows: list[dict[str, Any]]
    failed: list[str]


def choose(hp: Any, alphas: Sequence[Any], seeds: Sequence[int]) -> tuple[float, int]:
    """Declares alpha and seed as hyperparameters and returns their values.

    The seed is one of them because Keras Tuner averages repeated executions of a trial into one number;
    as a hyperparameter every one keeps its own.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        alphas: A list to choose from, or a pair `("range", low, high)`.
        seeds: A list of whole numbers.
    """
    if alphas[0] == "range":
        alpha = hp.Float("alpha", float(alphas[1]), float(alphas[2]))
    else:
        alpha = hp.Choice("alpha", [float(a) for a in alphas], ordered=True)
    return alpha, hp.Choice("seed", list(seeds), ordered=False)


class SelectivityHyperModel(keras_tuner.HyperModel):
    """A regularised, compiled network for any tuner of Keras Tuner.

    Args:
        network: Function without arguments that returns a built Keras classifier.
        alphas: A list to choose from, or `("range", low, high)`.
        seeds: Seeds to choose from. Defaults to one.
        optimizer: Function without arguments that returns an optimizer. Defaults to `CoupledSGD(0.1)`.
        loss: Loss. Defaults to sparse categorical cross-entropy of logits.
        options: Further keywords of `keras_selectivity.regularize`.

    Example:

        tuner = keras_tuner.GridSearch(
            SelectivityHyperModel(keras_selectivity.networks.resnet20, [-1, 0, 1], seeds=[0, 1, 2]),
            objective="val_accuracy",
        )
        tuner.search(images, labels, validation_split=0.1, epochs=10)
    """

    def __init__(
        self,
        network: Any,
        alphas: Sequence[Any],
        seeds: Sequence[int] = (0,),
        *,
        optimizer: Any = None,
        loss: Any = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.network, self.alphas, self.seeds = network, alphas, seeds
        self.optimizer, self.loss, self.options = optimizer, loss, options

    def build(self, hp: Any) -> KerasObject:
        """The model for a trial's hyperparameters."""
        from keras_selectivity.training import CoupledSGD
        from keras_selectivity.training import regularize

        alpha, seed = choose(hp, self.alphas, self.seeds)
        keras.utils.set_random_seed(seed)
        model = regularize(self.network(), alpha, **self.options)
        model.compile(
            optimizer=self.optimizer() if self.optimizer else CoupledSGD(0.1),
            loss=self.loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return model


class _RunTuner(keras_tuner.Tuner):
    """A tuner whose trials are runs of ours: resumable, exported, with a protocol."""

    def __init__(self, oracle: Any, run: Callable[[Any], float], directory: StrPath) -> None:
        self._run = run
        self.failures: dict[str, str] = {}
        super().__init__(oracle, directory=directory, project_name=_TUNER)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        try:
            return {"score": self._run(trial.hyperparameters)}
        except Exception as error:
            values = ", ".join(f"{name} {value}" for name, value in trial.hyperparameters.values.items())
            reason = self.failures[values] = reason_of(error)
            raise keras_tuner.errors.FailedTrialError(reason) from error


def tune(
    config: RunConfig,
    output: StrPath,
    *,
    alphas: Sequence[Any],
    seeds: Sequence[int] = (0,),
    objective: str = "val_accuracy",
    search: str = "grid",
    trials: int | None = None,
    weight: float = 0.5,
    samples: int = 500,
    data_dir: StrPath | None = None,
    verbose: int | str = 1,
) -> Search:
    """Searches alpha, training a run for every trial, and keeps the best network.

    An interrupted search resumes where it stopped; with other settings it begins anew, and takes the runs that fit.
    Searches of several machines can share their trials through Keras Tuner's own chief and workers (its variables
    `KERASTUNER_TUNER_ID`, `KERASTUNER_ORACLE_IP`, `KERASTUNER_ORACLE_PORT`), whose connection has no authentication: on
    a loopback device or a private network only.

    Args:
        config: A `RunConfig`; its alpha and seed are those of no trial.
        output: Folder for `runs/`, `tuner/` and `search.json` (state and settings of the search), `results.csv` (a row
            per trial, on the validation split) and `best/`, the best network.
        alphas: A list to choose from, or `("range", low, high)` (not with a grid).
        seeds: A list of seeds to choose from.
        objective: `"val_accuracy"`; `"corrupted"`, the mean accuracy over all generated corruptions and
            severities on validation images; or `"mix"`, `weight` of that and the rest of the accuracy
            under 25 steps of PGD.
        search: `"grid"`, `"random"`, `"bayesian"` or `"hyperband"` (which trains with few epochs first, each
            time anew, with the schedule of that many epochs).
        trials: Number of trials; `None` for all of a grid, and 10 otherwise. Not used by Hyperband.
        weight: Share of corruption in a mix, from 0 to 1.
        samples: Validation images for corruptions and attacks.
        data_dir: Where prepared data sets lie.
        verbose: 0 shows nothing of what a trial does.

    Returns:
        A `Search`: rows of the trials that were completed, the best first, and why others failed.

    Raises:
        InputError: A value is not among the allowed, the output holds something else, or no trial was completed, with
            the reason.
    """
    for name, value, allowed in (("objective", objective, OBJECTIVES), ("search", search, SEARCHES)):
        if value not in allowed:
            raise InputError(f"Unknown {name} {value!r}. Choose one of {', '.join(allowed)}.")
    if search == "grid" and alphas[0] == "range":
        raise InputError("A grid needs a list of alphas, not a range.")
    if not 0 <= weight <= 1:
        raise InputError(f"The weight must lie in [0, 1]. Received: {weight}.")
    output = Path(output)
    if not on_tensorflow():
        raise InputError(
            "A search measures the networks that it trains, for which it needs the TensorFlow backend."
        )
    results.check_output(output / "results.csv")
    check_absent(output / _BEST, True, is_export)
    if "KERASTUNER_TUNER_ID" not in os.environ:  # else others may be working on it
        decides: dict[str, Any] = {
            "search": search,
            "alphas": [alpha if isinstance(alpha, str) else float(alpha) for alpha in alphas],
            "seeds": [int(seed) for seed in seeds],
            "objective": objective,
        }
        if objective != "val_accuracy":
            decides |= {"samples": int(samples)} | ({"weight": float(weight)} if objective == "mix" else {})
        trained_by = {k: v for k, v in config.to_dict().items() if k not in ("alpha", "seed")}
        _set_aside_unfit(output, {**decides, "run": trained_by})
    judge = _Judge(config, objective, weight, samples, data_dir, verbose)
    rows: dict[str, dict[str, Any]] = {}

    def run(hp: Any) -> float:
        alpha, seed = choose(hp, alphas, seeds)
        epochs = hp.values.get("tuner/epochs", config.epochs)
        name = f"alpha{alpha:+.6g}_seed{seed}" + (f"_{epochs}epochs" if search == "hyperband" else "")
        if name in rows:
            return rows[name]["value"]
        configured = config.replace(alpha=alpha, seed=seed, epochs=epochs)
        if epochs != config.epochs:
            configured = configured.replace(milestones=None)
        # Not `None`, which it is on JAX only
        exported = cast(
            Exported, trained(name, configured, output / _RUNS / name, data_dir=data_dir, verbose=verbose)
        )
        rows[name] = judge(name, exported)
        return rows[name]["value"]

    hyperparameters = keras_tuner.HyperParameters()
    choose(hyperparameters, alphas, seeds)
    tuner = _RunTuner(_oracle(search, hyperparameters, trials, config.epochs), run, output)
    try:
        tuner.search(verbose=0)
    except RuntimeError:  # several trials in a row have failed
        if not tuner.failures:
            raise
    for trial in tuner.oracle.trials.values():  # those of earlier sessions: their runs are there
        if trial.status == "COMPLETED":
            run(trial.hyperparameters)
    failed = [f"{values}: {reason}" for values, reason in tuner.failures.items()]
    if not rows:
        raise InputError(f"No trial was completed. {failed[0] if failed else f'See {output / _TUNER}.'}")
    ordered = sorted(rows.values(), key=lambda row: -row["value"])
    results.write(output / "results.csv", results.frame(ordered))
    with whole_directory(output / _BEST, overwrite=True, ours=is_export) as folder:
        shutil.copytree(output / _RUNS / ordered[0]["model"] / "model", folder, dirs_exist_ok=True)
    return Search(ordered, failed)


class _Judge:
    """The objective: what a trial's network reaches on the images that its training held out."""

    def __init__(
        self,
        config: RunConfig,
        objective: str,
        weight: float,
        samples: int,
        data_dir: StrPath | None,
        verbose: int | str,
    ) -> None:
        self.config, self.objective, self.weight, self.samples = config, objective, weight, samples
        self.data_dir, self.verbose = data_dir, verbose

    def __call__(self, name: str, exported: Exported) -> dict[str, Any]:
        found, protocol = self._measure(exported)
        return {
            **about(name, exported),
            "dataset": self.config.dataset,
            "split": "validation",
            "samples": protocol.pop("samples"),
            "measure": self.objective,
            "value": float(found),
            "protocol": json.dumps({"evaluation": "tune", **protocol}, sort_keys=True),
        }

    def _measure(self, exported: Exported) -> tuple[float, dict[str, Any]]:
        protocol = exported.run["protocol"]
        if self.objective == "val_accuracy":
            history = exported.run["history"]["val_accuracy"]
            return history[protocol["best_epoch"]], {"samples": protocol["samples_validated_on"]}
        data = datasets.load(self.config.dataset, self.data_dir)
        held_out = datasets.hold_out(data.train, protocol["validation_per_class"], exported.run["seed"])[1]
        if self.samples < len(held_out.labels):
            held_out = datasets.subset(held_out, self.samples, 0)
        images, labels = held_out.images, held_out.labels
        versions = list(itertools.product(datasets.CORRUPTIONS, datasets.SEVERITIES))
        shares = []
        with Bar(len(versions), "corrupted version", self.verbose) as progress:
            for version in versions:
                changed = datasets.corrupt(images, *version, seed=0)
                shares.append(robustness.accuracy(exported, changed, labels, perturbed=True, verbose=0))
                progress.add()
        corrupted: Any = np.mean(shares)
        used = {"samples": len(labels), "corruptions": len(datasets.CORRUPTIONS)}
        if self.objective == "corrupted":
            return corrupted, used
        attacked = robustness.pgd_accuracy(
            exported, images, labels, steps=(25,), verbose=int(bool(self.verbose))
        ).accuracy[-1]
        return self.weight * corrupted + (1 - self.weight) * attacked, {
            **used,
            "pgd_steps": 25,
            "weight": self.weight,
        }


def _oracle(search: str, hyperparameters: Any, trials: int | None, epochs: int) -> Any:
    options = {"objective": keras_tuner.Objective("score", "max"), "hyperparameters": hyperparameters}
    oracles = keras_tuner.oracles
    if search == "grid":
        return oracles.GridSearchOracle(max_trials=trials, **options)
    if search == "hyperband":
        return oracles.HyperbandOracle(max_epochs=epochs, seed=0, **options)
    kind = oracles.RandomSearchOracle if search == "random" else oracles.BayesianOptimizationOracle
    return kind(max_trials=trials or 10, seed=0, **options)


def _set_aside_unfit(output: Path, settings: dict[str, Any]) -> None:
    """Sets aside what Keras Tuner cannot resume: the state of another search, a damaged one, one with failures.

    It would take up the trials and scores of another search as its own, and does not try again what failed. Runs that
    are done stay.
    """
    folder, declared = output / _TUNER, output / _SEARCH
    if folder.exists() and (why := _unfit(folder, declared, settings)):
        aside = set_aside(folder, "replaced")
        _LOG.warning("%s The state of the search is set aside as %s; finished runs are kept.", why, aside)
    output.mkdir(parents=True, exist_ok=True)
    write_json(declared, settings)


def _unfit(folder: Path, declared: Path, settings: dict[str, Any]) -> str:
    try:
        before = read_json(declared, {str: object}) if declared.exists() else {}
    except DamagedError as error:
        return str(error)
    changed = sorted(name for name, value in settings.items() if before.get(name) != value)
    if changed:
        return f"{folder} is of another search ({', '.join(changed)})."
    for path in sorted(folder.rglob("*.json")):
        try:
            state = json.loads(path.read_text())
        except ValueError:
            return f"{path} is damaged."
        if isinstance(state, dict) and state.get("status") in ("FAILED", "INVALID"):
            return f"{path.parent.name} has failed before and is tried again."
    return ""
