"""The contract between training and evaluation: a SavedModel with named endpoints, and `run.json`.

Endpoints: `logits`, `unit_means` (a dict by layer) and `activations` (a dict by layer), all of the network's inputs
one after the other, float32 pixels in [0, 1] where they have a range, and `ablated_logits`, which also takes what to
keep of every unit and what to put in its place; `serving_default` is `logits`. TensorFlow only.
"""

import functools
import hashlib
import json
import os
import platform
from collections.abc import Mapping
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from keras_selectivity import __version__
from keras_selectivity._endpoints import endpoints
from keras_selectivity._endpoints import instrumented
from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._files import digests
from keras_selectivity._files import whole_directory
from keras_selectivity._fold import folded
from keras_selectivity._foreign import read_foreign
from keras_selectivity._inlined import inlined
from keras_selectivity._inputs import AUTO
from keras_selectivity._inputs import JSON as inputs_json
from keras_selectivity._inputs import Input
from keras_selectivity._inputs import Inputs
from keras_selectivity._json_file import mismatch
from keras_selectivity._json_file import read_json
from keras_selectivity._json_file import write_json
from keras_selectivity._paths import path_of
from keras_selectivity._replacement import is_ours
from keras_selectivity._run_file import TRAINING
from keras_selectivity._run_file import load_model
from keras_selectivity._run_file import read_record
from keras_selectivity._run_file import training_record
from keras_selectivity._samples import checked_range
from keras_selectivity._seal import check_seal
from keras_selectivity._types import KerasObject
from keras_selectivity._types import StrPath
from keras_selectivity._wrap import in_memory
from keras_selectivity._wrap import require_finite
from keras_selectivity._wrap import require_tensorflow

_RUN = "run.json"
_OLDER = (".h5", ".hdf5")  # files of a whole model before Keras 3
# Patterns of what it consists of, where its `run.json` does not say
EXPORTED = (_RUN, "saved_model.pb", "fingerprint.pb", "variables/variables.*", "assets/*")
_FORMAT = "keras_selectivity SavedModel"
_FORMAT_VERSION = 2  # 1 knew images only: input_shape and pixel_range
# An entry that some version has not written ends in "?".
_SHAPE = {
    "format": str,
    "format_version": int,
    "alpha": (float, {str: object}, None),
    "metric": (str, None),
    "regularized": [str],
    "classes": int,
    "layers": [{"name": str, "units": int, "shift": bool}],
    "inputs?": inputs_json,
    "input_shape?": [int],
    "pixel_range?": [float],
    "outputs?": (str, None),
    "batch_norms?": {"folded": int, "kept": [str]},
    **TRAINING,
    "versions": {str: str},
    "files": {str: str},
}


def export(
    model: KerasObject,
    path: StrPath,
    *,
    pixel_range: tuple[float, float] | str | None = AUTO,
    output: str | int | None = None,
    nonlinearities: str | None = None,
    seed: int | None = None,
    history: Mapping[str, Sequence[Any]] | None = None,
    protocol: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Writes a classifier as a SavedModel that every evaluator of this package reads.

    The directory appears whole or not at all. `run.json` in it records layer names and units per
    layer, alpha, seed, class count, inputs, versions, protocol, training history and the SHA-256 of
    every file.

    Args:
        model: A `SelectivityModel`, or any built Keras classifier, which is then instrumented.
        path: Directory to write.
        pixel_range: What the network expects for pixels 0 and 1, for example `(0, 255)`; the SavedModel takes pixels
            in [0, 1] all the same. `None` if values go in as they are. Defaults to `"auto"`, as for `wrap`.
        output: Which output holds the scores of the classes, by name or position, of a model that has several.
        nonlinearities: Which hidden units a model that this package did not make has, as for `regularize`:
            `"rectifiers"`, `"all"`, or `None` for rectifiers if there are any and all if there are none.
        seed: Seed of the training, for the record.
        history: Dict of lists, log -> value by epoch. Defaults to that of the last `fit`.
        protocol: Dict of JSON values: how the model was trained.
        overwrite: Replace an existing directory. Defaults to False.

    Raises:
        InputError: The path exists, the model is not a classifier, the pixel range is invalid, seed, history or
            protocol are not of their kind, or the backend is not TensorFlow.
    """
    import keras

    from keras_selectivity._keras_private import write_once

    require_tensorflow(keras)
    network, hooks, inputs, record = instrumented(model, pixel_range, output, nonlinearities)
    if history is None:
        fitted = getattr(model, "history", None)
        history = getattr(fitted, "history", None)
    training = training_record(seed, history, protocol)
    with whole_directory(path, overwrite, is_export) as folder:
        archive = keras.export.ExportArchive()
        archive.track(network)
        fast, record["batch_norms"] = folded(network)
        archive.track(fast)
        write_once(archive)
        units = keras.InputSpec(shape=(sum(t["units"] for t in record["layers"]),), dtype="float32")
        for name, function in endpoints(network, fast, record, inputs, hooks).items():
            signature = inputs.specs() + ([units, units] if name == "ablated_logits" else [])
            archive.add_endpoint(name, function, input_signature=signature)
        archive.write_out(folder, verbose=False)
        run = {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            **record,
            **training,
            "versions": versions(),
            "files": digests(folder),
        }
        write_json(folder / _RUN, run)


def is_export(folder: StrPath) -> bool:
    """Whether a folder holds a SavedModel that `export` wrote, and nothing besides."""
    return is_ours(Path(folder), _RUN, lambda run: run.get("format") == _FORMAT, EXPORTED)


def export_run(
    path: StrPath,
    folder: StrPath,
    *,
    pixel_range: tuple[float, float] | str | None = AUTO,
    overwrite: bool = False,
) -> Path:
    """Exports the network of a `.keras` file with the record of its training, see `save_run`.

    Args:
        path: A `.keras` file of any backend.
        folder: Directory to write.
        pixel_range: As for `export`.
        overwrite: Replace an existing directory.

    Returns:
        The directory.

    Raises:
        InputError: The file cannot be loaded, the directory exists, or the backend is not
            TensorFlow.
    """
    record = read_record(path)
    export(load_model(path), folder, pixel_range=pixel_range, overwrite=overwrite, **record)
    return Path(folder)


def load(
    path: StrPath,
    *,
    pixel_range: tuple[float, float] | str | None = AUTO,
    output: str | int | None = None,
    nonlinearities: str | None = None,
    outputs: str | None = None,
) -> Exported:
    """Opens a trained classifier for evaluation.

    A SavedModel is a program: open only those that you trust.

    Args:
        path: A directory written by `export`; a SavedModel of someone else's classifier, which
            offers logits only; or a `.keras` file, or an `.h5` file of older versions of Keras, which is instrumented
            here.
        pixel_range: What a foreign network or that of a `.keras` or `.h5` file expects for pixels 0 and 1, for
            example `(0, 255)`; `None` if values go in as they are. Defaults to `"auto"`, as for `wrap`. What `export`
            wrote knows its own.
        output: Which output of a foreign network or that of a file holds the scores of the classes, by name or, for a
            file, position, of several.
        nonlinearities: Which hidden units a model that this package did not make has, as for `regularize`:
            `"rectifiers"`, `"all"`, or `None` for rectifiers if there are any and all if there are none.
        outputs: What a foreign SavedModel returns: `"logits"`, or `"probabilities"`, whose logarithm is
            then taken. Defaults to what it turns out to return for varied inputs. Only for these.

    Returns:
        An `Exported`.

    Raises:
        InputError: The path is missing, half-written or damaged (`DamagedError`), or nothing of the above;
            its weights are not finite; or the pixel range is invalid, or another than that of the export.
    """
    path = path_of(path)
    if outputs not in (None, "logits", "probabilities"):
        raise InputError(f"outputs must be 'logits' or 'probabilities'. Received: {outputs!r}.")
    if pixel_range not in (None, AUTO):
        pixel_range = checked_range(pixel_range)
    if not path.exists():
        raise InputError(f"{path} does not exist. Name a SavedModel directory, or a .keras or .h5 file.")
    if outputs is not None and (path.is_file() or (path / _RUN).exists()):
        raise InputError(
            f"outputs= is for SavedModels of others. Leave it out for {path}: it tells by itself."
        )
    if path.is_file():
        return _load_keras(path, pixel_range, output, nonlinearities)
    if not (path / "saved_model.pb").exists():
        hint = "it is half-written; export it again" if (path / _RUN).exists() else "it holds no SavedModel"
        raise DamagedError(f"{path} has no saved_model.pb: {hint}.")
    if (path / _RUN).exists():
        return _load_own(path, pixel_range)
    logits, classes, inputs, loaded = read_foreign(path, pixel_range, output, outputs)
    told = inputs.chosen(output=output, outputs=outputs)
    found = digests(path) | ({"chosen": told} if told else {})
    exported = Exported({"logits": logits}, [], classes, inputs, {}, _fingerprint(found))
    exported.owner = loaded
    return exported


def versions() -> dict[str, str]:
    """Versions of what decides a result, for the record."""
    import keras

    return {
        "python": platform.python_version(),
        "keras_selectivity": __version__,
        "keras": keras.__version__,  # its package may be called keras-nightly
        **{name: version(name) for name in ("tensorflow", "numpy")},
        "backend": keras.backend.backend(),
    }


def _load_own(path: Path, pixel_range: Any) -> Exported:
    import tensorflow as tf

    run = read_json(path / _RUN, {"format": str, "format_version": int, str: object})
    if run["format"] != _FORMAT or run["format_version"] > _FORMAT_VERSION:
        raise InputError(f"{path} was written by a newer version of keras_selectivity. Upgrade the package.")
    wrong = mismatch(run, _SHAPE)
    if wrong:
        raise DamagedError(f"{path / _RUN} is damaged: {wrong}. Export the model again.")
    found = digests(path)
    damaged = [name for name, digest in run["files"].items() if found.get(name) != digest]
    if damaged:
        raise DamagedError(f"{path} is damaged: {', '.join(damaged)} is missing or changed. Export it again.")
    if "inputs" in run:
        inputs = Inputs.from_json(run["inputs"])
    else:
        shape = tuple(run["input_shape"])
        inputs = Inputs("one", (Input("pixels", shape, "float32"),)).ranged(run.get("pixel_range", (0, 1)))
    recorded = None if inputs.one is None else inputs.one.range
    if pixel_range not in (AUTO, recorded):
        raise InputError(
            f"{path} was exported for pixel_range={recorded}, which it sees to itself. Received: {pixel_range}. "
            "Leave pixel_range out, or export the network again with the right one."
        )
    loaded = tf.saved_model.load(os.fspath(path))
    require_finite(path, loaded.variables)
    names = ("logits", "unit_means", "activations", "ablated_logits")
    functions = {name: getattr(loaded, name) for name in names if hasattr(loaded, name)}
    functions["inlined_unit_means"] = functools.partial(inlined, loaded.unit_means)
    exported = Exported(functions, run["layers"], run["classes"], inputs, run, _fingerprint(run["files"]))
    exported.owner = loaded
    return exported


def _fingerprint(found: dict[str, str]) -> str:
    """Of the SavedModel itself, without what `run.json` says of it."""
    network = {name: digest for name, digest in found.items() if name != _RUN}
    return hashlib.sha256(json.dumps(network, sort_keys=True).encode()).hexdigest()[:12]


def _load_keras(path: Path, pixel_range: Any, output: Any, nonlinearities: str | None) -> Exported:
    import keras

    from keras_selectivity.training import SelectivityModel

    require_tensorflow(keras)
    if path.suffix not in (".keras", *_OLDER):
        raise InputError(
            f"{path} is neither a .keras nor an .h5 file. Load it with Keras and save it as one, or export it."
        )
    check_seal(path)
    model = load_model(path, compile=path.suffix not in _OLDER)  # whose losses may be known no more
    network, hooks, inputs, record = instrumented(model, pixel_range, output, nonlinearities)
    require_finite(path, network.weights)
    record |= {} if path.suffix in _OLDER else read_record(path)
    record["trained_with"] = type(model).__name__ if isinstance(model, SelectivityModel) else None
    told = inputs.chosen(output=output, nonlinearities=nonlinearities)
    return in_memory(network, hooks, inputs, record, hashlib.sha256(path.read_bytes() + told.encode()))
