"""`study status`."""

import json

from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_json
from keras_selectivity.cli._parser import add_wide
from keras_selectivity.cli._study import add_runs
from keras_selectivity.cli._study import print_status

EXAMPLE = "keras-selectivity study status experiments/first_light_cifar10/study.toml --runs runs/first_light"


def add_options(parser: Parser) -> None:
    """Declares its options."""
    add_runs(parser)
    add_json(parser)
    add_wide(parser, "list all runs, in lines of any length")


def run(options: Options) -> None:
    """Runs it."""
    from keras_selectivity.studies import RunsFolder
    from keras_selectivity.studies import read_study

    study, runs = read_study(options.study), RunsFolder(options.runs)
    if options.json:
        print(json.dumps(runs.status(study)))
    else:
        print_status(study, runs, everything=options.wide, wide=options.wide)
