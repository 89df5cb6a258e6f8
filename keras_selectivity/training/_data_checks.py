"""What `fit` and `evaluate` are given, checked before anything is compiled, as far as it comes as arrays."""

from typing import Any

import keras
import numpy as np

from keras_selectivity._checks import number
from keras_selectivity._checks import real_array
from keras_selectivity._errors import InputError
from keras_selectivity._types import Array
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.training._rebuild import input_specs


def check_data(
    model: KerasObject,
    x: Tensor,
    y: Tensor = None,
    sample_weight: Tensor = None,
    class_weight: dict[int, float] | None = None,
) -> None:
    """Refuses inputs, labels and weights that would train something without meaning.

    Args:
        model: A `SelectivityModel`.
        x: Inputs, or a data set, of which the types are checked.
        y: Labels.
        sample_weight: One weight per sample.
        class_weight: Dict, class -> weight.

    Raises:
        InputError: See there.
    """
    spec = getattr(x, "element_spec", x)
    for part in keras.tree.flatten(spec[0] if spec is not x and isinstance(spec, tuple) else _parts(x)):
        kind = getattr(part, "dtype", "float32")
        kind = str(getattr(kind, "name", kind))
        # Texts are what Keras takes them as: it says what it does not take itself
        if not (kind.startswith(("float", "bfloat", "int", "uint", "bool")) or _takes_text(model)):
            raise InputError(f"{model.name!r} takes numbers. Received: inputs of dtype {kind}.")
    if _is_array(y):
        _check_labels(model, real_array("Labels", y))
    if _is_array(sample_weight):
        weights = real_array("sample_weight", sample_weight)
        _refuse_unless(np.isfinite(weights) & (weights >= 0), weights, "sample_weight")
    for name, weight in (class_weight or {}).items():
        number(f"class_weight[{name!r}]", weight, 0)


def check_optimizer(model: KerasObject) -> None:
    """Refuses a learning rate that is negative or no number."""
    if getattr(model, "optimizer", None) is not None:
        number("The learning rate", float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)), 0)


def _takes_text(model: KerasObject) -> bool:
    return any(spec.dtype == "string" for spec in keras.tree.flatten(input_specs(model.network)))


def _check_labels(model: KerasObject, labels: Any) -> None:
    if labels.ndim == 2 and labels.shape[1] == model.classes:
        _refuse_unless(np.isfinite(labels) & (labels >= 0), labels, "One-hot labels")
    elif labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1):
        known = (labels >= 0) & (labels < model.classes) & (labels == np.floor(labels))
        if not known.all():
            raise model.label_error(f"{labels[~known][0]:g}")
    else:
        raise InputError(
            "Labels must be integers of shape (batch,) or (batch, 1), or one-hot rows of shape (batch, "
            f"{model.classes}). Received: shape {labels.shape}."
        )


def _refuse_unless(good: Array, values: Any, name: str) -> None:
    if not good.all():
        raise InputError(f"{name} must be finite and not negative. Received: {values[~good][0]:g}.")


def _parts(x: Tensor) -> list[Any]:
    """The inputs of a model; a list that holds no arrays is left to Keras."""
    parts = list(x.values()) if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else [x]
    return [part for part in parts if hasattr(part, "dtype")]


def _is_array(values: Any) -> bool:
    return values is not None and (isinstance(values, (list, tuple)) or hasattr(values, "__array__"))
