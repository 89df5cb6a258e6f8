"""A study file: the runs that it declares, and what to measure on them."""

import contextlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from keras_selectivity._errors import InputError
from keras_selectivity._json_file import read_json
from keras_selectivity._paths import read_text
from keras_selectivity._settings import Items
from keras_selectivity._settings import SettingError
from keras_selectivity._settings import Text
from keras_selectivity._settings import kinds
from keras_selectivity.studies._config import ALPHA
from keras_selectivity.studies._config import SEED
from keras_selectivity.studies._config import RunConfig
from keras_selectivity.studies._config import check_config
from keras_selectivity.studies._evaluation import Evaluation
from keras_selectivity.studies._evaluation import check
from keras_selectivity.studies._study_networks import check_layers
from keras_selectivity.studies._study_networks import check_measured_layers
from keras_selectivity.studies._toml_lines import line_of

MAIN = "main"
_RUN = {name: kind for name, kind in kinds(RunConfig).items() if name not in ("alpha", "seed")}
_GRID = {"alphas": Items(ALPHA, "numbers"), "seeds": Items(SEED, "whole numbers")}
_ARM_NAME = Text(
    rf"(?!{MAIN}$)[A-Za-z0-9_.-]{{1,100}}",
    f"up to 100 letters, digits, '_', '.' and '-', and not {MAIN}, which is the grid itself",
)
# Table -> its entries and those without which it is not complete
_TABLES = {
    "study": ({"name": Text(), "title": Text(), "description": Text()}, {"name", "title", "description"}),
    "grid": (_GRID, set(_GRID)),
    "run": (_RUN, {"dataset", "network"}),
    "arms": ({"name": _ARM_NAME, **_GRID, **{k: v for k, v in _RUN.items() if k != "dataset"}}, {"name"}),
    # Runs are measured one by one: there is none to transfer adversarial images from.
    "evaluation": (
        {k: v for k, v in kinds(Evaluation).items() if k not in ("dataset", "transfer_from")},
        set(),
    ),
}
_LARGEST_FILE = 10_000_000


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
    """An error at a place in the file: a table, the number of an arm, an entry."""

    def __init__(self, place, message):
        super().__init__(message)
        self.place = place


def read_study(path):
    """Reads a study file.

    The file is TOML with the tables `[study]` (`name`, `title`, `description`), `[grid]`
    (`alphas`, `seeds`: lists), `[run]` (any attribute of `RunConfig`, the same for all runs), and, if
    wanted, `[[arms]]` (a `name`, and what the arm does otherwise: attributes of `RunConfig`, its own
    `alphas`, `seeds`) and `[evaluation]` (any attribute of `Evaluation` but `transfer_from`). The copy of a study
    that lies in the folder of its runs, `_state/study.json`, will do as well.

    Raises:
        InputError: The file is missing or no TOML, or an entry is missing, unknown, of the wrong kind or out of
            its range, or does not go together with another; the message names the line.
    """
    path = Path(path)
    if path.suffix == ".json":
        text, content = "", read_json(path, {"content": object, "version": str})["content"]
    else:
        text = read_text(path, "the study file", _LARGEST_FILE)
        try:
            content = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"The study file {path} is no valid TOML: {error}.") from error
    try:
        return make_study(content)
    except _EntryError as error:
        line = line_of(text, error.place)
        raise InputError(f"{path}{f', line {line}' if line else ''}: {error}") from error


def make_study(content):
    """Checks the content of a study file and lists its runs.

    Args:
        content: Dict with the tables of `read_study`.

    Returns:
        A `Study`.

    Raises:
        InputError: An entry is missing, unknown, of the wrong kind or out of its range, or does not go together
            with another.
    """
    _check_keys("the file", (), content, set(_TABLES), {"study", "grid", "run"})
    for table in _TABLES.keys() - {"arms"}:
        _check_table(f"[{table}]", (table,), content.get(table, {}), *_TABLES[table])
    arms = content.get("arms", [])
    if not isinstance(arms, list):
        raise _EntryError(("arms",), "Arms are written as [[arms]], one table for each.")
    for number, arm in enumerate(arms):
        _check_table(f"[[arms]] {number + 1}", ("arms", number), arm, *_TABLES["arms"])
    runs, names = {}, {}
    tables = [(("grid",), {"name": MAIN, **content["grid"]})]
    tables += [(("arms", number), {**content["grid"], **arm}) for number, arm in enumerate(arms)]
    for place, arm in tables:
        for name, config in _runs(place, arm, content["run"]):
            if name in runs:
                raise _EntryError((*place, "name"), f"There are two runs called {name}; rename an arm.")
            runs[name], names[name] = config, arm["name"]
    evaluation = _evaluation(content, runs)
    return Study(**content["study"], runs=runs, arms=names, evaluation=evaluation, content=content)


def _runs(place, arm, shared):
    """Name and configuration of every run of an arm."""
    own = {key: value for key, value in arm.items() if key in _RUN}
    settings = {**shared, **own}
    if settings.get("milestones") is not None:
        settings["milestones"] = tuple(settings["milestones"])
    prefix = "" if place[0] == "grid" else f"{arm['name']}_"
    for seed in arm["seeds"]:
        for alpha in arm["alphas"]:
            config = RunConfig(alpha=float(alpha), seed=seed, **settings)
            with _placed(lambda name: (*(place if name in own else ("run",)), name)):
                check_config(config)
                check_layers(config)
            yield f"{prefix}alpha{alpha:+g}_seed{seed}", config


def _evaluation(content, runs):
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in content.get("evaluation", {}).items()}
    evaluation = Evaluation(dataset=content["run"]["dataset"], **values)
    with _placed(lambda name: ("evaluation", name)):
        check(evaluation)
        check_measured_layers(evaluation, runs.values(), content["run"]["network"])
    return evaluation


@contextlib.contextmanager
def _placed(place):
    """Gives an error about a setting its place, a function of the setting's name."""
    try:
        yield
    except SettingError as error:
        raise _EntryError(place(error.setting), str(error)) from error


def _check_table(title, place, table, allowed, required):
    _check_keys(title, place, table, set(allowed), required)
    for name, value in table.items():
        if not allowed[name].accepts(value):
            raise _EntryError((*place, name), f"{title} {allowed[name].refusal(name, value)}")


def _check_keys(title, place, table, allowed, required):
    if not isinstance(table, dict):
        raise _EntryError(place, f"{title} must be a table.")
    for problem, found in (("unknown", set(table) - allowed), ("missing", required - set(table))):
        if found:
            raise _EntryError(
                (*place, min(found)) if problem == "unknown" else place,
                f"{title}: {problem} {', '.join(map(_shown, sorted(found)))}. Allowed are {', '.join(sorted(allowed))}.",
            )


def _shown(name):
    return name if name.isprintable() else repr(name)
