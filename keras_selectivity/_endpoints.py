"""A Keras classifier as the functions that a SavedModel offers, and what `run.json` says of it."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._inputs import Input
from keras_selectivity._inputs import Inputs
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor


def instrumented(
    model: KerasObject, pixel_range: Any, output: Any = None, nonlinearities: str | None = None
) -> tuple[KerasObject, Any, Inputs, dict[str, Any]]:
    """The network of a model with its units tapped.

    Args:
        model: A `SelectivityModel`, or any built Keras classifier, which is then instrumented.
        pixel_range: As `Inputs.ranged` takes it.
        output: Which output holds the scores of the classes, of several.
        nonlinearities: Which are tapped where nothing is yet, as for `regularize`.

    Returns:
        `(network, hooks, inputs, record)`: hooks as `collecting` takes them; the record says where the network comes
        from, its `inputs`, its `layers`, its number of `classes` and how its logits are had (`outputs`).

    Raises:
        InputError: It is no built Keras classifier, or the range is invalid.
    """
    from keras_selectivity.training import SelectivityModel
    from keras_selectivity.training import classifier_of
    from keras_selectivity.training import instrument
    from keras_selectivity.training import kind_of_outputs
    from keras_selectivity.training import probe
    from keras_selectivity.training import varied_inputs

    record: dict[str, Any] = {"alpha": None, "metric": None, "regularized": []}
    if isinstance(model, SelectivityModel):
        alpha = model.alpha
        alpha = alpha if isinstance(alpha, float) else {"class": type(alpha).__name__, **alpha.get_config()}
        record = {"alpha": alpha, "metric": model.metric, "regularized": model.regularized}
        network, hooks = model.network, model.hooks
    else:
        found = instrument(classifier_of(model, output), nonlinearities=nonlinearities)
        network, hooks = found.network, found.hooks
    inputs = inputs_of(network).ranged(pixel_range)
    taps, _, width = probe(network, hooks)
    record["classes"] = max(width, 2)
    record["layers"] = [{"name": t.name, "units": t.units, "shift": t.shift} for t in taps]
    varied = [
        varied_inputs(tuple(n or 32 for n in part.shape), part.dtype, seed)
        for seed, part in enumerate(inputs.parts)
    ]
    record["outputs"] = kind_of_outputs(lambda x: network(x, training=False), inputs.pack(varied))
    return network, hooks, inputs, {**record, "inputs": inputs.as_json()}


def inputs_of(network: KerasObject) -> Inputs:
    """What a built Keras network takes, without ranges.

    Raises:
        InputError: The shape of its input is not known, or its inputs are nested.
    """
    import keras

    from keras_selectivity.training import input_specs

    specs = input_specs(network)
    if isinstance(specs, dict):
        kind, parts = "dict", list(specs.items())
    else:
        kind = "list" if isinstance(specs, list | tuple) else "one"
        parts = [(getattr(spec, "name", ""), spec) for spec in (specs if kind == "list" else [specs])]
    if not all(isinstance(spec, keras.layers.InputSpec) for _, spec in parts):
        raise InputError(
            f"The inputs of {network.name!r} are nested. Make a keras.Model of them that takes one flat list or dict."
        )
    return Inputs(kind, tuple(Input(name, tuple(spec.shape[1:]), spec.dtype) for name, spec in parts))


def endpoints(
    network: KerasObject, fast: KerasObject, record: dict[str, Any], inputs: Inputs, hooks: Any = None
) -> dict[str, Callable[..., Any]]:
    """Functions by name, to be traced: `logits`, `unit_means`, `activations` and `ablated_logits`.

    Each takes the inputs one after the other, as `Inputs.prepared` makes them; the last one also what to keep of every
    unit, and what to put in its place.

    Args:
        network: An instrumented network.
        fast: The same for logits alone, as `folded` gives it.
        record: What `instrumented` says of it.
        inputs: What the network takes.
        hooks: What `instrumented` opens its taps by.
    """
    from keras_selectivity.training import as_logits
    from keras_selectivity.training import collecting
    from keras_selectivity.training import full_output

    layers = record["layers"]

    def outputs(x: Sequence[Tensor], of: KerasObject = network) -> Tensor:
        native = [part.native(value) for part, value in zip(inputs.parts, x, strict=True)]
        return of(inputs.pack(native), training=False)

    def logits(*x: Tensor) -> Tensor:
        return as_logits(outputs(x, fast), record["outputs"])

    def unit_means(*x: Tensor) -> dict[str, Tensor]:
        with collecting(hooks=hooks) as found:
            outputs(x)
        return found

    def activations(*x: Tensor) -> dict[str, Tensor]:
        with collecting(read=full_output, hooks=hooks) as found:
            outputs(x)
        return found

    def ablated_logits(*arguments: Tensor) -> Tensor:
        *x, keep, fill = arguments
        parts = iter(zip(_split(keep, layers), _split(fill, layers), strict=True))
        with collecting(
            read=lambda outputs, reading, _: (_replaced(outputs, reading.data_format, *next(parts)), None),
            hooks=hooks,
        ):
            return as_logits(outputs(x), record["outputs"])

    functions = {"logits": logits, "unit_means": unit_means, "activations": activations}
    return {**functions, "ablated_logits": ablated_logits} if layers else functions


def _split(units: Tensor, layers: list[dict[str, Any]]) -> list[Tensor]:
    ends = np.cumsum([layer["units"] for layer in layers])
    return [units[end - layer["units"] : end] for end, layer in zip(ends, layers, strict=True)]


def _replaced(outputs: Tensor, data_format: str, keep: Tensor, fill: Tensor) -> Tensor:
    """Outputs of a layer with some of its units replaced."""
    from keras import ops

    shape = [1] * len(outputs.shape)
    shape[-1 if data_format == "channels_last" else 1] = -1
    keep, fill = (ops.cast(ops.reshape(v, shape), outputs.dtype) for v in (keep, fill))
    return outputs * keep + fill * (1 - keep)
