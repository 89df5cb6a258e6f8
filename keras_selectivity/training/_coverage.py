"""The non-linearities of a network that no layer shows: those in its compiled graph, by the layer they lie in."""

import collections
import re
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras

from keras_selectivity._types import KerasObject
from keras_selectivity.training._layers import walk
from keras_selectivity.training._nonlinearities import handled
from keras_selectivity.training._nonlinearities import intercepting
from keras_selectivity.training._observe import calls_through
from keras_selectivity.training._trace import scope
from keras_selectivity.training._trace import trace

# Operations of TensorFlow graphs and JAX programs. A maximum counts if one side is zero.
_KINDS = {
    "Relu",
    "Relu6",
    "LeakyRelu",
    "Elu",
    "Selu",
    "Softplus",
    "Sigmoid",
    "Tanh",
    "Erf",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "softplus",
    "logistic",
    "tanh",
    "erf",
}
_MAXIMUM = {"Maximum", "max"}
_SEEN = "intercepted_nonlinearity"


def uncovered(network: KerasObject, inputs: Any) -> dict[str, collections.Counter[str]]:
    """Counts the non-linearities in the graph of a network that are computed by none of the functions of `KNOWN`.

    Args:
        network: A built model, which is traced but not run.
        inputs: A batch of inputs.

    Returns:
        A dict, path of the layer in whose `call` they lie (the deepest that has one; `""` for the network's
        own) -> `Counter` of the names of operations.
    """
    layers = dict(walk(network, whole=True))
    paths = list(layers)
    numbers = {id(layer): number for number, layer in enumerate(layers.values())}

    def around(layer: KerasObject, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with scope(f"tap.{numbers[id(layer)]}"), handled(lambda _, value: value, lambda: scope(_SEEN)):
            return call(*args, **kwargs)

    with calls_through(layers.values(), around), intercepting():
        program = trace(lambda x: network(x, training=False), inputs)
    found = _jax_equations(program, "") if keras.backend.backend() == "jax" else _tensorflow_graph(program)
    counts: dict[str, collections.Counter[str]] = {}
    for place, kind in found:
        if _SEEN in place:
            continue
        numbered = re.findall(r"tap\.(\d+)", place)
        path = paths[int(numbered[-1])] if numbered else ""
        counts.setdefault(path, collections.Counter())[kind] += 1
    return counts


def _tensorflow_graph(graph: Any) -> Iterator[tuple[str, str]]:
    graph = graph.as_graph_def()
    bodies = {body.signature.name: body.node_def for body in graph.library.function}
    yield from _tensorflow_nodes(graph.node, bodies, "")


def _tensorflow_nodes(nodes: Any, bodies: Any, outer: Any) -> Iterator[tuple[str, str]]:
    by_name = {node.name: node for node in nodes}
    for node in nodes:
        place = f"{outer}/{node.name}"
        if node.op in _KINDS or (node.op in _MAXIMUM and any(_is_zero(by_name, n) for n in node.input)):
            yield place, node.op
        for value in node.attr.values():
            for called in (value.func.name, *(f.name for f in value.list.func)):
                if called in bodies:
                    yield from _tensorflow_nodes(bodies[called], bodies, place)


def _is_zero(by_name: dict[str, Any], name: str) -> bool:
    import tensorflow as tf

    node = by_name.get(name.split(":")[0].lstrip("^"))
    return node is not None and node.op == "Const" and not tf.make_ndarray(node.attr["value"].tensor).any()


def _jax_equations(program: Any, outer: Any) -> Iterator[tuple[str, str]]:
    for equation in program.eqns:
        place = f"{outer}/{equation.source_info.name_stack}"
        kind = equation.primitive.name
        named = equation.params.get("name")
        if kind in _KINDS or (kind in _MAXIMUM and any(_is_literal_zero(v) for v in equation.invars)):
            yield place, kind
        elif isinstance(named, str) and named in _KINDS:
            yield place, named
        else:
            for value in equation.params.values():
                for body in value if isinstance(value, tuple) else (value,):
                    body = getattr(body, "jaxpr", body)
                    if hasattr(body, "eqns"):
                        yield from _jax_equations(body, place)


def _is_literal_zero(variable: Any) -> bool:
    value = getattr(variable, "val", None)
    return value is not None and getattr(value, "size", 1) == 1 and float(value) == 0
