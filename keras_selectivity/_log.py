"""What library code has to say beside its results: logged, and shown where a command runs."""

import logging
import sys


class _Terminal(logging.Handler):
    """Lines on the standard error of the moment, which tests and workers exchange."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


def show_log() -> None:
    """Shows what is logged in this package from now on, from `INFO` upwards."""
    log = logging.getLogger("keras_selectivity")
    log.setLevel(logging.INFO)
    if not any(isinstance(handler, _Terminal) for handler in log.handlers):
        log.addHandler(_Terminal())
