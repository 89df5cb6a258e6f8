"""A study file: the runs that it declares, and what to measure on them."""

import json
import re
import tomllib
from dataclasses import dataclass
from dataclasses import fields
from pathlib import Path

from keras_selectivity._errors import InputError
from keras_selectivity.studies._config import RunConfig
from keras_selectivity.studies._config import check_config
from keras_selectivity.studies._evaluation import Evaluation
from keras_selectivity.studies._evaluation import check

MAIN = "main"
_RUN_KEYS = {f.name for f in fields(RunConfig)} - {"alpha", "seed"}
_ALLOWED = {
    "study": {"name", "title", "description"},
    "grid": {"alphas", "seeds"},
    "run": _RUN_KEYS,
    "arms": {"name", "alphas", "seeds"} | (_RUN_KEYS - {"dataset"}),
    "evaluation": {f.name for f in fields(Evaluation)} - {"dataset"},
}
_REQUIRED = {
    "study": _ALLOWED["study"],
    "grid": _ALLOWED["grid"],
    "run": {"dataset", "network"},
    "arms": {"name"},
    "evaluation": set(),
}


@dataclass(frozen=True)
class Study:
    """A grid of runs.

    Attributes:
        name: Short name; a study that departs from the papers' protocol says so here.
        title: Heading of its page.
        description: What is trained, and how it differs from the papers' protocol.
        runs: Run name -> `RunConfig`.
        arms: Run name -> name of its arm, `"main"` for the grid itself.
        evaluation: What to measure on every run, an `Evaluation`.
        content: The tables of the file, as JSON values.
    """

    name: str
    title: str
    description: str
    runs: dict
    arms: dict
    evaluation: Evaluation
    content: dict


class _EntryError(InputError):
    """An error that belongs to an entry of a table."""

    def __init__(self, table, key, message):
        super().__init__(message)
        self.table, self.key = table, key


def read_study(path):
    """Reads a study file.

    The file is TOML with the tables `[study]` (`name`, `title`, `description`), `[grid]`
    (`alphas`, `seeds`: lists), `[run]` (any attribute of `RunConfig`, the same for all runs), and, if
    wanted, `[[arms]]` (a `name`, and what the arm does otherwise: attributes of `RunConfig`, its own
    `alphas`, `seeds`) and `[evaluation]` (any attribute of `Evaluation`). The copy of a study that lies
    in the folder of its runs, `_state/study.json`, will do as well.

    Raises:
        InputError: The file is missing or no TOML, or an entry is missing, unknown or of the wrong
            kind; the message names the line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)["content"] if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise InputError(f"Cannot read the study file {path} ({error.strerror}).") from error
    except (ValueError, KeyError) as error:
        raise InputError(f"The study file {path} is no valid {path.suffix[1:].upper()}: {error}.") from error
    try:
        return make_study(content)
    except _EntryError as error:
        raise InputError(f"{path}{_line(text, error.table, error.key)}: {error}") from error
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
    _check_keys("the file", None, content, set(_ALLOWED), required={"study", "grid", "run"})
    for table in ("study", "grid", "run"):
        _check_keys(f"[{table}]", table, content[table], _ALLOWED[table], _REQUIRED[table])
    arms = content.get("arms", [])
    if not isinstance(arms, list):
        raise InputError("Arms are written as [[arms]], one table for each.")
    for number, arm in enumerate(arms):
        where = ("arms", number)
        _check_keys(f"[[arms]] {number + 1}", where, arm, _ALLOWED["arms"], _REQUIRED["arms"])
    runs, names = {}, {}
    tables = [(("grid", None), {"name": MAIN, **content["grid"]})]
    tables += [(("arms", number), {**content["grid"], **arm}) for number, arm in enumerate(arms)]
    for where, arm in tables:
        for name, config in _runs(where, arm, content["run"]):
            if name in runs:
                raise _EntryError(where, "name", f"There are two runs called {name}; rename an arm.")
            runs[name], names[name] = config, arm["name"]
    evaluation = _evaluation(content)
    return Study(**content["study"], runs=runs, arms=names, evaluation=evaluation, content=content)


def _runs(where, arm, shared):
    """Name and configuration of every run of an arm."""
    title = f"[[arms]] {arm['name']}" if where[0] == "arms" else "[grid]"
    if not isinstance(arm["name"], str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", arm["name"]):
        raise _EntryError(where, "name", f"{title}: a name has letters, digits, '_', '.' and '-' only.")
    for key, kinds in (("alphas", (int, float)), ("seeds", (int,))):
        values = arm[key]
        kind = "numbers" if key == "alphas" else "whole numbers"
        if not isinstance(values, list) or not values or not all(type(v) in kinds for v in values):
            raise _EntryError(
                where, key, f"{title} {key} must be a list of {kind} that is not empty. Found: {values!r}."
            )
        twice = sorted({v for v in values if values.count(v) > 1})
        if twice:
            raise _EntryError(where, key, f"{title} {key} holds {twice[0]} twice.")
    settings = {**shared, **{k: v for k, v in arm.items() if k in _RUN_KEYS}}
    if settings.get("milestones") is not None:
        settings["milestones"] = tuple(settings["milestones"])
    prefix = "" if where[0] == "grid" else f"{arm['name']}_"
    for seed in arm["seeds"]:
        for alpha in arm["alphas"]:
            config = RunConfig(alpha=float(alpha), seed=seed, **settings)
            try:
                check_config(config)
            except InputError as error:
                key = next((k for k in settings if k in str(error)), None)
                inside = where if key in arm else ("run", None)
                raise _EntryError(inside, key, str(error)) from error
            yield f"{prefix}alpha{alpha:+g}_seed{seed}", config


def _evaluation(content):
    table = content.get("evaluation", {})
    _check_keys("[evaluation]", "evaluation", table, _ALLOWED["evaluation"], set())
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    defaults = Evaluation("")
    for key, value in values.items():
        if isinstance(getattr(defaults, key), bool) != isinstance(value, bool):
            raise _EntryError("evaluation", key, f"[evaluation] {key} cannot be {value!r}.")
    evaluation = Evaluation(dataset=content["run"]["dataset"], **values)
    try:
        check(evaluation)
    except (InputError, TypeError) as error:
        key = next((k for k in values if k in str(error)), None)
        raise _EntryError("evaluation", key, f"[evaluation]: {error}") from error
    return evaluation


def _check_keys(title, where, table, allowed, required):
    if not isinstance(table, dict):
        raise InputError(f"{title} must be a table.")
    for problem, keys in (("unknown", set(table) - allowed), ("missing", required - set(table))):
        if keys:
            raise _EntryError(
                where,
                min(keys) if problem == "unknown" else None,
                f"{title}: {problem} {', '.join(sorted(keys))}. Allowed are {', '.join(sorted(allowed))}.",
            )


def _line(text, where, key):
    """Where an entry stands in a TOML file, as `", line 7"`; empty if that cannot be told."""
    table, number = where if isinstance(where, tuple) else (where, None)
    current, count = None, -1
    for line, content in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?\s*([\w-]+)", content)
        if header:
            current = header.group(1)
            count += current == "arms"
            if (table is None and current == key) or (
                key is None and current == table and number in (None, count)
            ):
                return f", line {line}"
        elif current == table and key is not None and (number is None or count == number):
            if re.match(rf"\s*{re.escape(key)}\s*=", content):
                return f", line {line}"
    return ""
