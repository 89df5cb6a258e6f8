"""Keeps what TensorFlow's C++ code says when it starts off the terminal of a command."""

import contextlib
import faulthandler
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from keras_selectivity._importing import Execute
from keras_selectivity._importing import around_import

# Severity, date, time, thread and place, which no Python code writes; and what follows the first such line
_NATIVE = re.compile(
    rb"[IWE]\d{4} \d\d:\d\d:\d+\.\d+ +\d+ \S+:\d+\] |WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|To enable the following instructions: "
)
# Where there is a GPU's driver, why TensorFlow finds no GPU is worth a screen of lines.
_DRIVER = Path("/proc/driver/nvidia/version")


def quieten() -> None:
    """Silences TensorFlow's start, in this process, whenever it comes.

    Its environment variable for that, `TF_CPP_MIN_LOG_LEVEL`, has no effect since 2.21.
    """
    # It warns of repeated tracing, which is what several networks in one process look like.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    for package, around in (("tensorflow", _start), ("tensorflow_datasets", _without_warnings)):
        if package not in sys.modules:
            around_import(package, around)


def _without_warnings(execute: Execute, module: ModuleType) -> None:
    execute(module)
    from absl import logging

    logging.set_verbosity(logging.ERROR)  # it warns of every directory that is not prepared yet


def _start(execute: Execute, module: ModuleType) -> None:
    with native_log_withheld() as withheld:
        execute(module)
        # The drivers of GPUs are looked for when devices are first asked for.
        gpus = module.config.list_physical_devices("GPU")
        withheld.complete = _DRIVER.exists() and not gpus


def use_a_generator() -> None:
    """Has TensorFlow say now what it says of the first generator of a process, of which Keras makes several."""
    import tensorflow as tf

    with native_log_withheld():
        list(tf.data.Dataset.from_generator(lambda: iter([0]), output_signature=tf.TensorSpec([], tf.int32)))


class _Withheld:
    """What becomes of the lines; `complete`: all are shown in the end."""

    complete = False


@contextlib.contextmanager
def native_log_withheld() -> Iterator[_Withheld]:
    """Drops what C++ code logs to the standard error; anything else appears at the end, and all of it after an
    error."""
    withheld = _Withheld()
    try:
        terminal = os.dup(2)
    except OSError:  # it is closed: nothing that is written reaches anybody
        yield withheld
        return
    sys.stderr.flush()
    ours = not faulthandler.is_enabled()
    with open(os.memfd_create("stderr"), "w+b") as lines:  # in memory, since a disk may be full
        os.dup2(lines.fileno(), 2)
        if ours:
            faulthandler.enable(terminal)  # a process that dies in here says where
        try:
            yield withheld
        except BaseException:
            withheld.complete = True
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            if ours:
                faulthandler.disable()
            os.close(terminal)
            lines.seek(0)
            with open(2, "wb", closefd=False) as stream:
                stream.writelines(line for line in lines if withheld.complete or not _NATIVE.match(line))
