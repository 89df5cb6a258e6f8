"""How far something is: a bar where it can be redrawn, elsewhere a line per minute."""

import functools
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from types import TracebackType
from typing import Any
from typing import Self

from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError

_MINUTE = 60.0


@functools.cache
def console() -> Any:
    """The standard error of the moment as a `rich.console.Console`; one, since that is who stacks several displays."""
    from rich.console import Console

    return Console(stderr=True)


def redraws(on: Any) -> bool:
    """Whether what a console shows can be drawn again: in a terminal, or in a notebook that has widgets."""
    if on.is_jupyter:
        return find_spec("ipywidgets") is not None
    return bool(on.is_terminal and not on.is_dumb_terminal)


def duration(seconds: float) -> str:
    """A time for people: `45 s`, `12 min`, `3 h 20 min`, `130 h`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < 24 else f"{round(minutes / 60):,} h"


class Bar:
    """The progress of everything that takes more than a second or two; a context that ends it.

    Args:
        steps: Number of steps, or `None` if it is not known.
        unit: What a step is called, such as "batch".
        verbose: 0 shows nothing; 1, 2 and "auto" show it.

    Raises:
        InputError: `verbose` is neither a whole number nor "auto".
    """

    def __init__(self, steps: int | None, unit: str, verbose: int | str = 1) -> None:
        if not isinstance(verbose, int) and not (isinstance(verbose, str) and verbose == "auto"):
            raise InputError(f"verbose must be 0, 1, 2 or 'auto'. Received: {verbose!r:.100}.")
        self.done, self._steps, self._unit = 0, steps, unit
        self._start = self._printed = time.monotonic()
        self._drawn: Any = None
        self._lines = bool(verbose)
        if verbose and redraws(on := console()):
            self._lines = False
            self._drawn = _drawn(on, unit)
            self._task = self._drawn.add_task("", total=steps)
            self._drawn.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Takes the bar away."""
        if self._drawn is not None:
            self._drawn.stop()

    def add(self, steps: int = 1) -> None:
        """Says that steps were done."""
        self.update(self.done + steps)

    def update(self, done: int) -> None:
        """Says how many steps are done."""
        self.done = done
        if self._drawn is not None:
            self._drawn.update(self._task, completed=done)
        elif self._lines and time.monotonic() - self._printed >= _MINUTE:
            self._printed = time.monotonic()
            console().print(self._line(), highlight=False, soft_wrap=True)

    def left(self) -> float | None:
        """Seconds to the end at the speed until now, or `None` if that is not known."""
        if not self.done or self._steps is None:
            return None
        return (time.monotonic() - self._start) * (self._steps - self.done) / self.done

    def _line(self) -> str:
        of = "" if self._steps is None else f" of {self._steps:,}"
        left = self.left()
        return f"  {self.done:,}{of} {_plural(self._unit)}" + (f", {duration(left)} left" if left else "")


def _drawn(on: Any, unit: str) -> Any:
    from rich import progress

    return progress.Progress(
        progress.TextColumn("  "),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn(_plural(unit)),
        progress.TimeRemainingColumn(),
        progress.TextColumn("left"),
        console=on,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # else it is somebody's file
    )


def _plural(unit: str) -> str:
    return unit + ("es" if unit.endswith("ch") else "s")


def batches(samples: int, batch_size: int, verbose: int | str) -> Iterator[slice]:
    """Slices of at most `batch_size` samples, with a progress bar unless `verbose` is 0."""
    whole_number("batch_size", batch_size, 1)
    starts = range(0, samples, batch_size)
    with Bar(len(starts), "batch", verbose) as progress:
        for start in starts:
            yield slice(start, min(start + batch_size, samples))
            progress.add()
