"""`Exported`: a trained classifier as the evaluators see it."""

import contextlib
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._checks import array
from keras_selectivity._errors import InputError
from keras_selectivity._inputs import Inputs
from keras_selectivity._inputs import count
from keras_selectivity._samples import checked_labels
from keras_selectivity._types import Array
from keras_selectivity._types import Tensor

_NOT_FINITE = "keras_selectivity: "
_NO_UNITS = (
    "This is a foreign SavedModel, which offers logits only. Load its .keras file, or export it with "
    "keras_selectivity.export, to see its units."
)


class Exported:
    """A classifier as the evaluators see it. Its functions are differentiable in their input.

    Attributes:
        layer_names: Tapped layers in the order of the calls; empty for a foreign SavedModel.
        units: Units of each layer, name -> int.
        shifts: Whether a layer's output can be negative, name -> bool.
        classes: Number of classes.
        inputs: Name, shape, type and range of every input, and whether they come alone, in a list or in a dict. An
            input that has a range takes values in [0, 1] here, whatever the network itself expects; one without takes
            them as they are.
        run: The content of `run.json`; empty for a foreign model.
        fingerprint: Twelve hexadecimal digits that tell this network's files from another's.
    """

    def __init__(
        self,
        functions: dict[str, Callable[..., Any]],
        layers: list[dict[str, Any]],
        classes: int,
        inputs: Inputs,
        run: dict[str, Any],
        fingerprint: str,
    ) -> None:
        self._functions = functions
        self._compiled: dict[Any, Any] = {}
        self.owner: Any = None  # what holds the variables, which the functions hold only weakly
        self.layer_names = [layer["name"] for layer in layers]
        self.units = {layer["name"]: layer["units"] for layer in layers}
        self.shifts = {layer["name"]: layer["shift"] for layer in layers}
        self.classes = classes
        self.inputs = inputs
        self.run = run
        self.fingerprint = fingerprint

    @property
    def input_shape(self) -> tuple[int | None, ...] | None:
        """Shape of one sample of the only input, `(height, width, channels)` of an image; `None` stands for any
        size."""
        return None if self.inputs.one is None else self.inputs.one.shape

    @property
    def pixel_range(self) -> tuple[float, float] | None:
        """What the network itself expects for pixels 0 and 1; `None` if values go in as they are."""
        return None if self.inputs.one is None else self.inputs.one.range

    @property
    def bounds(self) -> tuple[float, float]:
        """Between what values of the only input lie here: 0 and 1, or infinities."""
        return (0.0, 1.0) if self.pixel_range else (-np.inf, np.inf)

    def __repr__(self) -> str:
        units = f"{len(self.layer_names)} layers with {sum(self.units.values())} units"
        expects = (
            ", network takes pixels from {:g} to {:g}".format(*self.pixel_range) if self.pixel_range else ""
        )
        return (
            f"<Exported {self.fingerprint}: {self.inputs}, {self.classes} classes, "
            f"{units if self.layer_names else 'no units'}{expects}>"
        )

    def logits(self, x: Tensor) -> Tensor:
        """`(n, ...)` inputs, of images pixels in [0, 1], to `(n, classes)` float32 logits."""
        return self._logits("logits", x)

    def unit_means(self, x: Tensor) -> dict[str, Tensor]:
        """Spatial mean of every unit: a dict, layer name -> `(n, units)` float32."""
        return self._by_layer("unit_means", x)

    def inlined_unit_means(self, x: Tensor) -> dict[str, Tensor]:
        """The same for a tensor of the graph that is being built, as part of that graph where it can be.

        `tf.gradients` of a layer's then stop at that layer; those of a call go through the whole network, whatever the
        layer.
        """
        return self._by_layer("inlined_unit_means", x)

    def activations(self, x: Tensor) -> dict[str, Tensor]:
        """Full activations: a dict, layer name -> `(n, ..., units)`."""
        return self._by_layer("activations", x)

    def ablated_logits(self, x: Tensor, keep: ArrayLike, fill: ArrayLike) -> Tensor:
        """Logits with units replaced by constants, in every position of their maps.

        Args:
            x: `(n, ...)` inputs, of images pixels in [0, 1].
            keep: `(units,)` floats, all layers in order: 1 leaves a unit alone, 0 replaces it.
            fill: `(units,)` floats: what a unit is replaced by.
        """
        if "ablated_logits" not in self._functions:
            raise InputError(
                _NO_UNITS
                if "unit_means" not in self._functions
                else "This SavedModel is older than ablation. Export the network again."
            )
        units = sum(self.units.values())
        keep, fill = array("keep", keep, "units"), array("fill", fill, "units")
        if len(keep) != units or len(fill) != units:
            raise InputError(
                f"keep and fill must have {units} numbers, one per unit. Received: {len(keep)}, {len(fill)}."
            )
        return self._logits("ablated_logits", x, keep, fill)

    def samples(self, x: Any, labels: ArrayLike) -> tuple[Any, Array]:
        """Inputs and labels that fit each other and the network.

        Args:
            x: As for `prepared`.
            labels: `(n,)` or `(n, 1)` integers.

        Returns:
            `(x, labels)`: an array, or a structure of arrays, for `prepared`, whole or in parts; and `(n,)` int64.

        Raises:
            InputError: Type, shape or number do not fit, or a label is not one of the network's classes.
        """
        x = self.inputs.checked(x)
        return x, self.labels(labels, count(x))

    def prepared(self, x: Any) -> Any:
        """Inputs for the methods of this class.

        Args:
            x: `(n, ...)`, in a list or dict if the network takes that. With a range: uint8, or floats in [0, 1], of
                which a rounding error of up to 1e-5 beyond is clipped. Else numbers, integers or text, whatever the
                network takes.

        Returns:
            The same structure of arrays: float32 for floats and pixels.

        Raises:
            InputError: Type, shape or range do not fit; what was found, and what to do.
        """
        return self.inputs.prepared(self.inputs.checked(x))

    def differentiable(self, x: ArrayLike) -> Array:
        """As `prepared`, for what takes gradients: a single input of floats.

        Raises:
            InputError: Also if the network takes anything else.
        """
        self.inputs.require_gradient()
        found: Array = self.prepared(x)
        return found

    def labels(self, labels: ArrayLike, samples: int) -> Array:
        """Labels as an int64 array of length `samples`.

        Raises:
            InputError: They are no integers of this network's classes, or not as many.
        """
        return checked_labels(labels, samples, self.classes)

    def layers(self, names: Iterable[str] | None = None) -> list[str]:
        """Names of layers: those given, or all.

        Raises:
            InputError: A name is unknown, or the model offers no layers.
        """
        if not self.layer_names:
            raise InputError(
                _NO_UNITS if "unit_means" not in self._functions else "The model has no layer with units."
            )
        if names is None:
            return list(self.layer_names)
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise InputError(f"layers must be a list of names of layers. Received: {names!r}.")
        names = list(names)
        unknown = [str(name) for name in names if name not in self.layer_names]
        if unknown or not names:
            what = f"Unknown layers {', '.join(unknown)}." if names else "Name at least one layer."
            raise InputError(f"{what} There are {', '.join(self.layer_names)}.")
        return names

    def compiled(self, function: Callable[..., Any], *options: Hashable) -> Any:
        """`function(self, *options)`, made once and kept: a `tf.function` that a second call reuses."""
        key = (function, *options)
        if key not in self._compiled:
            self._compiled[key] = function(self, *options)
        return self._compiled[key]

    def _by_layer(self, name: str, x: Tensor) -> dict[str, Tensor]:
        if name not in self._functions:
            raise InputError(_NO_UNITS)
        with finite_or_error():
            values = self._call(name, x)
            return {layer: finite(values[layer], f"layer {layer}") for layer in self.layer_names}

    def _logits(self, name: str, x: Tensor, *others: Tensor) -> Tensor:
        with finite_or_error():
            return finite(self._call(name, x, *others), "logits")

    def _call(self, name: str, x: Any, *others: Tensor) -> Any:
        import tensorflow as tf

        flat = []
        for value, spec in zip(self.inputs.flatten(x), self.inputs.specs(), strict=True):
            what = "pixels" if self.pixel_range else "inputs"
            try:
                # Keras SavedModels refuse other types instead of casting them.
                value = tf.convert_to_tensor(value)
                if self.pixel_range and value.dtype.is_integer:
                    raise TypeError(f"not {value.dtype.name}: give it images through prepared() first")
                value = value if value.dtype == spec.dtype else tf.cast(value, spec.dtype)
            except (TypeError, ValueError, tf.errors.OpError) as error:
                raise InputError(f"The network takes {what} of {spec.dtype.name} ({error}).") from error
            if not value.shape.is_compatible_with(spec.shape):
                wanted = ", ".join(str(n or "any") for n in spec.shape[1:])
                raise InputError(f"The network takes {what} of shape (n, {wanted}). Received: {value.shape}.")
            if tf.executing_eagerly() and spec.dtype.is_floating:  # rectifiers may swallow what is not finite
                finite(value, f"the {what}")
            flat.append(value)
        return self._functions[name](*flat, *(tf.cast(other, tf.float32) for other in others))


@contextlib.contextmanager
def finite_or_error() -> Iterator[None]:
    """Makes an `InputError` of TensorFlow's, when a value that must be finite is not."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        where = str(error).partition(_NOT_FINITE)[2].partition(" :")[0]
        if not where:
            raise
        raise InputError(
            f"Values are not finite (NaN or infinity): {where}. The network's training may have diverged."
        ) from error


def finite(values: Tensor, where: str) -> Tensor:
    """The values, which raise an error, also from within a graph, if one of them is not finite."""
    import tensorflow as tf

    return tf.debugging.check_numerics(values, f"{_NOT_FINITE}{where}")
