"""The one output of a model that holds the scores of classes."""

from typing import Any

import keras
from keras import tree

from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject
from keras_selectivity.training._checks import check_built
from keras_selectivity.training._rebuild import input_specs


def classifier_of(model: KerasObject, output: Any = None) -> KerasObject:
    """A model that returns class scores alone, with the layers of another one that may return more.

    Args:
        model: A built Keras model.
        output: Name, key or position of the output, of several; `None` for the only one.

    Returns:
        The model itself, if it returns one tensor; else one of the same layers and weights.

    Raises:
        InputError: It returns several and none is named, or none of that name.
    """
    check_built(model)
    if isinstance(model, keras.Sequential) and output is None:
        return model
    if hasattr(model, "operations"):
        returned = model.output
        names = list(returned) if isinstance(returned, dict) else list(model.output_names)
    else:
        specs = tree.map_structure(lambda spec: keras.KerasTensor(spec.shape, spec.dtype), input_specs(model))
        try:
            returned = model.compute_output_spec(specs)
        except Exception:  # the code of the model's author
            if output is None:  # what is wrong is said where the model is looked at
                return model
            raise
        names = list(returned) if isinstance(returned, dict) else []
    flat = _each(returned)
    if hasattr(returned, "shape") and output is None:
        return model
    names = names if len(names) == len(flat) else [str(n) for n in range(len(flat))]
    if output is None and len(flat) != 1:
        raise InputError(
            f"{model.name!r} is not a classifier: it returns {len(flat)} outputs ({', '.join(names)}), not one of shape "
            "(batch, classes). Name the one with the scores of the classes: output=..."
        )
    if output is not None and output not in names and output not in range(len(flat)):
        raise InputError(f"{model.name!r} has no output {output!r}. It has {', '.join(names)}.")
    place = 0 if output is None else names.index(output) if output in names else output
    if hasattr(returned, "shape"):
        return model
    if not hasattr(model, "operations"):
        inputs = tree.map_structure(
            lambda spec: keras.Input(batch_shape=spec.shape, dtype=spec.dtype), input_specs(model)
        )
        return keras.Model(inputs, _each(model(inputs))[place], name=model.name)
    return keras.Model(
        model.inputs[0] if len(model.inputs) == 1 else model.input, flat[place], name=model.name
    )


def _each(outputs: Any) -> list[Any]:
    """Outputs of a model, those of a dict in its own order."""
    return list(outputs.values()) if isinstance(outputs, dict) else tree.flatten(outputs)
