"""A classifier in memory as the evaluators see it, and what lets them take one."""

import contextlib
import functools
import hashlib
import json
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import Concatenate
from typing import ParamSpec
from typing import TypeVar

import numpy as np

from keras_selectivity._endpoints import endpoints
from keras_selectivity._endpoints import instrumented
from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._exported import finite_or_error
from keras_selectivity._fold import folded
from keras_selectivity._inputs import AUTO
from keras_selectivity._inputs import Inputs
from keras_selectivity._types import KerasObject

_NO_OUTPUT = ("name", "key", "trainable")
_Options = ParamSpec("_Options")
_Result = TypeVar("_Result")


def wrap(
    model: KerasObject,
    pixel_range: tuple[float, float] | str | None = AUTO,
    *,
    output: str | int | None = None,
    nonlinearities: str | None = None,
) -> Exported:
    """A trained classifier in memory as `load` would give it after `export`: nothing is written.

    Args:
        model: A `SelectivityModel`, or any built Keras classifier, which is then instrumented. Measure it
            as it is now: what is trained afterwards may or may not show, so wrap it again.
        pixel_range: What the network expects for pixels 0 and 1, for example `(0, 255)`. Evaluators then take pixels in
            [0, 1], and attacks stay in that range. `None` for inputs that have no range, which go in as they are.
            Defaults to `"auto"`: `(0, 1)` for one input of floats of shape (height, width, channels), `(0, 255)` for
            one of uint8, and `None` for anything else: features, sequences, tokens, text, several inputs.
        output: Which output holds the scores of the classes, by name or position, of a model that has several.
        nonlinearities: Which hidden units a model that this package did not make has, as for `regularize`:
            `"rectifiers"`, `"all"`, or `None` for rectifiers if there are any and all if there are none.

    Returns:
        An `Exported`. Its fingerprint is that of the weights, the layers' settings and these options.

    Raises:
        InputError: The model is not a classifier, its weights are not finite, the pixel range is invalid, or the
            backend is not TensorFlow.
    """
    import keras

    from keras_selectivity._keras_private import flatten_layers

    require_tensorflow(keras)
    if not isinstance(model, keras.Model):
        raise InputError(
            "Expected a Keras model, or what keras_selectivity.load or wrap returns. Received: "
            f"{type(model).__name__}."
        )
    network, hooks, inputs, record = instrumented(model, pixel_range, output, nonlinearities)
    require_finite(model.name, network.weights)
    told = [
        inputs.chosen(output=output, nonlinearities=nonlinearities),
        *map(_settings, flatten_layers(network)),
    ]
    digest = hashlib.sha256(
        json.dumps(told, sort_keys=True, default=lambda value: type(value).__name__).encode()
    )
    for weight in network.get_weights():
        digest.update(f"{weight.shape} {weight.dtype}".encode() + np.ascontiguousarray(weight).tobytes())
    return in_memory(network, hooks, inputs, record, digest)


def _settings(layer: KerasObject) -> list[Any]:
    """Class and plain settings of a layer that decide its output; names are numbered anew for every model."""
    import keras

    found: dict[str, Any] = {}
    if not isinstance(layer, keras.Model):  # whose settings are its layers
        with contextlib.suppress(Exception):  # of a layer that cannot be saved, in whatever way
            found = layer.get_config()
    plain = {
        key: value for key, value in found.items() if key not in _NO_OUTPUT and not isinstance(value, dict)
    }
    return [type(layer).__name__, plain]


def measures(
    function: Callable[Concatenate[Exported, _Options], _Result],
) -> Callable[Concatenate[Exported | KerasObject, _Options], _Result]:
    """Lets a measuring function take a Keras model wherever it takes an `Exported`, its first argument.

    It also makes an `InputError` of values that turn out not to be finite within its graphs.
    """

    @functools.wraps(function)
    def measured(
        exported: Exported | KerasObject, *arguments: _Options.args, **options: _Options.kwargs
    ) -> _Result:
        with finite_or_error():
            return function(as_exported(exported), *arguments, **options)

    return measured  # type: ignore[return-value]  # its first argument has a name besides


def as_exported(model: KerasObject) -> Exported:
    """An `Exported` itself; any other classifier wrapped.

    Raises:
        InputError: As `wrap`.
    """
    return model if isinstance(model, Exported) else wrap(model)


def in_memory(
    network: KerasObject, hooks: Any, inputs: Inputs, record: dict[str, Any], digest: Any
) -> Exported:
    """An `Exported` of what `instrumented` returns; `digest` is a hash of what tells it from another."""
    import tensorflow as tf

    fast, record["batch_norms"] = folded(network)
    plain = endpoints(network, fast, record, inputs, hooks)
    functions = {name: tf.function(f, reduce_retracing=True) for name, f in plain.items()}
    functions["inlined_unit_means"] = plain["unit_means"]
    return Exported(functions, record["layers"], record["classes"], inputs, record, digest.hexdigest()[:12])


def require_finite(what: object, weights: Iterable[Any]) -> None:
    """Refuses weights that are not finite: rectifiers may hide that from all that is measured.

    Raises:
        InputError: Naming what has them, and the weights.
    """
    import tensorflow as tf

    bad = [
        getattr(weight, "path", weight.name)
        for weight in weights
        if tf.as_dtype(weight.dtype).is_floating
        and not tf.reduce_all(tf.math.is_finite(tf.convert_to_tensor(weight)))
    ]
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        raise InputError(
            f"{what} has weights that are not finite (NaN or infinity): {', '.join(bad[:3])}{more}. "
            "Its training has diverged, or the file is damaged."
        )


def require_tensorflow(keras: Any) -> None:
    """Refuses other backends.

    Raises:
        InputError: Saying what to do instead.
    """
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"SavedModels need the TensorFlow backend; Keras runs on {keras.backend.backend()}. Save the model as "
            "a .keras file, and export that where TensorFlow is: keras-selectivity export FILE."
        )
