"""SavedModels that someone else wrote: a signature from a batch of inputs to class scores."""

import itertools
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._inputs import Input
from keras_selectivity._inputs import Inputs
from keras_selectivity._types import Array
from keras_selectivity._types import StrPath
from keras_selectivity._types import Tensor
from keras_selectivity._wrap import require_finite

_SIZES = (32, 224)  # tried where a signature leaves them open
_DEFAULT = "serving_default"


def read_foreign(
    path: StrPath, pixel_range: Any, output: str | int | None, outputs: str | None
) -> tuple[Callable[..., Any], int, Inputs, Any]:
    """Opens a foreign SavedModel.

    Args:
        path: Its directory.
        pixel_range: As `Inputs.ranged` takes it.
        output: Key of the output that holds the scores of the classes, of several; `None` for the only one.
        outputs: `"logits"`, `"probabilities"`, or `None` to tell from what it returns for varied inputs.

    Returns:
        `(logits, classes, inputs, loaded)`: a function from inputs as `Inputs.prepared` makes them, one after the
        other, the number of classes, what the network takes, and the object that owns the variables.

    Raises:
        InputError: It cannot be read, is not a classifier, its weights are not finite, or it returns no probabilities
            though `outputs` says so.
    """
    import tensorflow as tf

    from keras_selectivity.training import LOGARITHM
    from keras_selectivity.training import RETURNED
    from keras_selectivity.training import are_probabilities
    from keras_selectivity.training import as_logits
    from keras_selectivity.training import warn_of_logarithm

    try:
        loaded = tf.saved_model.load(os.fspath(path))
    except Exception as error:
        raise InputError(f"{path} cannot be read as a SavedModel ({error}).") from error
    if all(hasattr(loaded, name) for name in ("unit_means", "activations")):
        raise DamagedError(
            f"{path} was exported by keras_selectivity and lacks its run.json. Export it again."
        )
    function = _function(path, loaded)
    require_finite(path, function.variables)
    specs = _specs(path, function)
    key = _output(path, function.structured_outputs, output)
    inputs = _inputs(path, specs).ranged(pixel_range)

    def returned(*native: Tensor) -> Tensor:
        x = {name: tf.cast(v, spec.dtype) for (name, spec), v in zip(specs.items(), native, strict=True)}
        found = function(**x) if function.structured_input_signature[1] else function(*x.values())
        return tf.cast(found if key is None else found[key], tf.float32)

    values = _probed(path, returned, inputs)
    probabilities = are_probabilities(values)
    if outputs == "probabilities" and not probabilities:
        raise InputError(
            f"{path} returns values that are no probabilities (from {values.min():g} to {values.max():g}, with "
            f"sums to {values.sum(axis=1).max():g}): leave outputs= out, or say 'logits'."
        )
    if outputs is None and probabilities:
        warn_of_logarithm()
    kind = LOGARITHM if probabilities and outputs != "logits" else RETURNED

    def logits(*x: Tensor) -> Tensor:
        native = (part.native(value) for part, value in zip(inputs.parts, x, strict=True))
        return as_logits(returned(*native), kind)

    return logits, max(values.shape[1], 2), inputs, loaded


def _function(path: StrPath, loaded: Any) -> Any:
    """The concrete function to call: the default signature, the only one, or what calling the module does."""
    signatures = dict(getattr(loaded, "signatures", {}))
    if _DEFAULT in signatures or len(signatures) == 1:
        return signatures.get(_DEFAULT) or next(iter(signatures.values()))
    calls = getattr(getattr(loaded, "__call__", None), "concrete_functions", [])  # noqa: B004 - not whether it is there
    if signatures or len(calls) != 1:
        names = f"the signatures {', '.join(signatures)}" if signatures else f"{len(calls)} ways to call it"
        raise InputError(
            f"{path} has no serving_default signature to call, and {names}. Save it with tf.saved_model.save(model, "
            "path, signatures={'serving_default': ...}), naming the one from inputs to class scores."
        )
    return calls[0]


def _specs(path: StrPath, function: Any) -> dict[str, Any]:
    """Name of an input -> its `tf.TensorSpec`."""
    import tensorflow as tf

    arguments, keywords = function.structured_input_signature
    specs = keywords or {
        spec.name: spec for spec in tf.nest.flatten(arguments) if isinstance(spec, tf.TensorSpec)
    }
    if len(specs) != len(tf.nest.flatten((arguments, keywords))) or not specs:
        raise InputError(
            f"{path} takes other arguments than tensors. Save it with a serving_default signature of tensors alone."
        )
    for name, spec in specs.items():
        if spec.shape.rank is None and not spec.dtype.is_floating:
            raise InputError(
                f"{path} does not tell the shape of its input {name}. Save it with a signature that does."
            )
        if spec.shape.rank == 0 or (spec.shape.rank is not None and spec.shape[0] is not None):
            raise InputError(
                f"{path} takes exactly {spec.shape[0] if spec.shape.rank else 'one'} sample at a time; export it for any number."
            )
    return dict(specs)


def _inputs(path: StrPath, specs: dict[str, Any]) -> Inputs:
    parts = tuple(
        # What tells no shape is taken for images
        Input(name, (None,) * 3 if spec.shape.rank is None else tuple(spec.shape[1:]), spec.dtype.name)
        for name, spec in specs.items()
    )
    return Inputs("one" if len(parts) == 1 else "dict", parts)


def _output(path: StrPath, returned: Any, output: Any) -> Any:
    """Key of the output that holds the scores of the classes, or `None` if it comes alone."""
    names = list(returned) if isinstance(returned, dict) else []
    if output is not None and output not in names:
        raise InputError(
            f"{path} has no output {output!r}. It has {', '.join(map(str, names)) or 'one without a name'}."
        )
    if not names and hasattr(returned, "shape"):
        return None
    if len(names) != 1 and output is None:
        raise InputError(
            f"{path} has {len(names)} outputs ({', '.join(map(str, names)) or 'without names'}). Name the one with the "
            "scores of the classes: output=..."
        )
    return output or names[0]


def _probed(path: StrPath, function: Callable[..., Any], inputs: Inputs) -> Array:
    """Outputs for varied inputs, which vary in the network's own scale, whatever that is."""
    import tensorflow as tf

    from keras_selectivity.training import as_flags
    from keras_selectivity.training import varied_inputs

    channels = 3 if inputs.one and inputs.one.is_image else None
    for size, embedded in itertools.product(_SIZES, (False, True)):
        varied = []
        for seed, part in enumerate(inputs.parts):
            last = len(part.shape) - 1
            shape = (n or (channels if axis == last else None) or size for axis, n in enumerate(part.shape))
            values = varied_inputs(tuple(shape), part.dtype, seed)
            varied.append(tf.constant(as_flags(values) if embedded else values))
        try:
            values = np.asarray(function(*varied))
            break
        except (tf.errors.OpError, ValueError, TypeError) as error:
            problem = error
    else:
        raise InputError(f"{path} cannot be called on {inputs} ({problem}). Is it a classifier?") from problem
    if values.ndim != 2 or not values.shape[1] or len(values) != len(varied[0]):
        raise InputError(
            f"{path} is not a classifier: for {len(varied[0])} samples it returns an array of shape {values.shape} "
            "instead of (samples, classes)."
        )
    return values
