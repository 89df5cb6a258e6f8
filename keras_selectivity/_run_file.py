"""A trained network on its way to a machine with TensorFlow: a `.keras` file with the record of its training."""

import json
import zipfile
from pathlib import Path

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import whole_file

_RECORD = "training.json"


def save_run(model, path, *, seed, history, protocol):
    """Writes a `.keras` file that also holds how the model was trained; on any backend.

    Args:
        model: A `SelectivityModel`.
        path: File to write; it appears whole or not at all.
        seed, history, protocol: As in `keras_selectivity.export`.
    """
    record = json.dumps({"seed": seed, "history": history, "protocol": protocol}, allow_nan=False)
    with whole_file(path) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(_RECORD, record)


def read_record(path):
    """How the network of a `.keras` file was trained: a dict with `seed`, `history` and `protocol`, or an empty one.

    Raises:
        InputError: The file is missing, or no `.keras` file.
        DamagedError: It is truncated or damaged.
    """
    path = Path(path)
    if path.suffix != ".keras" or not path.is_file():
        raise InputError(f"{path} is no .keras file. Name one that a training has written.")
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
            record = json.loads(archive.read(_RECORD)) if _RECORD in archive.namelist() else {}
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DamagedError(f"{path} is damaged ({error}). Copy it again.") from error
    if broken:
        raise DamagedError(f"{path} is damaged in {broken}. Copy it again.")
    return record


def export_run(path, folder, *, overwrite=False):
    """Exports the network of a `.keras` file as a SavedModel with the record of its training.

    Args:
        path: A `.keras` file of any backend.
        folder: Directory to write.
        overwrite: Replace an existing directory.

    Returns:
        The directory.

    Raises:
        InputError: The file is none that can be loaded, the directory exists, or the backend is not
            TensorFlow.
    """
    import keras

    from keras_selectivity import saved_model
    from keras_selectivity.training import SelectivityModel  # noqa: F401 (registers our classes)

    record = read_record(path)
    try:
        model = keras.saving.load_model(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be loaded as a Keras model ({error}).") from error
    saved_model.export(model, folder, overwrite=overwrite, **record)
    return Path(folder)
