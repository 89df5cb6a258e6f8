"""A study's runs as one table that is drawn again and again while they are done."""

import contextlib
import functools
import sys
import time
from collections.abc import Iterator
from typing import Any

from keras_selectivity._progress import console
from keras_selectivity._progress import redraws

_EVERY = 5.0  # seconds between looks at the folder, which may be a network's


@contextlib.contextmanager
def watched(study: Any, runs: Any) -> Iterator[None]:
    """Shows the table below what is printed while the block runs; nothing where it cannot be drawn again.

    Args:
        study: A `Study`.
        runs: A `RunsFolder`.
    """
    on = console()
    if not redraws(on):
        yield
        return
    from rich.live import Live

    from keras_selectivity.reports import status_table
    from keras_selectivity.studies import clean_values

    measured = functools.cache(functools.partial(clean_values, runs))
    latest: list[Any] = [None, -_EVERY]

    def table() -> Any:
        if time.monotonic() - latest[1] >= _EVERY:
            latest[:] = status_table(runs.status(study), measured), time.monotonic()
        return latest[0]

    with Live(
        get_renderable=table,
        console=on,
        refresh_per_second=1,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # else it is somebody's file
    ):
        yield
