"""`data list`."""

import json

from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_data_dir
from keras_selectivity.cli._parser import add_json

EXAMPLE = "keras-selectivity data list"


def add_options(parser: Parser) -> None:
    """Declares its options."""
    add_json(parser)
    add_data_dir(parser)


def run(options: Options) -> None:
    """Runs it."""
    from keras_selectivity import datasets

    rows = datasets.status(options.data_dir)
    if options.json:
        print(json.dumps(rows))
        return
    for row in rows:
        state = "ready" if row["ready"] else "absent"
        print(f"{row['name']:20} {state:7} {row['contents']:45} {row['where']}")
