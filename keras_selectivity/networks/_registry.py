"""The networks by name: those of this package, those that a script registers, and those that other packages offer."""

import functools
import inspect
from collections.abc import Callable
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points
from typing import cast

from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject

# Where other packages name theirs: `NAME = "package.module:function"`
GROUP = "keras_selectivity.networks"
OURS = ("resnet20", "resnet8", "resnet18", "resnet50", "vgg16", "vit", "convnext")
_registered: dict[str, Callable[..., KerasObject]] = {}


def register(name: str, build: Callable[..., KerasObject]) -> None:
    """Makes a network known to studies and to the command line, in this process.

    A package makes its own known in every process, those that a study starts as well, by an entry point of the group
    `keras_selectivity.networks`.

    Args:
        name: What study files and `--network` call it.
        build: Function of `classes` and `input_shape`, `(height, width, 3)`, that returns a built `keras.Model` with
            new weights, from float32 pixels in [0, 1] to `(batch, classes)` logits. A study with leaky ReLUs passes
            `negative_slope`, too.

    Raises:
        InputError: There is one of this name, or `build` is no function.
    """
    if name in names():
        raise InputError(f"There is a network {name} already. Register this one under another name.")
    if not callable(build):
        raise InputError(f"{name} needs a function that builds it. Received: {build!r}.")
    _registered[name] = build


def names() -> tuple[str, ...]:
    """Names of all networks. None is imported for it."""
    return tuple(dict.fromkeys((*OURS, *_registered, *_offered())))


def build(name: str, classes: int, input_shape: Sequence[int], negative_slope: float = 0.0) -> KerasObject:
    """Builds a network by its name.

    Args:
        name: One of `names()`.
        classes: Number of classes.
        input_shape: `(height, width, 3)`.
        negative_slope: Slope of leaky ReLUs below zero.

    Returns:
        A `keras.Model`: pixels in [0, 1] to `(batch, classes)` logits.

    Raises:
        InputError: The name is unknown, an entry point cannot be loaded, the network has no `negative_slope`, or what
            was built is no such model.
    """
    import keras

    function, shape = _find(name), tuple(input_shape)
    slope = {"negative_slope": negative_slope} if negative_slope else {}
    if slope and "negative_slope" not in inspect.signature(function).parameters:
        raise InputError(f"{name} takes no negative_slope. Leave out negative_slope = {negative_slope}.")
    model = function(classes=classes, input_shape=shape, **slope)
    if not isinstance(model, keras.Model) or not model.built:
        raise InputError(f"{name} must return a built keras.Model. It returned {model!r:.90}.")
    for side, expected in ("input", (None, *shape)), ("output", (None, classes)):
        found = getattr(model, f"{side}_shape", expected)  # a subclass of Model knows neither
        if not _fits(found, expected):
            raise InputError(
                f"{name} was asked for an {side} of {expected}. It returned a model with {found}."
            )
    return model


def _find(name: str) -> Callable[..., KerasObject]:
    if name in OURS:
        return cast(Callable[..., KerasObject], getattr(import_module(__package__), name))
    if name in _registered:
        return _registered[name]
    if name not in _offered():
        raise InputError(f"Unknown network {name!r}. Choose one of {', '.join(names())}.")
    entry = _offered()[name]
    try:
        function = entry.load()
    except Exception as error:
        raise InputError(
            f"The network {name!r} of {entry.value} cannot be used ({error}). Mend or uninstall it."
        ) from error
    if not callable(function):
        raise InputError(f"The network {name!r} of {entry.value} is no function. Mend or uninstall it.")
    return cast(Callable[..., KerasObject], function)


@functools.cache  # every configuration asks for it, and it looks through all that is installed
def _offered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _fits(found: object, expected: tuple[int | None, ...]) -> bool:
    """Whether a shape is the expected one, or leaves open what it is."""
    if not isinstance(found, tuple) or len(found) != len(expected):
        return False
    return all(size in (None, wanted) for size, wanted in zip(found, expected, strict=True))
