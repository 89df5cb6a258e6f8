"""`demo`."""

from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_output

EXAMPLE = "keras-selectivity demo --output demo"


def add_options(parser: Parser) -> None:
    """Declares its options."""
    add_output(parser, "demo")
    parser.add_argument("--resume", action="store_true", help="keep the runs that are finished")


def run(options: Options) -> None:
    """Runs it."""
    from keras_selectivity.demo import run_demo

    run_demo(options.output, resume=options.resume, overwrite=options.overwrite)
