"""What the actions of `study` share: the runs' folder, the table of their states, the report."""

import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import existing_folder


def add_runs(parser: Parser) -> None:
    """Declares a study file and the folder of its runs."""
    parser.add_argument("study", help="study file (TOML)")
    parser.add_argument(
        "--runs", type=existing_folder, metavar="DIR", required=True, help="folder for the trained networks"
    )


def print_status(
    status: list[dict[str, Any]],
    runs: Any,
    *,
    everything: bool = False,
    wide: bool = False,
    stream: Any = None,
) -> None:
    """Prints how far runs of a `RunsFolder` are; `everything` lists all of many, `wide` breaks no line."""
    from keras_selectivity.reports import show
    from keras_selectivity.reports import status_table
    from keras_selectivity.studies import clean_values

    measured = functools.partial(clean_values, runs)
    print(show(status_table(status, measured, everything), wide), file=stream)


def write_report(
    study: Any, results: Path, folder: Path, quiet: bool = False, formats: Iterable[str] = ("png",)
) -> Any:
    """Writes figures and page of a study, and prints the claims' verdicts."""
    from keras_selectivity.claims import check
    from keras_selectivity.measurements import columns
    from keras_selectivity.reports import claims_text
    from keras_selectivity.reports import write_page
    from keras_selectivity.results import levels
    from keras_selectivity.results import scan

    rows = levels(scan(results))
    claims = check(rows)
    link = os.path.relpath(results, folder)
    page = write_page(
        folder,
        rows,
        title=study.title,
        description=study.description,
        results=link,
        columns=columns(),
        claims=claims,
        formats=formats,
    )
    if not quiet:
        print(claims_text(claims))
        print(f"Page in {page}")
    return claims
