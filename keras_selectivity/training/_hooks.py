"""Taps in place: activations of a network's own layers are handed over while somebody collects, and at no other
time."""

import contextlib
import functools
import itertools
import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from keras_selectivity._keras_private import mask_of
from keras_selectivity._types import Tensor
from keras_selectivity.training._nonlinearities import handled
from keras_selectivity.training._nonlinearities import intercepting
from keras_selectivity.training._unit_means import Reading
from keras_selectivity.training._unit_means import hand_over
from keras_selectivity.training._unit_means import masked
from keras_selectivity.training._unit_means import token_mask

# Arguments by which layers are told which tokens of a sequence count.
_MASKS = ("mask", "padding_mask")


class Hooks:
    """What is called in place of some layers' `call` while unit means are collected.

    Nothing stays on the layers: `opened` puts the hooks there and takes them away again.

    Args:
        readings: Layer and, by number of a non-linearity in its call or `None` for its output, how to read it. A layer
            without any keeps its non-linearities from being counted as those of the layer that calls it.
    """

    def __init__(self, readings: Iterable[tuple[Any, dict[int | None, Reading]]]) -> None:
        self.readings = list(readings)
        self._open = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """The scope in which layers are hooked; scopes of several threads may overlap."""
        with self._lock:
            if not self._open:
                for layer, readings in self.readings:
                    vars(layer)["call"] = functools.partial(_call, layer.call, readings)
            self._open += 1
        try:
            with intercepting():
                yield
        finally:
            with self._lock:
                self._open -= 1
                if not self._open:
                    for layer, _ in self.readings:
                        del vars(layer)["call"]


def masks_given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The mask of tokens, `(batch, tokens)`, that a layer is called with, as an argument or by Keras; or `None`."""
    found = [kwargs[name] for name in _MASKS if kwargs.get(name) is not None]
    found += [mask for mask in map(mask_of, args[:1]) if mask is not None]
    return next((mask for mask in found if len(getattr(mask, "shape", ())) == 2), None)


def _call(call: Callable[..., Any], readings: dict[int | None, Reading], *args: Any, **kwargs: Any) -> Any:
    count = itertools.count()

    def read(_: str, outputs: Tensor) -> Tensor:
        reading = readings.get(next(count))
        return outputs if reading is None else hand_over(outputs, reading, token_mask(outputs, None))

    mask = masks_given(args, kwargs)
    with masked(mask) if mask is not None else contextlib.nullcontext():
        with handled(read):
            outputs = call(*args, **kwargs)
        own = readings.get(None)
        return (
            outputs
            if own is None
            else hand_over(outputs, own, token_mask(outputs, args[0] if args else None))
        )
