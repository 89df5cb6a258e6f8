"""A Keras classifier as the functions that a SavedModel offers, and what `run.json` says of it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._samples import scaled
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor


def instrumented(model: KerasObject) -> tuple[KerasObject, Any, dict[str, Any]]:
    """The network of a model with its units tapped.

    Args:
        model: A `SelectivityModel`, or any built Keras classifier, which is then instrumented.

    Returns:
        `(network, hooks, record)`: hooks as `collecting` takes them; the record says where the network comes from, its `layers`, its number of
        `classes`, how its logits are had (`outputs`) and the `input_shape` of one sample.

    Raises:
        InputError: It is no built Keras classifier with one input and one output, both floats.
    """
    from keras_selectivity.training import SelectivityModel
    from keras_selectivity.training import instrument
    from keras_selectivity.training import kind_of_outputs
    from keras_selectivity.training import probe

    record: dict[str, Any] = {"alpha": None, "metric": None, "regularized": []}
    if isinstance(model, SelectivityModel):
        alpha = model.alpha
        alpha = alpha if isinstance(alpha, float) else {"class": type(alpha).__name__, **alpha.get_config()}
        record = {"alpha": alpha, "metric": model.metric, "regularized": model.regularized}
        network, hooks = model.network, model.hooks
    else:
        found = instrument(model)
        network, hooks = found.network, found.hooks
    shape = _input_shape(network)
    taps, _, width = probe(network, hooks)
    record["classes"] = max(width, 2)
    record["layers"] = [{"name": t.name, "units": t.units, "shift": t.shift} for t in taps]
    record["outputs"] = kind_of_outputs(lambda x: network(x, training=False), shape)
    return network, hooks, {**record, "input_shape": list(shape)}


def endpoints(
    network: KerasObject,
    fast: KerasObject,
    record: dict[str, Any],
    pixel_range: tuple[float, float],
    hooks: Any = None,
) -> dict[str, Callable[..., Any]]:
    """Functions by name, to be traced: `logits`, `unit_means`, `activations` and `ablated_logits`.

    Each takes float32 pixels in [0, 1]; the last one also what to keep of every unit, and what to put
    in its place.

    Args:
        network: An instrumented network.
        fast: The same for logits alone, as `folded` gives it.
        record: What `instrumented` says of it.
        pixel_range: What the network expects for pixels 0 and 1.
        hooks: What `instrumented` opens its taps by.
    """
    from keras_selectivity.training import as_logits
    from keras_selectivity.training import collecting
    from keras_selectivity.training import full_output

    layers = record["layers"]

    def outputs(x: Tensor, of: KerasObject = network) -> Tensor:
        return of(scaled(x, pixel_range), training=False)

    def logits(x: Tensor) -> Tensor:
        return as_logits(outputs(x, fast), record["outputs"])

    def unit_means(x: Tensor) -> dict[str, Tensor]:
        with collecting(hooks=hooks) as found:
            outputs(x)
        return found

    def activations(x: Tensor) -> dict[str, Tensor]:
        with collecting(read=full_output, hooks=hooks) as found:
            outputs(x)
        return found

    def ablated_logits(x: Tensor, keep: Tensor, fill: Tensor) -> Tensor:
        parts = iter(zip(_split(keep, layers), _split(fill, layers), strict=True))
        with collecting(
            read=lambda outputs, reading, _: (_replaced(outputs, reading.data_format, *next(parts)), None),
            hooks=hooks,
        ):
            return as_logits(outputs(x), record["outputs"])

    functions = {"logits": logits, "unit_means": unit_means, "activations": activations}
    return {**functions, "ablated_logits": ablated_logits} if layers else functions


def _input_shape(network: KerasObject) -> tuple[int, ...]:
    """Shape of one sample of a network with a single input, which holds floats."""
    import keras

    from keras_selectivity.training import example_inputs

    batch = example_inputs(network)
    if not isinstance(batch, np.ndarray):
        raise InputError(f"Only classifiers with one input can be measured; {network.name!r} has several.")
    if not keras.backend.is_float_dtype(str(batch.dtype)):
        raise InputError(f"Only classifiers of floats can be measured; {network.name!r} takes {batch.dtype}.")
    return batch.shape[1:]


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
