"""SavedModels that someone else wrote: a serving signature from one batch of images to class scores."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._samples import scaled
from keras_selectivity._types import Array
from keras_selectivity._types import StrPath
from keras_selectivity._types import Tensor

_SIZES = (32, 224)  # tried where a signature leaves height and width open


def read_foreign(
    path: StrPath, pixel_range: tuple[float, float], outputs: str | None
) -> tuple[Callable[..., Any], int, list[int] | None, Any]:
    """Opens a foreign SavedModel.

    Args:
        path: Its directory.
        pixel_range: What the network expects for pixels 0 and 1.
        outputs: `"logits"`, `"probabilities"`, or `None` to tell from what it returns for varied inputs.

    Returns:
        `(logits, classes, input_shape, loaded)`: a function from pixels in [0, 1], the number of
        classes, the shape of an image or `None`, and the object that owns the variables.

    Raises:
        InputError: It cannot be read, is no classifier of images, or returns no probabilities though
            `outputs` says so.
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
    signature = getattr(loaded, "signatures", {}).get("serving_default")
    if signature is None:
        raise InputError(f"{path} has no serving_default signature to call.")
    argument, spec = _only(path, "inputs", signature.structured_input_signature[1])
    key, _ = _only(path, "outputs", signature.structured_outputs)
    if not spec.dtype.is_floating or spec.shape.rank not in (None, 4):
        raise InputError(
            f"{path} is no classifier of images: its input {argument} is {spec.dtype.name} of shape {spec.shape}, "
            "not floats of shape (n, height, width, channels)."
        )
    if spec.shape.rank is not None and spec.shape[0] is not None:
        raise InputError(f"{path} takes exactly {spec.shape[0]} images at a time; export it for any number.")
    shape = (None, None, None) if spec.shape.rank is None else tuple(spec.shape[1:])

    def returned(x: Tensor) -> Tensor:
        return tf.cast(signature(**{argument: tf.cast(scaled(x, pixel_range), spec.dtype)})[key], tf.float32)

    values = _probed(path, returned, shape, pixel_range)
    probabilities = are_probabilities(values)
    if outputs == "probabilities" and not probabilities:
        raise InputError(
            f"{path} returns values that are no probabilities (from {values.min():g} to {values.max():g}, with "
            f"sums to {values.sum(axis=1).max():g}): leave outputs= out, or say 'logits'."
        )
    if outputs is None and probabilities:
        warn_of_logarithm()
    kind = LOGARITHM if probabilities and outputs != "logits" else RETURNED
    known = None if None in shape else list(shape)
    return lambda x: as_logits(returned(x), kind), max(values.shape[1], 2), known, loaded


def _only(path: StrPath, what: str, specs: dict[str, Any]) -> tuple[str, Any]:
    if len(specs) != 1:
        names = ", ".join(specs) or "none"
        raise InputError(f"{path} has {len(specs)} {what} ({names}); a classifier has one.")
    ((name, spec),) = specs.items()
    return name, spec


def _probed(
    path: StrPath,
    function: Callable[..., Any],
    shape: tuple[int | None, ...],
    pixel_range: tuple[float, float],
) -> Array:
    """Outputs for varied inputs."""
    import tensorflow as tf

    from keras_selectivity.training import varied_inputs

    low, high = pixel_range
    for size in _SIZES if None in shape[:2] else (0,):
        inputs = varied_inputs(
            tuple(found or other for found, other in zip(shape, (size, size, 3), strict=True))
        )
        try:
            # They vary in the network's own scale, whatever that is.
            values = np.asarray(function((tf.constant(inputs) - low) / (high - low)))
            break
        except (tf.errors.OpError, ValueError, TypeError) as error:
            problem = error
    else:
        raise InputError(
            f"{path} cannot be called on images ({problem}). Is it a classifier of images?"
        ) from problem
    if values.ndim != 2 or not values.shape[1] or len(values) != len(inputs):
        raise InputError(
            f"{path} is no classifier: for {len(inputs)} images it returns an array of shape {values.shape} "
            "instead of (samples, classes)."
        )
    return values
