"""What must be true of a model, and of its copy."""

from typing import Any

import keras
import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.selectivity import METRICS
from keras_selectivity.training._logits import squashing


def check_built(model: KerasObject) -> None:
    """Refuses what is not a Keras model, has no weights yet, or runs on another backend than TensorFlow and JAX."""
    if keras.backend.backend() not in ("tensorflow", "jax"):
        raise InputError(
            f"Networks are trained on TensorFlow or JAX; Keras runs on {keras.backend.backend()}. Set KERAS_BACKEND to "
            "tensorflow or jax before Python starts, and bring a PyTorch network over with its weights."
        )
    if not isinstance(model, keras.Model):
        raise InputError(f"Expected a Keras model. Received: {type(model).__name__} {model!r:.100}.")
    if not model.built:
        raise InputError(
            f"The model {model.name!r} has no weights yet. "
            "Give it an Input layer, or call it on a batch, before regularising it."
        )


def check_classifier(model: KerasObject, outputs: Tensor) -> None:
    """Refuses a model whose outputs are not those of a classifier."""
    shape = getattr(outputs, "shape", None)
    if shape is None or len(shape) != 2:
        found = f"{type(outputs).__name__} of {len(outputs)}" if shape is None else f"shape {tuple(shape)}"
        raise InputError(
            f"{model.name!r} is not a classifier: it returns a {found}, not one output of shape (batch, classes). "
            "Make a keras.Model of its inputs and the class scores alone."
        )
    ends = squashing(outputs) if getattr(outputs, "op", None) is not None else None
    if ends is not None and ends.type == "Sigmoid" and shape[-1] > 1:
        raise InputError(
            f"{model.name!r} ends in {shape[-1]} sigmoids, so a sample may have several labels at once, and class "
            "selectivity needs one class per sample. Make a keras.Model that returns one of them, or end in a softmax."
        )


def check_equal(model: KerasObject, copy: KerasObject, inputs: Tensor) -> None:
    """Refuses a copy that computes something else than its model does, in inference mode."""
    with keras.StatelessScope():  # seeds stay where they are
        results = [keras.ops.cast(each(inputs, training=False), "float32") for each in (model, copy)]
    expected, found = (keras.ops.convert_to_numpy(result) for result in results)
    scale = np.nanmax(np.abs(expected), initial=1e-3, where=np.isfinite(expected))
    if found.shape != expected.shape or not np.allclose(
        found, expected, rtol=1e-4, atol=1e-5 * scale, equal_nan=True
    ):
        raise InputError(
            f"A copy of {model.name!r} computes other outputs than the model itself (difference "
            f"{np.nanmax(np.abs(found - expected)):.2g}), so some layer keeps state that is neither in its "
            "weights nor in its get_config. Add it there, or wrap the activations in ks.UnitMeans yourself and "
            "use ks.SelectivityModel(model, alpha)."
        )


def metric_name(metric: Any, classes: int) -> str:
    """What a metric is called in logs and files; refuses what is none, or gives no value per unit."""
    if isinstance(metric, str) and metric in METRICS:
        return metric
    if not callable(metric):
        raise InputError(
            f"metric must be one of {', '.join(METRICS)}, or a function. Received: metric={metric!r}."
        )
    name = str(getattr(metric, "__name__", ""))
    if not name.isidentifier() or name in (*METRICS, *_LOGS):
        raise InputError(
            f"Logs and files call a metric by its name, and {name or type(metric).__name__!r} cannot be used. Pass a "
            f"function with a name of its own (no lambda, and none of {', '.join((*METRICS, *_LOGS))})."
        )
    means = keras.ops.convert_to_tensor(np.arange(3 * classes, dtype=np.float32).reshape(classes, 3))
    values = metric(means, keras.ops.ones((classes,)))
    if tuple(getattr(values, "shape", ())) != (3,):
        raise InputError(
            f"The metric {name} must return one value per unit: for class means of shape ({classes}, 3), three. "
            f"Received: shape {tuple(getattr(values, 'shape', ()))}."
        )
    return name


_LOGS = ("loss", "cross_entropy", "alpha")
