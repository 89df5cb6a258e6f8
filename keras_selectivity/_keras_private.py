"""Every private name of Keras and TensorFlow that this package uses, and why; `tests/test_keras_private.py` says which
has moved."""

import importlib
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import keras

from keras_selectivity._types import KerasObject


def flatten_layers(layer: KerasObject) -> list[KerasObject]:
    """A layer and all its sublayers, however deep.

    `keras.Model.layers` has those of the first level only, and layers that are no models have no such list.
    """
    return list(layer._flatten_layers())


def track_instead(owner: KerasObject, old: KerasObject, new: KerasObject) -> None:
    """Gives a new sublayer the old one's place among those of its owner, before it is assigned.

    Keras orders weights by when their layers were assigned; without this, files of weights would not fit.

    Args:
        owner: The layer with the attribute, or the list or dict that Keras has made of an attribute.
        old: The sublayer that is there; nothing happens if the owner does not track it.
        new: The one that will be assigned.
    """
    tracker = owner._tracker if isinstance(owner, keras.layers.Layer) else owner.tracker
    if tracker.is_in_store("layers", old):
        tracker.replace_tracked_value("layers", old, new)


def backend_functions() -> Any:
    """The module of the backend's functions by which Keras computes every activation.

    Layers, `keras.activations` and `keras.ops` look them up there at every call, so that whoever puts another function
    in an attribute's place sees them all, however they were imported.
    """
    return importlib.import_module(f"keras.src.backend.{keras.backend.backend()}.nn")


def composed_activations() -> dict[str, Any]:
    """Name of an activation -> class whose `static_call` computes it from several functions of the backend."""
    module = importlib.import_module("keras.src.activations.activations")
    return {"relu": module.ReLU, "mish": module.Mish}


def mask_of(tensor: Any) -> Any:
    """The mask that Keras has attached to a tensor, or `None`."""
    return importlib.import_module("keras.src.backend.common.masking").get_keras_mask(tensor)


def variable_index(optimizer: KerasObject, variable: KerasObject) -> int:
    """Position of a variable among those that an optimizer was built for.

    Keras's own optimizers find their slots so; `update_step` gets a variable, which may be a replica's.
    """
    index: int = optimizer._get_variable_index(variable)
    return index


def build_on(model: KerasObject, batch: tuple[Any, ...]) -> None:
    """Builds a compiled model's metrics and optimizer as `fit` does, without a step.

    Whoever writes the loop of the training needs their variables before the first step.
    """
    model._symbolic_build(data_batch=batch)


def first_batch(iterator: Iterable[Any]) -> Any:
    """The first batch of what Keras's trainers iterate over, as it comes.

    Its items are tuples of the steps (one number or, in other versions, two) and the batches: a list of them
    on JAX, an iterator on TensorFlow.
    """
    batches = next(item[-1] for item in iterator)
    return batches[0] if isinstance(batches, (list, tuple)) else next(batches)


def frozen(function: Any) -> Any:
    """A concrete function of TensorFlow's without calls in it, and with constants for its variables.

    Gradients of a call go through all that is called. What there is in public only writes files of this.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(function, lower_control_flow=False)


class ChoosesExample(keras.Model):
    """A model that chooses the batch on which Keras builds it before the first step.

    Keras calls the model on the first batch as it comes. That is not what every model takes, and the strategy of
    several workers cannot reduce a whole batch at once, as Keras does to get one.
    """

    def example(self, first: Callable[[], Any], strategy: Any) -> Any:
        """The batch to build the model on, or `None` to let Keras take the first.

        Args:
            first: Function that draws the first batch.
            strategy: The `tf.distribute` strategy of the model, if there is one.
        """
        return None

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        # On TensorFlow, which builds beforehand on replicas only; `distribute_strategy` has a default without them.
        strategy = self._distribute_strategy
        if iterator is not None and strategy is not None:
            chosen = self.example(lambda: _local(strategy, first_batch(iterator)), strategy)
            if chosen is not None:
                data_batch, iterator = chosen, None
        super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)

    def _symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        # On JAX, and on TensorFlow by way of the method above.
        chosen = self.example(lambda: first_batch(iterator) if data_batch is None else data_batch, None)
        if chosen is not None:
            data_batch, iterator = chosen, None
        super()._symbolic_build(iterator=iterator, data_batch=data_batch)


def write_once(archive: Any) -> None:
    """Lets a `keras.export.ExportArchive` write each variable once.

    It tracks Keras's variables as well as those of TensorFlow that they are made of, and a SavedModel then holds the
    values of both.

    Args:
        archive: With its layers tracked.
    """
    for name in ("variables", "trainable_variables", "non_trainable_variables"):
        found = getattr(archive._tf_trackable, name)
        setattr(archive._tf_trackable, name, [getattr(variable, "value", variable) for variable in found])


def _local(strategy: Any, batch: Any) -> Any:
    """A batch of all replicas as the first one of this process sees it."""
    return keras.tree.map_structure(lambda value: strategy.experimental_local_results(value)[0], batch)
