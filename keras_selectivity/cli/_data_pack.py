"""`data pack`."""

import os

from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_data_dir
from keras_selectivity.cli._parser import file

EXAMPLE = "keras-selectivity data pack --output cifar10.npz"


def add_options(parser: Parser) -> None:
    """Declares its options."""
    parser.add_argument(
        "--output",
        type=file,
        metavar="FILE",
        default="cifar10.npz",
        help="file to write (default: %(default)s)",
    )
    add_data_dir(parser)


def run(options: Options) -> None:
    """Runs it."""
    from keras_selectivity import datasets

    datasets.pack_cifar10(options.output, options.data_dir)
    print(f"cifar10 is in {options.output}; load it with --data-dir {os.path.dirname(options.output) or '.'}")
