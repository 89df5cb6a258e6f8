"""`study report`."""

import json
import os
from pathlib import Path
from typing import Literal

from keras_selectivity._errors import InputError
from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_json
from keras_selectivity.cli._parser import folder
from keras_selectivity.cli._parser import text_of
from keras_selectivity.cli._study import write_report

EXAMPLE = """keras-selectivity study report experiments/resnet20_cifar10_30_epochs/study.toml
  keras-selectivity study report experiments/*_reduced/study.toml --output comparison"""


def add_options(parser: Parser) -> None:
    """Declares its options."""
    parser.add_argument(
        "study", nargs="+", metavar="STUDY", help="study file (TOML); several are compared on one page"
    )
    parser.add_argument(
        "--results", metavar="FILE", help="rows of one study (default: results.parquet or .csv beside it)"
    )
    parser.add_argument(
        "--output",
        type=folder,
        metavar="DIR",
        help="folder for figures and page (default: that of the study, if it is one)",
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
    if len(options.study) > 1:
        _compare(options)
        return
    from keras_selectivity.studies import read_study

    (path,) = options.study
    study, results = read_study(path), Path(options.results or _results_beside(path))
    output = Path(options.output or Path(path).parent)
    claims = write_report(study, results, output, quiet=options.json, formats=options.formats)
    if options.json:
        print(json.dumps(claims.to_dicts()))


def _compare(options: Options) -> None:
    """Writes a page across several studies."""
    if options.results:
        raise InputError("--results names the rows of one study; those of several lie beside their files.")
    if not options.output:
        raise InputError("The page of several studies lies in none of their folders; name one with --output.")
    if len({Path(path).resolve() for path in options.study}) < len(options.study):
        raise InputError("A study is compared with others, not with itself: a study file is named twice.")
    from keras_selectivity.claims import check
    from keras_selectivity.reports import Reported
    from keras_selectivity.reports import write_comparison
    from keras_selectivity.results import levels
    from keras_selectivity.results import scan
    from keras_selectivity.studies import read_study

    studies = []
    for path in options.study:
        study, rows = read_study(path), levels(scan(_results_beside(path)))
        own = Path(path).with_name("index.html")
        link = os.path.relpath(own, options.output) if own.exists() else None
        studies.append(Reported(study.title, rows, check(rows), link))
    page = write_comparison(options.output, studies, formats=options.formats)
    if options.json:
        verdicts = {path: study.claims.to_dicts() for path, study in zip(options.study, studies, strict=True)}
        print(json.dumps(verdicts))
    else:
        print(f"Page in {page}")


def _results_beside(study: str) -> Path:
    own = Path(study).parent
    beside = [own / name for name in ("results.parquet", "results.csv") if (own / name).exists()]
    if not beside:
        raise InputError(f"There is no results.parquet or results.csv in {own}; name one with --results.")
    return beside[0]
