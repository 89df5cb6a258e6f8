"""Checkpoints of a run: the last epoch to resume from, the best epoch to keep."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file
from keras_selectivity._json_file import write_json
from keras_selectivity._run_file import load_model
from keras_selectivity._seal import check_zip
from keras_selectivity._seal import seal_zip
from keras_selectivity._types import KerasObject
from keras_selectivity._types import StrPath
from keras_selectivity.training import _methods  # noqa: F401
from keras_selectivity.training import _optimizer  # noqa: F401 (registers what a checkpoint holds)
from keras_selectivity.training import _selectivity_model  # noqa: F401
from keras_selectivity.training._progress import PROGRESS
from keras_selectivity.training._progress import checkpoint_of


class RunCheckpoint(keras.callbacks.Callback):
    """Saves the model after every epoch, and keeps the epoch with the best value of a log.

    `progress.json` names the files that count and is replaced last, so a process that is killed at
    any moment leaves the state after some whole epoch. Ties go to the earliest epoch.

    Args:
        folder: Folder of the run; made if absent.
        monitor: Log to maximise. Defaults to `"val_accuracy"`.
        progress: What `restore` returned, when a run is resumed.
        keep: Function without arguments whose dict of JSON values joins the progress, or `None`.
    """

    def __init__(
        self,
        folder: StrPath,
        monitor: str = "val_accuracy",
        progress: dict[str, Any] | None = None,
        keep: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.monitor = monitor
        self.keep = keep or dict
        self.progress = progress or {
            "epochs": 0,
            "last": None,
            "best": None,
            "best_epoch": None,
            "history": {},
        }

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {name: float(value) for name, value in (logs or {}).items()}
        if self.monitor not in logs:
            raise InputError(f"There is no log {self.monitor!r}; the logs are {', '.join(sorted(logs))}.")
        progress = {**self.progress, "epochs": epoch + 1, "last": checkpoint_of(epoch)}
        history = progress["history"]
        progress["history"] = {
            name: [*history.get(name, [None] * epoch), _finite(value)] for name, value in logs.items()
        }
        best = None if epoch == 0 else progress["history"][self.monitor][progress["best_epoch"]]
        if best is None or logs[self.monitor] > best:
            progress.update(best=progress["last"], best_epoch=epoch)
        progress.update(self.keep())
        with whole_file(self.folder / progress["last"]) as temporary:
            self.model.save(temporary)
            seal_zip(temporary)
        write_json(self.folder / PROGRESS, progress)
        self.progress = progress
        for file in self.folder.glob("epoch-*.keras"):
            if file.name not in (progress["last"], progress["best"]):
                file.unlink()


def _finite(value: float) -> float | None:
    # JSON has no NaN; a diverged run must still be recorded.
    return value if abs(value) < float("inf") else None


def load_checkpoint(path: StrPath) -> KerasObject:
    """Loads a `SelectivityModel` saved by `RunCheckpoint`, optimizer state included.

    Raises:
        DamagedError: The file is damaged.
        InputError: It cannot be read.
    """
    check_zip(path)
    try:
        return load_model(path)
    except InputError as error:  # it is ours, and so not what was written
        raise DamagedError(str(error)) from error
