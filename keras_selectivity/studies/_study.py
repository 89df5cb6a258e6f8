"""A study: the runs that a file declares, and their results as tidy rows."""

import tomllib
from dataclasses import dataclass
from dataclasses import fields
from pathlib import Path

from keras_selectivity._errors import InputError
from keras_selectivity.studies._evaluation import Evaluation
from keras_selectivity.studies._results import write_results
from keras_selectivity.studies._run import RunConfig
from keras_selectivity.studies._run import execute

_HISTORY = (
    "loss", "cross_entropy", "selectivity", "accuracy", "val_accuracy", "val_selectivity", "val_selectivity/mean",
    "val_selectivity/preferred_changed", "val_selectivity/preferred_changed_once", "test_accuracy",
)  # fmt: skip
_SPLITS = {"val": "validation", "test": "test"}


@dataclass(frozen=True)
class Study:
    """A grid of runs.

    Attributes:
        name: Short name; a study that departs from the papers' protocol says so here.
        title: Heading of its page.
        description: What is trained, and how it differs from the papers' protocol.
        runs: Run name -> `RunConfig`.
    """

    name: str
    title: str
    description: str
    runs: dict


def read_study(path):
    """Reads a study file.

    The file is TOML with the tables `[study]` (`name`, `title`, `description`), `[grid]`
    (`alphas`, `seeds`: lists) and `[run]` (any attribute of `RunConfig`, the same for all runs).

    Raises:
        InputError: The file is missing or no TOML, or an entry is missing, unknown or of the wrong
            kind.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Cannot read the study file {path} ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The study file {path} is no valid TOML: {error}.") from error
    try:
        return make_study(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def make_study(content):
    """Checks the content of a study file and lists its runs.

    Args:
        content: Dict with the tables of `read_study`.

    Returns:
        A `Study`.

    Raises:
        InputError: An entry is missing, unknown or of the wrong kind.
    """
    allowed = {
        "study": {"name", "title", "description"},
        "grid": {"alphas", "seeds"},
        "run": {f.name for f in fields(RunConfig)} - {"alpha", "seed"},
    }
    _check_keys("the file", content, set(allowed), required=set(allowed))
    for table, keys in allowed.items():
        required = {"dataset", "network"} if table == "run" else keys
        _check_keys(f"[{table}]", content[table], keys, required)
    alphas, seeds = content["grid"]["alphas"], content["grid"]["seeds"]
    for name, values, kinds in (("alphas", alphas, (int, float)), ("seeds", seeds, (int,))):
        if not isinstance(values, list) or not values or not all(type(v) in kinds for v in values):
            raise InputError(f"[grid] {name} must be a list of numbers that is not empty. Found: {values!r}.")
    shared = dict(content["run"])
    if "milestones" in shared:
        shared["milestones"] = tuple(shared["milestones"])
    runs = {
        f"alpha{alpha:+g}_seed{seed}": RunConfig(alpha=float(alpha), seed=seed, **shared)
        for seed in seeds
        for alpha in alphas
    }
    return Study(**content["study"], runs=runs)


def run_study(study, runs, output, *, data_dir=None, verbose=2):
    """Trains and measures every run of a study.

    Runs that are finished are left alone, interrupted ones go on after their last whole epoch.

    Args:
        study: A `Study`.
        runs: Folder for the runs' folders.
        output: Folder for `results.csv`.
        data_dir: Where prepared data sets lie.
        verbose: As in `keras.Model.fit`.

    Returns:
        Path of `results.csv`: one measurement a row, see `read_results`. Rows with an `epoch`
        (0-based) are the training history, the others come from the whole test split.
    """
    from keras_selectivity.saved_model import load
    from keras_selectivity.studies._evaluate import evaluate

    rows = []
    for number, (name, config) in enumerate(study.runs.items(), 1):
        print(f"[{number}/{len(study.runs)}] {name}", flush=True)
        path = execute(config, Path(runs) / name, data_dir=data_dir, resume=True, verbose=verbose)
        exported = load(path)
        found = evaluate({name: exported}, Evaluation(config.dataset), data_dir=data_dir, verbose=0).rows
        values = {row["measure"]: row["value"] for row in found if row["layer"] is None}
        print(
            f"    accuracy {values['accuracy']:.2%}, mean selectivity {values['mean_selectivity']:.4f}",
            flush=True,
        )
        rows += [{**row, "study": study.name} for row in found]
        trained = {**rows[-1], "samples": None, "layer": None, "protocol": None}
        rows += [
            {**trained, "split": split, "epoch": epoch, "measure": log, "value": value}
            for log in _HISTORY
            for split in [_SPLITS.get(log.split("_")[0], "train")]
            for epoch, value in enumerate(exported.run["history"].get(log, []))
        ]
    path = Path(output) / "results.csv"
    write_results(path, rows)
    return path


def _check_keys(where, table, allowed, required):
    if not isinstance(table, dict):
        raise InputError(f"{where} must be a table.")
    for problem, keys in (("unknown", set(table) - allowed), ("missing", required - set(table))):
        if keys:
            raise InputError(
                f"{where}: {problem} {', '.join(sorted(keys))}. Allowed are {', '.join(sorted(allowed))}."
            )
