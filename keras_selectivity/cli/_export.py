"""`export`."""

import os

from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_pixel_range
from keras_selectivity.cli._parser import folder

EXAMPLE = "keras-selectivity export run.keras --output model"


def add_options(parser: Parser) -> None:
    """Declares its options."""
    parser.add_argument("file", metavar="FILE", help=".keras file, such as `train` writes on JAX")
    parser.add_argument(
        "--output",
        type=folder,
        metavar="DIR",
        help="directory to write (default: the file's name without .keras)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing directory")
    add_pixel_range(
        parser, "what the network expects for black and white (default: 0,1; 0,255 where it takes uint8)"
    )


def run(options: Options) -> None:
    """Runs it."""
    from keras_selectivity.saved_model import export_run

    output = options.output or os.path.splitext(options.file)[0]
    pixel_range = options.pixel_range or "auto"
    found = export_run(options.file, output, pixel_range=pixel_range, overwrite=options.overwrite)
    print(f"Exported to {found}")
