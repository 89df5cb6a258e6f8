"""What tensorflow-datasets prepares and reads, which raises of all kinds: one boundary for both."""

import contextlib

from keras_selectivity._errors import InputError
from keras_selectivity._system_errors import explain


def prepare(builder, otherwise):
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


def reading(place, name):
    """A block that reads from a prepared directory.

    Args:
        place: The directory.
        name: By which `data prepare` makes it.

    Raises:
        InputError: The block could not read it.
    """
    advice = f"Delete the directory and prepare it again: `keras-selectivity data prepare {name}`"
    return _named(f"{place} cannot be read to its end", advice)


@contextlib.contextmanager
def _named(what, advice):
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
