"""A trained network on its way to a machine with TensorFlow: a `.keras` file with the record of its training."""

import math
import zipfile
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file
from keras_selectivity._json_file import LARGEST
from keras_selectivity._json_file import mismatch
from keras_selectivity._json_file import parse_json
from keras_selectivity._json_file import to_json
from keras_selectivity._seal import check_zip
from keras_selectivity._seal import seal_zip
from keras_selectivity._types import KerasObject
from keras_selectivity._types import StrPath

_RECORD = "training.json"
# What a record says of how a network was trained; the evaluators rely on the entries that are spelt out.
PROTOCOL = {
    "network?": (str, None),
    "alpha?": (float, {str: object}, None),
    "epochs?": (int, None),
    "batch_size?": (int, None),
    "samples_trained_on?": (int, None),
    "samples_validated_on?": (int, None),
    "validation_per_class?": int,
    "best_epoch?": int,
    str: object,
}
HISTORY = {str: [(float, None)]}
TRAINING = {"seed": (int, None), "history": HISTORY, "protocol": PROTOCOL}


def training_record(
    seed: int | None, history: Mapping[str, Sequence[Any]] | None, protocol: dict[str, Any] | None
) -> dict[str, Any]:
    """How a network was trained, as it is written; what is not finite is `None`, since JSON has no NaN.

    Raises:
        InputError: It is not of the shape `TRAINING`.
    """
    try:
        history = {log: [_number(value) for value in values] for log, values in (history or {}).items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"history must be a dict of lists, log -> value by epoch ({error}).") from error
    record = {"seed": seed, "history": history, "protocol": protocol or {}}
    wrong = mismatch(record, TRAINING, "the record of the training")
    if wrong:
        raise InputError(f"The network cannot be written: {wrong}.")
    to_json(record, "The record of the training")
    return record


def _number(value: Any) -> float | None:
    value = None if value is None else float(value)
    return value if value is not None and math.isfinite(value) else None


def save_run(
    model: KerasObject,
    path: StrPath,
    *,
    seed: int | None,
    history: Mapping[str, Sequence[Any]] | None,
    protocol: dict[str, Any] | None,
) -> None:
    """Writes a `.keras` file that also holds how the model was trained; on any backend.

    Args:
        model: A `SelectivityModel`.
        path: File to write; it appears whole or not at all.
        seed, history, protocol: As in `keras_selectivity.export`.
    """
    record = to_json(training_record(seed, history, protocol), path)
    with whole_file(path) as temporary:
        model.save(temporary)
        seal_zip(temporary, **{_RECORD: record})


def read_record(path: StrPath) -> dict[str, Any]:
    """How the network of a `.keras` file was trained: a dict with `seed`, `history` and `protocol`, or an empty one.

    Raises:
        InputError: The file is missing, or no `.keras` file.
        DamagedError: It is truncated or damaged.
    """
    path = Path(path)
    if path.suffix != ".keras" or not path.is_file():
        raise InputError(f"{path} is not a .keras file. Name one that a training has written.")
    check_zip(path)
    with zipfile.ZipFile(path) as archive:
        if _RECORD not in archive.namelist():
            return {}
        if archive.getinfo(_RECORD).file_size > LARGEST:
            raise DamagedError(f"{path} is damaged: its {_RECORD} is too large.")
        return parse_json(archive.read(_RECORD), TRAINING, f"{_RECORD} in {path}")


def load_model(path: StrPath, compile: bool = True) -> KerasObject:
    """The model of a `.keras` or `.h5` file: the one place where such files are loaded.

    Args:
        path: The file.
        compile: Whether to load the optimizer and its state, too.

    Raises:
        InputError: Keras cannot load it, with Keras's reason.
    """
    import keras

    from keras_selectivity.training import SelectivityModel  # noqa: F401 (registers our classes)

    try:
        return keras.saving.load_model(path, compile=compile)
    except Exception as error:  # whatever a damaged or foreign file makes Keras stumble over
        reason = str(error).strip().partition("\n\n")[0]  # after which Keras shows whole configurations
        raise InputError(f"{path} cannot be loaded as a Keras model ({reason}).") from error
