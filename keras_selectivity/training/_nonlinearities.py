"""The non-linearities that are known by name, and a scope in which a handler sees every one that is computed."""

import contextlib
import contextvars
import functools
import threading
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from typing import TypeAlias

import keras

from keras_selectivity._keras_private import backend_functions
from keras_selectivity._keras_private import composed_activations
from keras_selectivity._types import Tensor

# Name of a non-linearity and its output -> what the network computes on with
Handler: TypeAlias = Callable[[str, Tensor], Tensor]


@dataclass(frozen=True)
class Nonlinearity:
    """What is known of a non-linearity.

    Attributes:
        rectifier: Whether it is piecewise linear with a kink at zero, as those of the papers.
        negative: Whether its output can be negative.
        gate: Whether it is there to be multiplied with something, so that its outputs are no units.
    """

    rectifier: bool = False
    negative: bool = True
    gate: bool = False


_RECTIFIER, _LEAKY = Nonlinearity(rectifier=True, negative=False), Nonlinearity(rectifier=True)
_SMOOTH, _POSITIVE, _GATE = (
    Nonlinearity(),
    Nonlinearity(negative=False),
    Nonlinearity(negative=False, gate=True),
)

KNOWN = {
    "relu": _RECTIFIER, "relu6": _RECTIFIER, "leaky_relu": _LEAKY, "prelu": _LEAKY,
    "gelu": _SMOOTH, "silu": _SMOOTH, "elu": _SMOOTH, "selu": _SMOOTH, "celu": _SMOOTH, "mish": _SMOOTH,
    "hard_silu": _SMOOTH, "tanh": _SMOOTH, "hard_tanh": _SMOOTH, "softsign": _SMOOTH, "glu": _SMOOTH,
    "tanh_shrink": _SMOOTH, "soft_shrink": _SMOOTH, "hard_shrink": _SMOOTH,
    "softplus": _POSITIVE, "squareplus": _POSITIVE, "sparse_plus": _POSITIVE,
    "sigmoid": _GATE, "hard_sigmoid": _GATE, "sparse_sigmoid": _GATE,
}  # fmt: skip
_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}
# Where a framework keeps its own functions of these names.
_TENSORFLOW = ("relu", "relu6", "leaky_relu", "gelu", "silu", "swish", "elu", "selu", "tanh", "softplus", "softsign",
               "sigmoid")  # fmt: skip
_JAX = (*_TENSORFLOW, "celu", "mish", "glu", "hard_tanh", "hard_silu", "hard_swish", "hard_sigmoid", "squareplus",
        "sparse_plus", "sparse_sigmoid")  # fmt: skip

_handler: contextvars.ContextVar[Any] = contextvars.ContextVar("keras_selectivity_handler", default=None)
_lock = threading.Lock()
_replaced: list[tuple[Any, str, Any]] = []
_open = 0


def canonical(name: str) -> str:
    """The one name of a non-linearity that has several."""
    return _ALIASES.get(name, name)


@contextlib.contextmanager
def handled(handler: Handler | None, around: Callable[[], Any] = contextlib.nullcontext) -> Iterator[None]:
    """A scope in which non-linearities go through a handler: those that this thread, or trace, computes.

    Seen are the functions of `keras.ops`, `keras.activations` and Keras's layers, and those of `tf.nn` and `jax.nn`
    that are called as attributes of these modules. Of those made of others only the outermost is. Only inside
    `intercepting`.

    Args:
        handler: `handler(name, output)` returns what the network computes on with; `None` for no handler.
        around: Makes the scope in which each non-linearity is computed.
    """
    token = _handler.set(handler and (handler, around))
    try:
        yield
    finally:
        _handler.reset(token)


@contextlib.contextmanager
def intercepting() -> Iterator[None]:
    """A scope in which `handled` has an effect; without a handler, functions are what they are outside."""
    global _open
    with _lock:
        if not _open:
            _replace()
        _open += 1
    try:
        yield
    finally:
        with _lock:
            _open -= 1
            if not _open:
                for owner, name, original in reversed(_replaced):
                    setattr(owner, name, original)
                _replaced.clear()


def _replace() -> None:
    for owner, names in ((backend_functions(), KNOWN), *_framework()):
        for name in names:
            if hasattr(owner, name):
                _put(owner, name, _seen(canonical(name), getattr(owner, name)))
    for name, operation in composed_activations().items():
        _put(operation, "static_call", staticmethod(_seen(name, operation.static_call)))


def _framework() -> list[tuple[Any, tuple[str, ...]]]:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return [
            (tf.nn, _TENSORFLOW),
            (tf.math, ("softplus", "softsign", "sigmoid", "tanh")),
            (tf, ("sigmoid", "tanh")),
        ]
    if backend == "jax":
        import jax

        return [(jax.nn, _JAX), (jax.numpy, ("tanh",))]
    return []


def _put(owner: Any, name: str, value: Any) -> None:
    _replaced.append((owner, name, vars(owner).get(name, getattr(owner, name))))
    setattr(owner, name, value)


def _seen(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        if _handler.get() is None:
            return original(*args, **kwargs)
        handler, around = _handler.get()
        with handled(None), around():  # what it is made of is no non-linearity of its own
            outputs = original(*args, **kwargs)
        return handler("leaky_relu" if name == "relu" and kwargs.get("negative_slope") else name, outputs)

    return call
