"""`study publish`."""

import json
from pathlib import Path

from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_json
from keras_selectivity.cli._parser import folder
from keras_selectivity.cli._study import add_runs

EXAMPLE = (
    "keras-selectivity study publish experiments/resnet20_cifar10_30_epochs/study.toml --runs runs/resnet20"
)


def add_options(parser: Parser) -> None:
    """Declares its options."""
    add_runs(parser)
    parser.add_argument(
        "--networks",
        type=folder,
        metavar="DIR",
        help="folder to write (default: networks beside the study file)",
    )
    add_json(parser)


def run(options: Options) -> None:
    """Runs it."""
    from keras_selectivity.studies import publish_networks
    from keras_selectivity.studies import read_study

    networks = Path(options.networks or Path(options.study).parent / "networks")
    entries = publish_networks(read_study(options.study), options.runs, networks)
    if options.json:
        print(json.dumps(entries))
        return
    for entry in entries:
        accuracy = "" if entry["test_accuracy"] is None else f"test accuracy {entry['test_accuracy']:.2%}"
        print(f"{entry['name']:16}  epoch {entry['best_epoch'] + 1}/{entry['epochs']}  {accuracy}".rstrip())
    print(f"{len(entries)} networks in {networks}")
