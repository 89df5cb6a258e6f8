"""What the actions of `study` share: the runs' folder, the table of their states, the report."""

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


def status_table(status: list[dict[str, Any]]) -> str:
    """The states of runs, a line each."""
    from keras_selectivity.studies import time_left

    width = max(len(row["name"]) for row in status)
    lines = [
        f"{row['name']:{width}}  {row['state']:11}  {row['epochs']:4}/{row['of']} epochs  {row['reason'] or ''}".rstrip()
        for row in status
    ]
    epochs = sum(row["of"] - row["epochs"] for row in status)
    left = time_left(status)
    lines.append(
        f"{sum(row['state'] == 'done' for row in status)} of {len(status)} runs done, {epochs:,} epochs left"
        + (f", about {left / 60:.0f} minutes" if left else "")
    )
    return "\n".join(lines)


def write_report(
    study: Any, results: Path, folder: Path, quiet: bool = False, formats: Iterable[str] = ("png", "svg")
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
