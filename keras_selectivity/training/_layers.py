"""The layers that a model is made of, where they are held, and how one takes another's place."""

import functools
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import TypeAlias

import keras

from keras_selectivity._keras_private import track_instead
from keras_selectivity._types import KerasObject

# Puts another layer into a sublayer's place
Setter: TypeAlias = Callable[[KerasObject], None]


def is_graph(layer: KerasObject) -> bool:
    """Whether the layer is a Functional or Sequential model, whose layers Keras itself can swap."""
    return isinstance(layer, keras.Sequential) or hasattr(layer, "operations")


def is_container(layer: KerasObject) -> bool:
    """Whether sublayers are to be looked for in the attributes of this layer.

    True for models and layers of users' own classes. Wrappers count as one layer, and Keras's own
    composite layers (RNNs, attention) call their sublayers in loops, where nothing can be collected.
    """
    own = type(layer).__module__.startswith("keras.") or isinstance(layer, keras.layers.Wrapper)
    return not own and not is_graph(layer) and bool(children(layer))


def children(layer: KerasObject) -> dict[str, tuple[KerasObject, Setter | None]]:
    """Sublayers held in attributes, and in lists, tuples and dicts of attributes.

    Returns:
        A dict, path such as `"blocks.0"` -> `(sublayer, setter)`; `setter(new)` replaces it and is
        `None` inside a tuple.
    """
    reserved = vars(keras.Model())
    found: dict[str, tuple[KerasObject, Setter | None]] = {}

    def visit(path: str, value: Any, setter: Setter | None) -> None:
        if isinstance(value, keras.layers.Layer):
            found[path] = (value, setter)
        elif isinstance(value, dict):
            for key, item in value.items():
                visit(f"{path}.{key}", item, functools.partial(_set_item, value, key))
        elif isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                setter = functools.partial(_set_item, value, index) if isinstance(value, list) else None
                visit(f"{path}.{index}", item, setter)

    for name, value in list(vars(layer).items()):
        if name not in reserved and not name.startswith("_self_"):  # TensorFlow keeps such copies
            visit(name, value, functools.partial(_set_attribute, layer, name))
    return found


def _set_attribute(layer: KerasObject, name: str, new: KerasObject) -> None:
    track_instead(layer, getattr(layer, name), new)
    setattr(layer, name, new)


def _set_item(items: Any, index: Any, new: KerasObject) -> None:
    track_instead(items, items[index], new)
    items[index] = new


def walk(layer: KerasObject, path: str = "", whole: bool = False) -> Iterator[tuple[str, KerasObject]]:
    """All layers and operations without sublayers, as `(path, layer)`; the others before theirs if `whole`."""
    if is_graph(layer):
        items = layer.layers if isinstance(layer, keras.Sequential) else layer.operations
        items = [(item.name, item) for item in items]
    elif is_container(layer):
        items = [(name, child) for name, (child, _) in children(layer).items()]
    else:
        yield path, layer
        return
    if whole:
        yield path, layer
    for name, item in items:
        yield from walk(item, join(path, name), whole)


def join(path: str, name: str) -> str:
    """Path of a layer inside a nested model: `"backbone/relu_1"`."""
    return f"{path}/{name}" if path else name
