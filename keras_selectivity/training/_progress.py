"""How far a run is, by the record beside its checkpoints; read without Keras."""

from pathlib import Path
from typing import Any

from keras_selectivity._errors import DamagedError
from keras_selectivity._json_file import read_json
from keras_selectivity._types import StrPath

PROGRESS = "progress.json"
_SHAPE = {
    "epochs": int,
    "last": str,
    "best": str,
    "best_epoch": int,
    "history": {str: [(float, None)]},
    "preferred_classes?": [[int]],
    str: object,
}


def checkpoint_of(epoch: int) -> str:
    """Name of the file of a 0-based epoch."""
    return f"epoch-{epoch + 1:04d}.keras"


def restore(folder: StrPath) -> dict[str, Any] | None:
    """Reads where a run stands.

    Returns:
        The progress of `RunCheckpoint` (`epochs` done, `last` and `best` file, `best_epoch`
        0-based, `history`), or `None` if no epoch is finished.

    Raises:
        DamagedError: The record is damaged, or a file it names is missing.
        InputError: The record cannot be read.
    """
    path = Path(folder) / PROGRESS
    if not path.exists():
        return None
    progress = read_json(path, _SHAPE)
    epochs, best = progress["epochs"], progress["best_epoch"]
    counts = {
        epochs,
        *map(len, progress["history"].values()),
        len(progress.get("preferred_classes", range(epochs))),
    }
    names = [checkpoint_of(epochs - 1), checkpoint_of(best)]
    if len(counts) > 1 or not 0 <= best < epochs or names != [progress["last"], progress["best"]]:
        raise DamagedError(f"{path} is damaged: its entries contradict each other.")
    for name in names:
        if not (Path(folder) / name).exists():
            raise DamagedError(f"{path} names {name}, which is missing.")
    return progress
