"""Makes a fresh copy of a layer hold the state of the original."""

import tempfile
from typing import Any

import keras

from keras_selectivity._errors import InputError
from keras_selectivity._keras_private import flatten_layers
from keras_selectivity._types import KerasObject
from keras_selectivity.training._layers import children
from keras_selectivity.training._layers import is_container
from keras_selectivity.training._layers import is_graph
from keras_selectivity.training._unit_means import UnitMeans


def transfer(original: KerasObject, fresh: KerasObject, state: bool = True) -> None:
    """Copies what is frozen, and weights, random-number states and what layers keep besides.

    Args:
        original: A layer.
        fresh: Its copy; either may be wrapped in `UnitMeans`.
        state: False if only what is frozen is wanted.

    Raises:
        InputError: The copy has other variables, or does not take the original's state.
    """
    original = original.layer if isinstance(original, UnitMeans) else original
    # On TensorFlow, setting what a layer has already is lost on its sublayers, so every wrapper must have it.
    fresh.trainable = original.trainable
    if is_graph(original):  # its layers have what else there is
        return
    fresh = fresh.layer if isinstance(fresh, UnitMeans) else fresh
    sources, targets = _own_variables(original), _own_variables(fresh)
    if [v.shape for v in sources] != [v.shape for v in targets]:
        raise InputError(
            f"The copy of {original.name!r} has other variables than the original: "
            f"{[tuple(v.shape) for v in targets]} instead of {[tuple(v.shape) for v in sources]}."
        )
    for ours, theirs in zip(_parts(original), _parts(fresh), strict=False) if state else ():
        try:
            _load_state(ours, theirs)
        except Exception as error:  # the code of the layer's author
            raise InputError(
                f"The state of {ours.name!r} cannot be copied: its class {type(ours).__name__!r} does not "
                f"load what it saves ({error})."
            ) from error
    fresh.trainable = original.trainable  # of what is wrapped
    # What a layer saves need not be all it holds: LoRA merges its update into the kernel.
    for source, target in zip(sources, targets, strict=True):
        if state:
            target.assign(source)
        target.trainable = source.trainable


def _parts(layer: KerasObject) -> list[KerasObject]:
    """The layer, and the sublayers whose state nobody else copies."""
    return [layer] if is_container(layer) else flatten_layers(layer)


def _load_state(ours: KerasObject, theirs: KerasObject) -> None:
    """Through the methods by which Keras saves, if the layer has its own."""
    if type(ours).load_own_variables is not keras.layers.Layer.load_own_variables:
        store: dict[str, Any] = {}
        ours.save_own_variables(store)
        theirs.load_own_variables(store)
    if hasattr(ours, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            ours.save_assets(folder)
            theirs.load_assets(folder)


def _own_variables(layer: KerasObject) -> list[Any]:
    """Variables of the layer that are not a sublayer's: weights and random-number states."""
    inner = children(layer).values() if is_container(layer) else ()
    elsewhere = {id(v) for child, _ in inner for v in child.variables}
    elsewhere.update(id(v) for v in layer.metrics_variables)
    return [v for v in layer.variables if id(v) not in elsewhere]
