"""How far a study is, as tables for the terminal."""

import io
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

from keras_selectivity._progress import duration
from keras_selectivity.reports._tables import WIDTH
from keras_selectivity.studies import time_left

Status = list[dict[str, Any]]
Measured = Callable[[str], dict[str, Any]]

_FEW = 24  # runs that are all listed
# What is listed first where not all are, and how runs are counted
_STATES = ("failed", "running", "interrupted", "trained", "waiting", "done")


def status_table(status: Status, measured: Measured, everything: bool = False) -> Any:
    """A line per run, or of many runs those that failed, are worked on or were interrupted.

    Args:
        status: What `keras_selectivity.studies.RunsFolder.status` returns.
        measured: Function from the name of a run that is done to a dict with what was measured: `accuracy`,
            `mean_selectivity`.
        everything: List all runs.

    Returns:
        What `rich` prints, for `show` or `rich.live.Live`.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    listed = status if everything or len(status) <= _FEW else _first(status)
    table = Table(box=None, pad_edge=False)
    for heading, justify in (
        ("run", "left"), ("state", "left"), ("epochs", "right"), ("accuracy", "right"), ("selectivity", "right"),
        ("", "left"),
    ):  # fmt: skip
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in listed:
        found = measured(row["name"]) if row["state"] == "done" else {}
        accuracy, selectivity = found.get("accuracy"), found.get("mean_selectivity")
        shown = f"{accuracy:.2%}" if accuracy is not None else ""
        if row["val_accuracy"] is not None:
            shown = f"val {row['val_accuracy']:.2%}"
        left = row["state"] == "running" and row["seconds_per_epoch"] and row["of"] > row["epochs"]
        remark = row["reason"] or (
            f"{duration(row['seconds_per_epoch'] * (row['of'] - row['epochs']))} left" if left else ""
        )
        cells = [
            row["name"],
            row["state"],
            f"{row['epochs']}/{row['of']}",
            shown,
            "" if selectivity is None else f"{selectivity:.3f}",
            remark,
        ]
        table.add_row(*map(Text, cells))
    return Group(*[table] * bool(listed), _summary(status, len(listed)))


def study_table(status: Status, configs: dict[str, Any]) -> Any:
    """What a study takes: a line per arm.

    Args:
        status: What `keras_selectivity.studies.RunsFolder.status` returns.
        configs: Run name -> `keras_selectivity.studies.RunConfig`.

    Returns:
        What `rich` prints.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("arm", "α", "seeds", "runs", "done", "epochs left"):
        table.add_column(heading, justify="left" if heading == "arm" else "right")
    for arm in dict.fromkeys(row["arm"] for row in status):
        rows = [row for row in status if row["arm"] == arm]
        runs = [configs[row["name"]] for row in rows]
        cells = [
            len({run.alpha for run in runs}),
            len({run.seed for run in runs}),
            len(rows),
            sum(row["state"] == "done" for row in rows),
            _epochs_left(rows),
        ]
        table.add_row(Text(arm), *(f"{cell:,}" for cell in cells))
    return Group(table, _summary(status, len(status)))


def show(table: Any, wide: bool = False) -> str:
    """What `rich` prints as text of at most 100 columns, or of as many as it takes."""
    from rich.console import Console

    text = io.StringIO()
    Console(file=text, width=10_000 if wide else WIDTH, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().rstrip().split("\n"))


def _first(status: Status) -> Status:
    worked_on = [row for row in status if row["state"] not in ("waiting", "done")]
    return sorted(worked_on, key=lambda row: _STATES.index(row["state"]))[:_FEW]


def _epochs_left(rows: Iterable[dict[str, Any]]) -> int:
    return sum(row["of"] - row["epochs"] for row in rows)


def _summary(status: Status, listed: int) -> Any:
    from rich.text import Text

    counts = Counter(row["state"] for row in status)
    states = ", ".join(f"{counts[state]:,} {state}" for state in reversed(_STATES) if counts[state])
    summary = f"{len(status):,} runs: {states}."
    seconds, epochs = time_left(status), _epochs_left(status)
    if counts["done"] < len(status) and (seconds or epochs):
        hours = f"about {duration(seconds)}" if seconds else "how long is known once a run is under way"
        summary += f" {epochs:,} epochs left, {hours}."
    if listed < len(status):
        summary += " Listed are those that are neither done nor waiting."
    return Text(summary)
