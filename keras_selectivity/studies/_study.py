"""A study file: the runs that it declares, and what to measure on them."""

import contextlib
import tomllib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from typing import Any

from pydantic import AfterValidator
from pydantic import Field

from keras_selectivity._errors import InputError
from keras_selectivity._json_file import read_json
from keras_selectivity._paths import read_text
from keras_selectivity._settings import Alpha
from keras_selectivity._settings import Seed
from keras_selectivity._settings import SettingError
from keras_selectivity._settings import Settings
from keras_selectivity._settings import Several
from keras_selectivity._settings import Text
from keras_selectivity.measurements import Evaluation
from keras_selectivity.measurements import measurements
from keras_selectivity.studies._config import RunConfig
from keras_selectivity.studies._study_networks import check_layers
from keras_selectivity.studies._study_networks import check_measured_layers
from keras_selectivity.studies._toml_lines import line_of

MAIN = "main"
_LARGEST_FILE = 10_000_000
# Place of an entry in the file: names of tables, the position in an array of tables, the entry's own name
_Place = tuple[str | int, ...]
# Settings of the first version -> what they are now
_BEFORE = {
    "attacks": "the tables [evaluation.fgsm], [evaluation.pgd] and [evaluation.masking]",
    "epsilons": "epsilons in [evaluation.fgsm]",
    **{f"pgd_{name}": f"{name} in [evaluation.pgd]" for name in ("steps", "step_size", "epsilon", "norm")},
    "only_corruptions": "only in [evaluation.corruptions]",
    "projections": "projections in [evaluation.jacobian]",
    "units_per_layer": "units_per_layer in [evaluation.unit_gradients]",
    "gradient_samples": "samples in [evaluation.unit_gradients]",
    **{name: f"{name} in [evaluation.dimensionality]" for name in ("variance", "full_maps", "perturbation")},
    "off_axis_steps": "steps in [evaluation.off_axis]",
    "layers": "layers in [evaluation.dimensionality], [evaluation.pwcca] and [evaluation.off_axis]",
}


class _About(Settings):
    """What a study is called."""

    name: Text
    title: Text
    description: Text


class _Grid(Settings):
    """Every alpha with every seed."""

    alphas: Several[Alpha]
    seeds: Several[Seed]


def _arm_name(name: str) -> str:
    if name == MAIN:
        raise ValueError(f"name must not be {MAIN}, which is the grid itself.")
    return name


class _Arm(Settings):
    """What an arm has besides settings of its runs."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$"), AfterValidator(_arm_name)]
    alphas: Several[Alpha] | None = None
    seeds: Several[Seed] | None = None


_TABLES = {"study", "grid", "run", "arms", "evaluation"}


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
    runs: dict[str, RunConfig]
    arms: dict[str, str]
    evaluation: Evaluation
    content: dict[str, Any]

    def names(self, only: Sequence[str] | None = None) -> list[str]:
        """Names of the runs, or of these alone.

        Raises:
            InputError: There is no such run.
        """
        for name in only or ():
            if name not in self.runs:
                raise InputError(
                    f"There is no run {name!r} in the study. Its runs are {', '.join(self.runs)}."
                )
        return list(only or self.runs)


class _EntryError(InputError):
    """An error at a place in the file."""

    def __init__(self, place: _Place, message: str) -> None:
        super().__init__(message)
        self.place = place


def read_study(path: str | Path) -> Study:
    """Reads a study file.

    The file is TOML with the tables `[study]` (`name`, `title`, `description`), `[grid]` (`alphas`, `seeds`: lists),
    `[run]` (any setting of `RunConfig` but those two, the same for all runs), and, if wanted, `[[arms]]` (a `name`,
    and what the arm does otherwise: settings of `RunConfig`, its own `alphas`, `seeds`) and `[evaluation]` (settings
    of `Evaluation`, and a table `[evaluation.NAME]` with its settings for every measurement that is wanted, such as
    `[evaluation.pgd]`). The copy of a study that lies in the folder of its runs, `_state/study.json`, will do as well.

    Raises:
        InputError: The file is missing or no TOML, or an entry is missing, unknown, of the wrong type or out of its
            range, or does not go together with another; the message names line and path.
    """
    path = Path(path)
    if path.suffix == ".json":
        text, content = "", read_json(path, {"content": object, "version": str})["content"]
    else:
        text = read_text(path, "the study file", _LARGEST_FILE)
        try:
            content = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"The study file {path} is not valid TOML: {error}.") from error
    try:
        return make_study(content)
    except _EntryError as error:
        line = line_of(text, error.place)
        raise InputError(f"{path}{f', line {line}' if line else ''}: {error}") from error


def make_study(content: Any) -> Study:
    """Checks the content of a study file and lists its runs.

    Args:
        content: Dict with the tables of `read_study`.

    Returns:
        A `Study`.

    Raises:
        InputError: An entry is missing, unknown, of the wrong type or out of its range, or does not go together with
            another; the message names its path.
    """
    _check_tables(content)
    with _placed(lambda name: ("study", name)):
        about = _About(**content["study"])
    with _placed(lambda name: ("grid", name)):
        grid = _Grid(**content["grid"])
    runs: dict[str, RunConfig] = {}
    arms: dict[str, str] = {}
    for place, arm, own in _arms(content, grid):
        for name, config in _runs(place, arm, own, content["run"]):
            if name in runs:
                raise _EntryError((*place, "name"), f"There are two runs called {name}; rename an arm.")
            runs[name], arms[name] = config, arm.name
    evaluation = _evaluation(content, runs)
    return Study(**dict(about), runs=runs, arms=arms, evaluation=evaluation, content=content)


def _check_tables(content: Any) -> None:
    """Whether all tables are there and are tables."""
    if not isinstance(content, dict):
        raise _EntryError((), "The file must be a table.")
    for problem, found in (
        ("unknown", set(content) - _TABLES),
        ("missing", {"study", "grid", "run"} - set(content)),
    ):
        if found:
            first = min(found)
            shown = first if first.isprintable() else repr(first)
            raise _EntryError(
                (first,), f"the file: {problem} {shown}. Allowed are {', '.join(sorted(_TABLES))}."
            )
    for name in _TABLES - {"arms"}:
        if not isinstance(content.get(name, {}), dict):
            raise _EntryError((name,), f"[{name}] must be a table.")
    arms = content.get("arms", [])
    if not isinstance(arms, list) or not all(isinstance(arm, dict) for arm in arms):
        raise _EntryError(("arms",), "Arms are written as [[arms]], one table for each.")


def _arms(content: dict[str, Any], grid: _Grid) -> Iterator[tuple[_Place, _Arm, dict[str, Any]]]:
    """Place, name with grid, and settings of the grid itself and of every arm."""
    yield ("grid",), _Arm.model_construct(name=MAIN, alphas=grid.alphas, seeds=grid.seeds), {}
    for number, table in enumerate(content.get("arms", [])):
        place = ("arms", number)
        own = {key: value for key, value in table.items() if key in RunConfig.model_fields}
        for name in {"dataset", "alpha", "seed"} & set(own):
            raise _EntryError((*place, name), f"arms[{number}]: {name} is not an arm's own.")
        with _placed(lambda name, place=place: (*place, name), known=(*RunConfig.model_fields,)):
            arm = _Arm(**{key: value for key, value in table.items() if key not in own})
        yield place, arm.replace(alphas=arm.alphas or grid.alphas, seeds=arm.seeds or grid.seeds), own


def _runs(
    place: _Place, arm: _Arm, own: dict[str, Any], shared: dict[str, Any]
) -> Iterator[tuple[str, RunConfig]]:
    """Name and configuration of every run of an arm."""
    for name in {"alpha", "seed"} & set(shared):
        raise _EntryError(("run", name), f"run: unknown {name}; the {name}s of a study stand in [grid].")
    prefix = "" if place[0] == "grid" else f"{arm.name}_"
    for seed in arm.seeds or ():
        for alpha in arm.alphas or ():
            with _placed(lambda name: (*(place if name in own else ("run",)), name)):
                config = RunConfig(alpha=alpha, seed=seed, **{**shared, **own})
                check_layers(config)
            yield f"{prefix}alpha{alpha:+g}_seed{seed}", config


def _evaluation(content: dict[str, Any], runs: dict[str, RunConfig]) -> Evaluation:
    table, known = content.get("evaluation", {}), measurements()
    for name in ("dataset", "measure"):
        if name in table:
            raise _EntryError(
                ("evaluation", name), f"evaluation: unknown {name}; the data set stands in [run]."
            )
    chosen = []
    for name, settings in table.items():
        if name not in known or not isinstance(settings, dict):
            if name in _BEFORE:
                raise _EntryError(("evaluation", name), f"evaluation: unknown {name}; write {_BEFORE[name]}.")
            if name in known:
                raise _EntryError(
                    ("evaluation", name),
                    f"evaluation: unknown {name} = {settings!r:.40}; write [evaluation.{name}].",
                )
            continue
        with _placed(lambda setting, name=name: ("evaluation", name, setting)):
            chosen.append(known[name](**settings))
    plain = {name: value for name, value in table.items() if name not in known}
    names = [name for name in Evaluation.model_fields if name not in ("dataset", "measure")]
    with _placed(lambda name: ("evaluation", *name.split(".")), known=(*names, *known)):
        evaluation = Evaluation(dataset=content["run"]["dataset"], measure=tuple(chosen), **plain)
        if any(getattr(each, "transfer_from", None) for each in chosen):
            raise SettingError(
                "masking.transfer_from",
                "unknown transfer_from; a study takes images of the network with alpha = 0 and the same seed.",
            )
        compared = content["run"]["network"], content["run"]["dataset"]
        check_measured_layers(evaluation, runs.values(), compared)
    return evaluation


@contextlib.contextmanager
def _placed(place: Callable[..., _Place], known: tuple[str, ...] = ()) -> Iterator[None]:
    """Gives an error about a setting its place, a function of the setting's name, and its path."""
    try:
        yield
    except SettingError as error:
        where = place(error.setting)
        message = str(error)
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)[1:]
        last = str(where[-1])
        if message.startswith(last):
            message = path[: -len(last)] + message
        elif message.startswith(("unknown ", "missing ")):
            table = path[: -len(last) - 1]
            if message.startswith("unknown ") and known:
                message = f"{message.split('. ')[0]}. Allowed are {', '.join(sorted(known))}."
            message = f"{table}: {message}"
        else:
            message = f"{path}: {message}"
        raise _EntryError(where, message) from error
