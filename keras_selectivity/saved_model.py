"""The contract between training and evaluation: a SavedModel with named endpoints, and `run.json`.

Endpoints: `logits`, `unit_means` (a dict by layer) and `activations` (a dict by layer), all of
float32 pixels in [0, 1], and `ablated_logits`, which also takes what to keep of every unit and what to
put in its place; `serving_default` is `logits`. TensorFlow only.
"""

import hashlib
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

from keras_selectivity import __version__
from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._files import digests
from keras_selectivity._files import whole_directory
from keras_selectivity._json_file import mismatch
from keras_selectivity._json_file import read_json
from keras_selectivity._json_file import write_json
from keras_selectivity._run_file import HISTORY
from keras_selectivity._run_file import PROTOCOL
from keras_selectivity._run_file import SEED
from keras_selectivity._seal import check_seal

_RUN = "run.json"
_FORMAT = "keras_selectivity SavedModel"
_FORMAT_VERSION = 1
# An entry that some version has not written ends in "?".
_SHAPE = {
    "format": str,
    "format_version": int,
    "alpha": (float, {str: object}, None),
    "metric": (str, None),
    "regularized": [str],
    "classes": int,
    "layers": [{"name": str, "units": int, "shift": bool}],
    "input_shape": [int],
    "pixel_range?": [float],
    "outputs?": (str, None),
    "seed": SEED,
    "protocol": PROTOCOL,
    "history": HISTORY,
    "versions": {str: str},
    "files": {str: str},
}


def export(model, path, *, seed=None, history=None, protocol=None, overwrite=False):
    """Writes a classifier as a SavedModel that every evaluator of this package reads.

    The directory appears whole or not at all. `run.json` in it records layer names and units per
    layer, alpha, seed, class count, versions, protocol, training history and the SHA-256 of every
    file.

    Args:
        model: A `SelectivityModel`, or any built Keras classifier, which is then instrumented.
        path: Directory to write.
        seed: Seed of the training, for the record.
        history: Dict of lists, log -> value by epoch. Defaults to that of the last `fit`.
        protocol: Dict of JSON values: how the model was trained.
        overwrite: Replace an existing directory. Defaults to False.

    Raises:
        InputError: The path exists, or the backend is not TensorFlow.
    """
    import keras

    from keras_selectivity.training import example_inputs

    _require_tensorflow(keras)
    network, record = _network(model)
    if history is None:
        fitted = getattr(model, "history", None)
        history = getattr(fitted, "history", None)
    batch = example_inputs(network)
    if not isinstance(batch, np.ndarray):
        raise InputError(f"Only classifiers with one input can be exported; {model.name!r} has several.")
    with whole_directory(path, overwrite, ("saved_model.pb", _RUN)) as folder:
        archive = keras.export.ExportArchive()
        archive.track(network)
        pixels = keras.InputSpec(shape=(None, *batch.shape[1:]), dtype="float32")
        units = keras.InputSpec(shape=(sum(t["units"] for t in record["layers"]),), dtype="float32")
        for name, function in _endpoints(network, record["layers"]).items():
            signature = [pixels, units, units] if name == "ablated_logits" else [pixels]
            archive.add_endpoint(name, function, input_signature=signature)
        archive.write_out(folder, verbose=False)
        run = {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            **record,
            "input_shape": list(batch.shape[1:]),
            "seed": seed,
            "protocol": protocol or {},
            "history": {k: [_number(v) for v in values] for k, values in (history or {}).items()},
            "versions": versions(),
            "files": digests(folder),
        }
        wrong = mismatch(run, _SHAPE, "the record")
        if wrong:
            raise InputError(f"The model cannot be exported with this record: {wrong}.")
        write_json(folder / _RUN, run)


def load(path, *, pixel_range=(0.0, 1.0), outputs="logits"):
    """Opens a trained classifier for evaluation.

    A SavedModel is a program: open only those that you trust.

    Args:
        path: A directory written by `export`; a SavedModel of someone else's classifier, which
            offers logits only; or a `.keras` file, which is instrumented here.
        pixel_range: What a foreign network expects for pixels 0 and 1, for example `(0, 255)`.
        outputs: `"logits"`, or `"probabilities"` for a foreign SavedModel that ends in a softmax
            (its logarithm is then taken).

    Returns:
        An `Exported`.

    Raises:
        InputError: The path is missing, half-written or damaged (`DamagedError`), or nothing of the above.
    """
    path = Path(path)
    if outputs not in ("logits", "probabilities"):
        raise InputError(f"outputs must be 'logits' or 'probabilities'. Received: {outputs!r}.")
    if not path.exists():
        raise InputError(f"{path} does not exist. Name a SavedModel directory or a .keras file.")
    if path.is_file():
        return _load_keras(path, pixel_range)
    if not (path / "saved_model.pb").exists():
        hint = "it is half-written; export it again" if (path / _RUN).exists() else "it holds no SavedModel"
        raise DamagedError(f"{path} has no saved_model.pb: {hint}.")
    return _load_own(path) if (path / _RUN).exists() else _load_foreign(path, pixel_range, outputs)


def versions():
    """Versions of what decides a result, for the record."""
    import keras

    return {
        "python": platform.python_version(),
        "keras_selectivity": __version__,
        **{name: version(name) for name in ("keras", "tensorflow", "numpy")},
        "backend": keras.backend.backend(),
    }


def _network(model):
    """The instrumented network of a model that returns logits, and what `run.json` says of it."""
    from keras_selectivity.training import SelectivityModel
    from keras_selectivity.training import instrument
    from keras_selectivity.training import probe
    from keras_selectivity.training import with_logits

    record = {"alpha": None, "metric": None, "regularized": []}
    if isinstance(model, SelectivityModel):
        alpha = model.alpha
        alpha = alpha if isinstance(alpha, float) else {"class": type(alpha).__name__, **alpha.get_config()}
        record = {"alpha": alpha, "metric": model.metric, "regularized": model.regularized}
        network = model.network
    else:
        network = instrument(model)[0]
    network = with_logits(network)
    taps, _, width = probe(network)
    layers = [{"name": t.name, "units": t.units, "shift": t.shift} for t in taps]
    return network, {**record, "classes": max(width, 2), "layers": layers}


def _endpoints(network, layers):
    from keras_selectivity.training import collecting
    from keras_selectivity.training import full_output
    from keras_selectivity.training import two_sided

    def logits(x):
        return two_sided(network(x, training=False))

    def unit_means(x):
        with collecting() as found:
            network(x, training=False)
        return found

    def activations(x):
        with collecting(read=full_output) as found:
            network(x, training=False)
        return found

    def ablated_logits(x, keep, fill):
        parts = iter(zip(_split(keep, layers), _split(fill, layers), strict=True))
        with collecting(
            read=lambda outputs, data_format: (_replaced(outputs, data_format, *next(parts)), None)
        ):
            return two_sided(network(x, training=False))

    functions = {"logits": logits, "unit_means": unit_means, "activations": activations}
    return {**functions, "ablated_logits": ablated_logits} if layers else functions


def _split(units, layers):
    ends = np.cumsum([layer["units"] for layer in layers])
    return [units[end - layer["units"] : end] for end, layer in zip(ends, layers, strict=True)]


def _replaced(outputs, data_format, keep, fill):
    """Outputs of a layer with some of its units replaced."""
    from keras import ops

    shape = [1] * len(outputs.shape)
    shape[-1 if data_format == "channels_last" else 1] = -1
    keep, fill = (ops.cast(ops.reshape(v, shape), outputs.dtype) for v in (keep, fill))
    return outputs * keep + fill * (1 - keep)


def _load_own(path):
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
    loaded = tf.saved_model.load(os.fspath(path))
    names = ("logits", "unit_means", "activations", "ablated_logits")
    functions = {name: getattr(loaded, name) for name in names if hasattr(loaded, name)}
    exported = Exported(
        functions, run["layers"], run["classes"], run["input_shape"], run, _fingerprint(run["files"])
    )
    exported.owner = loaded  # the functions hold their variables only weakly
    return exported


def _fingerprint(found):
    """Of the SavedModel itself, without what `run.json` says of it."""
    network = {name: digest for name, digest in found.items() if name != _RUN}
    return hashlib.sha256(json.dumps(network, sort_keys=True).encode()).hexdigest()[:12]


def _load_foreign(path, pixel_range, outputs):
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(os.fspath(path))
    except Exception as error:
        raise InputError(f"{path} cannot be read as a SavedModel ({error}).") from error
    if all(hasattr(loaded, name) for name in ("unit_means", "activations")):
        raise DamagedError(f"{path} was exported by keras_selectivity and lacks its {_RUN}. Export it again.")
    signature = loaded.signatures.get("serving_default")
    if signature is None:
        raise InputError(f"{path} has no serving_default signature to call.")
    shapes = signature.structured_outputs
    if len(shapes) != 1:
        raise InputError(f"{path} has {len(shapes)} outputs, {', '.join(shapes)}; a classifier has one.")
    ((key, spec),) = shapes.items()
    (argument,) = signature.structured_input_signature[1]

    def logits(x):
        values = tf.cast(signature(**{argument: x})[key], tf.float32)
        return tf.math.log(tf.maximum(values, 1e-30)) if outputs == "probabilities" else values

    shape = signature.structured_input_signature[1][argument].shape
    shape = None if shape.rank is None or None in shape[1:] else list(shape[1:])
    exported = Exported(
        {"logits": logits}, [], spec.shape[-1], shape, {}, _fingerprint(digests(path)), pixel_range
    )
    exported.owner = loaded
    return exported


def _load_keras(path, pixel_range):
    import keras
    import tensorflow as tf

    from keras_selectivity.training import SelectivityModel  # registers our classes
    from keras_selectivity.training import example_inputs

    _require_tensorflow(keras)
    if path.suffix != ".keras":
        raise InputError(f"{path} is no .keras file. Load it with Keras and save it as one, or export it.")
    check_seal(path)
    try:
        model = keras.saving.load_model(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be loaded as a Keras model ({error}).") from error
    network, record = _network(model)
    functions = {
        name: tf.function(f, reduce_retracing=True)
        for name, f in _endpoints(network, record["layers"]).items()
    }
    run = {**record, "trained_with": type(model).__name__ if isinstance(model, SelectivityModel) else None}
    shape = list(example_inputs(network).shape[1:])
    fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Exported(functions, record["layers"], record["classes"], shape, run, fingerprint, pixel_range)


def _require_tensorflow(keras):
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"SavedModels need the TensorFlow backend; Keras runs on {keras.backend.backend()}. Save the model as "
            "a .keras file, and export that where TensorFlow is: keras-selectivity export FILE."
        )


def _number(value):
    value = float(value) if value is not None else None
    return value if value is not None and np.isfinite(value) else None
