"""`study report`."""

import json
from pathlib import Path
from typing import Literal

from keras_selectivity._errors import InputError
from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_json
from keras_selectivity.cli._parser import folder
from keras_selectivity.cli._parser import text_of
from keras_selectivity.cli._study import write_report

EXAMPLE = "keras-selectivity study report experiments/first_light_cifar10/study.toml"


def add_options(parser: Parser) -> None:
    """Declares its options."""
    parser.add_argument("study", help="study file (TOML)")
    parser.add_argument(
        "--results", metavar="FILE", help="its rows (default: results.parquet or .csv beside it)"
    )
    parser.add_argument(
        "--output", type=folder, metavar="DIR", help="folder for figures and page (default: the study's)"
    )
    parser.add_argument(
        "--formats",
        type=text_of("formats", tuple[Literal["png", "svg", "pdf"], ...]),
        metavar="NAME,NAME",
        default=("png",),
        help="endings of the figures' files, of png, svg and pdf (default: png; the page holds its own)",
    )
    add_json(parser)


def run(options: Options) -> None:
    """Runs it."""
    from keras_selectivity.studies import read_study

    study, own = read_study(options.study), Path(options.study).parent
    beside = [own / name for name in ("results.parquet", "results.csv") if (own / name).exists()]
    if not options.results and not beside:
        raise InputError(f"There is no results.parquet or results.csv in {own}; name one with --results.")
    results, output = Path(options.results or beside[0]), Path(options.output or own)
    claims = write_report(study, results, output, quiet=options.json, formats=options.formats)
    if options.json:
        print(json.dumps(claims.to_dicts()))
