"""Runs in this process, one after the other."""

from collections.abc import Sequence
from typing import Any

from keras_selectivity.studies._study import Study
from keras_selectivity.studies._worker import attempt
from keras_selectivity.studies.engines._engine import Engine


class Here(Engine):
    """Does runs one after the other in this process.

    TensorFlow keeps what it traced for a run and the run's training data: take `Processes` with one worker for more
    than a dozen runs.

    Args:
        folder: As in `Engine`.
        strategy: `None`, or `"mirrored"`, replicas on all GPUs of this machine.
        options: As in `Engine`.
    """

    accepts = frozenset({"strategy", "tensorboard"})

    def __init__(self, folder: Any, *, strategy: str | None = None, **options: Any) -> None:
        super().__init__(folder, **options)
        self.strategy = strategy

    def run(self, study: Study, names: Sequence[str]) -> None:
        """Does runs; what another process works on comes last, and then is done mostly."""
        options = {**self.options, "strategy": self.strategy, "verbose": self.verbose}
        for wait in (False, True):
            busy = []
            for name in names:
                print(
                    f"{name}: waiting for another process that works on it" if wait else f"{name} ...",
                    flush=True,
                )
                if attempt(study, name, self.folder, options, wait):
                    self.report(study, name)
                else:
                    busy.append(name)
            names = busy
