"""Progress bars, and going through samples in batches under one."""

from collections.abc import Iterator
from typing import Any

from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError


def bar(steps: int | None, unit: str, verbose: int | str = 1) -> Any:
    """The progress bar of everything that takes more than a second or two.

    Args:
        steps: Number of steps, or `None` if it is not known.
        unit: What a step is called.
        verbose: 0 shows nothing.

    Returns:
        A `keras.utils.Progbar`, with `add(steps)` and `update(steps_done)`.

    Raises:
        InputError: `verbose` is neither a whole number nor "auto".
    """
    if not isinstance(verbose, int) and not (isinstance(verbose, str) and verbose == "auto"):
        raise InputError(f"verbose must be 0, 1, 2 or 'auto'. Received: {verbose!r:.100}.")
    import keras  # takes seconds, and data sets are described without

    return keras.utils.Progbar(steps, verbose=verbose, unit_name=unit)


def batches(samples: int, batch_size: int, verbose: int) -> Iterator[slice]:
    """Slices of at most `batch_size` samples, with a progress bar unless `verbose` is 0."""
    whole_number("batch_size", batch_size, 1)
    starts = range(0, samples, batch_size)
    progress = bar(len(starts), "batch", verbose)
    for start in starts:
        yield slice(start, min(start + batch_size, samples))
        progress.add(1)
