"""`study run`."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated
from typing import Any

from pydantic import Field

from keras_selectivity._errors import InputError
from keras_selectivity._settings import Positive
from keras_selectivity._settings import Several
from keras_selectivity._settings import Text
from keras_selectivity._settings import Whole
from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_data_dir
from keras_selectivity.cli._parser import add_tensorboard
from keras_selectivity.cli._parser import folder
from keras_selectivity.cli._parser import folder_or_table
from keras_selectivity.cli._parser import text_of
from keras_selectivity.cli._study import add_runs
from keras_selectivity.cli._study import print_status
from keras_selectivity.cli._study import write_report
from keras_selectivity.cli._watch import watched
from keras_selectivity.datasets import check_present

# Options that are an engine's, by the name of its argument
_ENGINE = {
    "workers": "--workers",
    "address": "--ray",
    "together": "--together",
    "minutes": "--minutes",
    "retries": "--retries",
    "strategy": "--strategy",
    "tensorboard": "--tensorboard",
}
EXAMPLE = "keras-selectivity study run experiments/resnet20_cifar10_30_epochs/study.toml --runs runs/resnet20 --workers 2"


def add_options(parser: Parser) -> None:
    """Declares its options."""
    add = parser.add_argument
    add_runs(parser)
    add(
        "--output",
        type=folder_or_table,
        metavar="DIR",
        help="folder for results, figures and page (default: the study's); or a .csv or .parquet file for the results "
        "alone",
    )
    add(
        "--dry-run",
        action="store_true",
        help="show how many runs there are, how long they take and what is done already",
    )
    add(
        "--only",
        type=text_of("only", Several[Text]),
        metavar="RUN,RUN",
        help="do these runs only, and join nothing",
    )
    add(
        "--workers",
        type=text_of("workers", Positive),
        metavar="N",
        help="N processes on this machine, one per run, with a GPU each; 1 saves memory when there are many runs (default: "
        "in this process)",
    )
    add(
        "--ray",
        dest="address",
        nargs="?",
        const="",
        type=str,
        metavar="ADDRESS",
        help="a Ray cluster; without an address, one is started on this machine",
    )
    add(
        "--together",
        type=text_of("together", Positive),
        metavar="N",
        help="on JAX: train N runs that differ in seed and alpha in one program, and measure nothing; start the study "
        "again on TensorFlow for that",
    )
    add(
        "--minutes",
        type=text_of("minutes", Annotated[float, Field(gt=0, le=1e6)]),
        metavar="M",
        help="with --together: save and stop after M minutes; start again to resume",
    )
    add(
        "--retries",
        type=text_of("retries", Whole),
        metavar="N",
        help="with --workers or --ray: start a run whose process was killed again, at most N times (default: 2)",
    )
    add(
        "--accept-change",
        action="store_true",
        help="continue although the study file or the package has changed; runs with another configuration, and "
        "measurements with other settings or by another protocol, are set aside and done again, and nothing else is",
    )
    add(
        "--networks",
        type=folder,
        metavar="DIR",
        help="published networks, whose runs are measured without training (default: networks beside the study file, if "
        "there is such a folder)",
    )
    add("--retrain", action="store_true", help="train also the runs whose networks are published")
    add("--strategy", choices=("mirrored",), help="share each batch between all GPUs of this machine")
    add_tensorboard(parser)
    add_data_dir(parser)


def run(options: Options) -> int:
    """Runs it."""
    from keras_selectivity.reports import check_page
    from keras_selectivity.reports import show
    from keras_selectivity.reports import study_table
    from keras_selectivity.studies import RunsFolder
    from keras_selectivity.studies import published_runs
    from keras_selectivity.studies import read_study
    from keras_selectivity.studies import run_study

    study, runs = read_study(options.study), RunsFolder(options.runs)
    engine = _engine(options, runs)
    if engine.measures and os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        study.evaluation.check_folders()  # JAX trains only
    networks = _published(options)
    if options.dry_run:
        wanted = set(study.names(options.only))
        status = [row for row in runs.status(study) if row["name"] in wanted]
        published = published_runs(study, networks) if networks else []
        for row in status:
            if row["state"] == "waiting" and row["name"] in published:
                row |= {"state": "trained", "epochs": row["of"]}
        print(show(study_table(status, study.runs)))
        return 0
    if engine.local:
        for dataset in {config.dataset for config in study.runs.values()}:
            check_present(dataset, options.data_dir)
    output = Path(options.output or Path(options.study).parent)
    has_page = output.suffix == ""
    if has_page and engine.measures and not options.only:
        check_page(output)
    with contextlib.nullcontext() if options.only else watched(study, runs):
        results = run_study(
            study,
            engine,
            output,
            only=options.only,
            accept_change=options.accept_change,
            networks=networks,
        )
    if results is not None:
        print(f"Results in {results}")
        if has_page:
            write_report(study, results, results.parent)
    left = [
        row for row in runs.unfinished(study, options.only) if row["state"] == "failed" or engine.measures
    ]
    if left:
        print_status(left, runs, wide=True, stream=sys.stderr)
        print("keras-selectivity: start the command again to do what is not done", file=sys.stderr)
    return int(bool(left))


def _engine(options: Options, runs: Any) -> Any:
    """The engine that the options name.

    Raises:
        InputError: Options do not go together.
    """
    from keras_selectivity.studies import engines

    kinds = {"workers": engines.Processes, "address": engines.Ray, "together": engines.Vectorized}
    given = {name: getattr(options, name) for name in _ENGINE if getattr(options, name) is not None}
    chosen = [name for name in kinds if name in given]
    if len(chosen) > 1:
        raise InputError(
            f"{_ENGINE[chosen[0]]} and {_ENGINE[chosen[1]]} do not go together; name one of them."
        )
    kind: Any = kinds[chosen[0]] if chosen else engines.Here
    for name in given.keys() - kind.accepts:
        whose = _ENGINE[chosen[0]] if chosen else "runs in this process"
        raise InputError(f"{_ENGINE[name]} does not go together with {whose}.")
    return kind(runs, data_dir=options.data_dir, **given)


def _published(options: Options) -> Path | str | None:
    """The folder of published networks that a study begins with, or `None`."""
    beside = Path(options.study).parent / "networks"
    return None if options.retrain else options.networks or (beside if beside.is_dir() else None)
