"""`study status`."""

import json

from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_json
from keras_selectivity.cli._parser import add_wide
from keras_selectivity.cli._study import add_runs
from keras_selectivity.cli._study import print_status

EXAMPLE = (
    "keras-selectivity study status experiments/resnet20_cifar10_30_epochs/study.toml --runs runs/resnet20"
)


def add_options(parser: Parser) -> None:
    """Declares its options."""
    add_runs(parser)
    add_json(parser)
    add_wide(parser, "list all runs, in lines of any length")


def run(options: Options) -> None:
    """Runs it."""
    from keras_selectivity.studies import RunsFolder
    from keras_selectivity.studies import read_study

    runs = RunsFolder(options.runs)
    status = runs.status(read_study(options.study))
    if options.json:
        print(json.dumps(status))
    else:
        print_status(status, runs, everything=options.wide, wide=options.wide)
