"""What tensorflow-datasets prepares and reads, which raises of all kinds: one boundary for both."""

import contextlib
import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from keras_selectivity._errors import InputError
from keras_selectivity._start_up import native_log_withheld
from keras_selectivity._system_errors import explain
from keras_selectivity._types import StrPath


def prepare(builder: Any, otherwise: str) -> None:
    """Downloads and prepares a data set.

    Args:
        builder: A tensorflow-datasets builder.
        otherwise: What to do instead of the download, for the message.

    Raises:
        InputError: What the builder found wrong with its archive, or why the download failed.
    """
    with _named(
        f"{builder.name} could not be prepared in {builder.data_dir}", f"Check the network, or {otherwise}"
    ):
        builder.download_and_prepare()


def absent(name: str, place: StrPath) -> InputError:
    """What to raise where a data set is not prepared.

    Args:
        name: By which `data prepare` makes it.
        place: Where it was looked for.
    """
    return InputError(
        f"{name} is not in {place}. Run `keras-selectivity data prepare {name}`, or name a directory that holds it with "
        "--data-dir or TFDS_DATA_DIR."
    )


def reading(place: StrPath, name: str) -> AbstractContextManager[None]:
    """A block that reads from a prepared directory.

    Args:
        place: The directory.
        name: By which `data prepare` makes it.

    Raises:
        InputError: The block could not read it.
    """
    advice = f"Delete the directory and prepare it again: `keras-selectivity data prepare {name}`"
    return _named(f"{place} cannot be read to its end", advice)


def records(builder: Any, split: str, batch_size: int | None = None) -> Iterator[dict[str, Any]]:
    """Reads a split as NumPy arrays.

    Args:
        builder: A tensorflow-datasets builder.
        split: Name of the split.
        batch_size: Examples per dict, along the first axis; `None` for single examples.
    """
    examples = builder.as_dataset(split=split, batch_size=batch_size).as_numpy_iterator()
    with native_log_withheld():  # TensorFlow remarks on the buffer of every file when it opens the first
        first = list(itertools.islice(examples, 1))
    return itertools.chain(first, examples)


@contextlib.contextmanager
def _named(what: str, advice: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        known = explain(error)
        if known and known[1] == 1:  # no space or no memory: no fault of the data
            raise
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        raise InputError(f"{what} ({type(error).__name__}: {reason}). {advice}.") from error
