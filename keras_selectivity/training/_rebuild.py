"""Copies a Keras model with some of its layers swapped, weights and all."""

import keras
import numpy as np
from keras import tree

from keras_selectivity._errors import InputError


def is_graph(layer):
    """Whether the layer is a Functional or Sequential model, whose layers Keras itself can swap."""
    return isinstance(layer, keras.Sequential) or hasattr(layer, "operations")


def is_container(layer):
    """Whether sublayers are to be looked for in the attributes of this layer.

    True for models and layers of users' own classes. Wrappers count as one layer, and Keras's own
    composite layers (RNNs, attention) call their sublayers in loops, where nothing can be collected.
    """
    own = type(layer).__module__.startswith("keras.") or isinstance(layer, keras.layers.Wrapper)
    return not own and not is_graph(layer) and bool(children(layer))


def children(layer):
    """Sublayers held in attributes, and in lists, tuples and dicts of attributes.

    Returns:
        A dict, path such as `"blocks.0"` -> `(sublayer, setter)`; `setter(new)` replaces it and is
        `None` inside a tuple.
    """
    reserved = vars(keras.Model())
    found = {}

    def visit(path, value, setter):
        if isinstance(value, keras.layers.Layer):
            found[path] = (value, setter)
        elif isinstance(value, dict):
            for key, item in value.items():
                visit(f"{path}.{key}", item, lambda new, key=key: _set_value(value, key, new))
        elif isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                setter = (lambda new, i=index: _set_item(value, i, new)) if isinstance(value, list) else None
                visit(f"{path}.{index}", item, setter)

    for name, value in list(vars(layer).items()):
        if name not in reserved and not name.startswith("_self_"):  # TensorFlow keeps such copies
            visit(name, value, lambda new, name=name: _set_attribute(layer, name, new))
    return found


# Keras goes on tracking a sublayer whose place another one has taken, with its variables; each
# setter lets go of the old one first.
def _set_attribute(layer, name, new):
    layer._tracker.untrack(getattr(layer, name))
    setattr(layer, name, new)


def _set_item(items, index, new):
    del items[index]
    items.insert(index, new)


def _set_value(mapping, key, new):
    content = {**mapping, key: new}  # the order matters to whoever iterates over it
    for name in content:
        mapping.pop(name)
    mapping.update(content)


def join(path, name):
    """Path of a layer inside a nested model: `"backbone/relu_1"`."""
    return f"{path}/{name}" if path else name


def rebuild(model, swap):
    """Copies a built model, replacing each layer by what `swap` returns for it.

    Args:
        model: A built Functional, Sequential or subclassed model. Subclassed models and layers
            need `get_config`, as for saving. Not changed.
        swap: `swap(path, original, copy) -> layer`, called for every layer without sublayers; the
            copy has the original's configuration and, once the model is built, gets its weights.

    Returns:
        The copy, with the weights and random-number states of the original.

    Raises:
        InputError: The model is not built, or a part of it cannot be copied.
    """
    if not model.built:
        raise InputError(
            f"The model {model.name!r} has no weights yet. "
            "Give it an Input layer, or call it on a batch, before regularising it."
        )
    pairs = []
    copy = _copy(model, "", swap, pairs)
    if not copy.built:
        copy(example_inputs(model), training=False)
    for original, fresh in pairs:
        _transfer(original, fresh)
    return copy


def example_inputs(network):
    """One sample of zeros in the structure, shape and dtype of a built network's input."""
    if is_graph(network):
        # A single input may stand in a list; Keras takes it without.
        spec = network.inputs[0] if len(network.inputs) == 1 else network.input
        return tree.map_structure(lambda t: np.zeros([1, *(n or 32 for n in t.shape[1:])], t.dtype), spec)
    shape = (network.get_build_config() or {}).get("input_shape")
    if (
        not shape
        or not isinstance(shape, (tuple, list))
        or not all(n is None or isinstance(n, int) for n in shape)
    ):
        raise InputError(
            f"The input shape of {network.name!r} is not known. Call the model on one batch, "
            "passed as its only argument, before regularising it."
        )
    return np.zeros([1, *(n or 32 for n in shape[1:])], "float32")


def _copy(layer, path, swap, pairs):
    if is_graph(layer):
        return keras.models.clone_model(
            layer, clone_function=lambda child: _copy(child, join(path, child.name), swap, pairs)
        )
    return _replace(layer, _fresh(layer), path, swap, pairs)


def _replace(layer, fresh, path, swap, pairs):
    """What stands in for `fresh`, an unbuilt twin of `layer`, in the copy."""
    if is_graph(layer):
        return _copy(layer, path, swap, pairs)
    if not is_container(layer):
        fresh = swap(path, layer, fresh)
        if isinstance(layer, keras.layers.Layer):
            pairs.append((layer, fresh))
        return fresh
    twins = children(fresh)
    for name, (child, _) in children(layer).items():
        if name not in twins:
            raise InputError(
                f"{join(path, name)!r} is created after the constructor of {type(layer).__name__!r} "
                "has run, so a copy of the layer lacks it. Create sublayers in __init__, or wrap "
                "the layer in ks.UnitMeans yourself and use ks.SelectivityModel(model, alpha)."
            )
        twin, setter = twins[name]
        new = _replace(child, twin, join(path, name), swap, pairs)
        if new is not twin:
            if setter is None:
                raise InputError(f"{join(path, name)!r} stands in a tuple; keep sublayers in a list.")
            setter(new)
    pairs.append((layer, fresh))
    return fresh


def _fresh(layer):
    try:
        return type(layer).from_config(layer.get_config())
    except (NotImplementedError, TypeError) as error:
        raise InputError(
            f"Cannot copy {layer.name!r} of class {type(layer).__name__!r} ({error}). Give the "
            "class a get_config method, or wrap its activations in ks.UnitMeans yourself and use "
            "ks.SelectivityModel(model, alpha)."
        ) from error


def _own_variables(layer):
    """Variables of the layer that are not a sublayer's: weights and random-number states."""
    inner = children(layer).values() if is_container(layer) else ()
    elsewhere = {id(v) for child, _ in inner for v in child.variables}
    elsewhere.update(id(v) for v in layer.metrics_variables)
    return [v for v in layer.variables if id(v) not in elsewhere]


def _transfer(original, fresh):
    fresh.trainable = original.trainable
    sources, targets = _own_variables(original), _own_variables(fresh)
    if [v.shape for v in sources] != [v.shape for v in targets]:
        raise InputError(
            f"The copy of {original.name!r} has other variables than the original: "
            f"{[tuple(v.shape) for v in targets]} instead of {[tuple(v.shape) for v in sources]}."
        )
    for source, target in zip(sources, targets, strict=True):
        target.assign(source)
