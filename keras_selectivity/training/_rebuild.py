"""Copies a Keras model with some of its layers swapped, weights and all."""

from collections.abc import Callable
from typing import Any
from typing import TypeAlias

import keras
import numpy as np
from keras import tree

from keras_selectivity._errors import InputError
from keras_selectivity._types import Array
from keras_selectivity._types import KerasObject
from keras_selectivity.training._checks import check_built
from keras_selectivity.training._layers import children
from keras_selectivity.training._layers import is_container
from keras_selectivity.training._layers import is_graph
from keras_selectivity.training._layers import join
from keras_selectivity.training._transfer import transfer

# Path, layer and its copy -> what takes the copy's place
Swap: TypeAlias = Callable[[str, KerasObject, KerasObject], KerasObject]


def rebuild(model: KerasObject, swap: Swap, state: bool = True) -> KerasObject:
    """Copies a built model, replacing each layer by what `swap` returns for it.

    Args:
        model: A built Functional, Sequential or subclassed model. Subclassed models and layers
            need `get_config`, as for saving. Not changed.
        swap: `swap(path, original, copy) -> layer`, called for every layer without sublayers; the
            copy has the original's configuration and, once the model is built, gets its weights.
        state: Whether the copy gets the model's weights and whatever else it keeps.

    Returns:
        The copy, with the weights and random-number states of the original.

    Raises:
        InputError: This is not a model, or not a built one, or a part of it cannot be copied.
    """
    check_built(model)
    copies: dict[int, KerasObject] = {}
    pairs: list[tuple[KerasObject, KerasObject]] = []
    copy = _copy(model, "", swap, copies, pairs)
    if not copy.built:
        copy(example_inputs(model), training=False)
    for original, fresh in reversed(pairs):  # the outer first, since they set their sublayers' `trainable`
        transfer(original, fresh, state)
    return copy


def input_specs(network: KerasObject) -> Any:
    """A `keras.InputSpec` of a batch of each input, in the structure of a built network's input.

    Raises:
        InputError: The shape of the input is not known.
    """
    if is_graph(network):
        # A single input may stand in a list; Keras takes it without.
        sequential = isinstance(network, keras.Sequential)
        alone = sequential or (len(network.inputs) == 1 and not isinstance(network.input, dict))
        return tree.map_structure(
            lambda t: keras.layers.InputSpec(dtype=t.dtype, shape=t.shape, name=t.name),
            network.inputs[0] if alone else network.input,
        )
    shape = (network.get_build_config() or {}).get("input_shape")
    nested = shape if isinstance(shape, dict) else None
    shapes: Any = list(nested.values()) if nested else [shape]
    if not all(_is_shape(each) for each in shapes):
        raise InputError(
            f"The input shape of {network.name!r} is not known. Call the model on one batch, "
            "passed as its only argument, before regularising it."
        )
    specs = [
        keras.layers.InputSpec(dtype="float32", shape=(None, *each[1:]), name="inputs") for each in shapes
    ]
    return dict(zip(nested, specs, strict=True)) if nested else specs[0]


def _is_shape(shape: Any) -> bool:
    return (
        bool(shape)
        and isinstance(shape, (tuple, list))
        and all(n is None or isinstance(n, int) for n in shape)
    )


# Lengths of free axes (of tokens, or rows and columns of pixels) in the order in which they are tried: networks have a
# largest number of tokens, or a smallest picture
_LENGTHS = (32, 16, 8, 4, 2, 1, 64, 128, 256)


def _zeros(shape: Any, dtype: Any) -> Array:
    return np.full(shape, "", object) if dtype == "string" else np.zeros(shape, dtype)


def example_inputs(network: KerasObject, fill: Callable[[Any, Any], Array] = _zeros) -> Any:
    """One sample of zeros (empty texts), or of what `fill(shape, dtype)` returns, in the structure of a built network's
    input.

    Axes of any length have the first of some lengths that the network takes.

    Raises:
        InputError: The shape of the input is not known, or the network takes none of the lengths.
    """
    specs = input_specs(network)
    flat = tree.flatten(specs)

    def examples(length: int, fill: Callable[[Any, Any], Array]) -> Any:
        def example(spec: Any) -> Any:
            first, *others = spec.shape
            return fill([first or 1, *(n or length for n in others)], spec.dtype)

        return tree.map_structure(example, specs)

    if all(None not in spec.shape[1:] for spec in flat):
        return examples(0, fill)
    reasons = []
    for length in _LENGTHS:
        try:
            network(examples(length, _zeros), training=False)
            return examples(length, fill)
        except Exception as error:  # whatever layers raise for a shape that they do not take
            reasons.append(str(error).strip().partition("\n")[0][:200])
    raise InputError(
        f"{network.name!r} takes inputs of no length among {', '.join(map(str, _LENGTHS))} ({reasons[0]}). Give its "
        "keras.Input a fixed shape."
    )


def random_inputs(network: KerasObject) -> Any:
    """As `example_inputs`, with random numbers in [0, 1], of 0 and 1 if they are integers, or letters if they are
    texts."""
    rng = np.random.default_rng(0)

    def fill(shape: Any, dtype: Any) -> Array:
        if dtype == "string":
            return rng.choice(list("abcdefgh"), shape).astype(object)
        whole = not str(dtype).startswith(("float", "bfloat"))
        return (rng.integers(0, 2, shape) if whole else rng.random(shape, "float32")).astype(
            "float32" if dtype == "bfloat16" else dtype
        )

    return example_inputs(network, fill)


def _copy(
    layer: KerasObject,
    path: str,
    swap: Swap,
    copies: dict[int, KerasObject],
    pairs: list[tuple[KerasObject, KerasObject]],
) -> KerasObject:
    if id(layer) in copies:  # shared by two models
        return copies[id(layer)]
    if is_graph(layer):
        copies[id(layer)] = keras.models.clone_model(
            layer, clone_function=lambda child: _copy(child, join(path, child.name), swap, copies, pairs)
        )
        pairs.append((layer, copies[id(layer)]))
        return copies[id(layer)]
    return _replace(layer, _fresh(layer), path, swap, copies, pairs)


def _replace(
    layer: KerasObject,
    fresh: KerasObject,
    path: str,
    swap: Swap,
    copies: dict[int, KerasObject],
    pairs: list[tuple[KerasObject, KerasObject]],
) -> KerasObject:
    """What stands in for `fresh`, an unbuilt twin of `layer`, in the copy."""
    if is_graph(layer) or id(layer) in copies:
        return _copy(layer, path, swap, copies, pairs)
    if is_container(layer):
        _replace_children(layer, fresh, path, swap, copies, pairs)
    else:
        fresh = swap(path, layer, fresh)
    if isinstance(layer, keras.layers.Layer):
        pairs.append((layer, fresh))
    copies[id(layer)] = fresh
    return fresh


def _replace_children(
    layer: KerasObject,
    fresh: KerasObject,
    path: str,
    swap: Swap,
    copies: dict[int, KerasObject],
    pairs: list[tuple[KerasObject, KerasObject]],
) -> None:
    twins = children(fresh)
    for name, (child, _) in children(layer).items():
        if name not in twins:
            raise InputError(
                f"{join(path, name)!r} is created after the constructor of {type(layer).__name__!r} "
                "has run, so a copy of the layer lacks it. Create sublayers in __init__, or wrap "
                "the layer in ks.UnitMeans yourself and use ks.SelectivityModel(model, alpha)."
            )
        twin, setter = twins[name]
        new = _replace(child, twin, join(path, name), swap, copies, pairs)
        if new is not twin:
            if setter is None:
                raise InputError(f"{join(path, name)!r} stands in a tuple; keep sublayers in a list.")
            setter(new)


def _fresh(layer: KerasObject) -> KerasObject:
    try:
        return type(layer).from_config(layer.get_config())
    except Exception as error:  # the code of the layer's author
        raise InputError(
            f"Cannot copy {layer.name!r} of class {type(layer).__name__!r} ({error}). Give the "
            "class a get_config method, or wrap its activations in ks.UnitMeans yourself and use "
            "ks.SelectivityModel(model, alpha)."
        ) from error
