"""What a network takes: shape, type and range of each of its inputs, and arrays that are checked against them."""

import dataclasses
import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_selectivity._checks import any_array
from keras_selectivity._checks import is_float
from keras_selectivity._errors import InputError
from keras_selectivity._samples import checked_range
from keras_selectivity._samples import is_pixels
from keras_selectivity._samples import not_pixels
from keras_selectivity._samples import pixels
from keras_selectivity._samples import scaled
from keras_selectivity._types import Array
from keras_selectivity._types import Tensor

STRUCTURES = ("one", "list", "dict")
# What `pixel_range` is where nobody says it
AUTO = "auto"
_REMEDY = (
    "Export the part of the network that follows, such as what comes after the embedding, and attack that."
)


@dataclass(frozen=True)
class Input:
    """One input of a network.

    Attributes:
        name: Its name.
        shape: Shape of one sample; `None` stands for any size.
        dtype: `"float32"`, `"uint8"`, `"int32"`, `"bool"`, `"string"`, ...
        range: What the network expects for 0 and 1, between which its values lie; `None` if values go in as they are.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    range: tuple[float, float] | None = None

    @property
    def is_float(self) -> bool:
        """Whether the network takes floats."""
        return self.dtype.startswith(("float", "bfloat"))

    @property
    def is_image(self) -> bool:
        """Whether it may be an image: height, width and channels, of floats or 8 bits."""
        return len(self.shape) == 3 and (self.is_float or self.dtype == "uint8")

    @property
    def passed(self) -> str:
        """The type that the functions of an `Exported` take: floats where there is a range."""
        return "float32" if self.is_float or self.range else self.dtype

    def __str__(self) -> str:
        if self.dtype == "string" and not self.shape:
            return "texts"
        shape = " x ".join("any" if n is None else str(n) for n in self.shape) or "one number each"
        if self.range is None:
            return f"{self.dtype} of {shape}"
        return f"{'images' if self.is_image else 'values in [0, 1]'} of {shape}"

    def checked(self, values: Any, name: str) -> Array:
        """Values as an array of a type and shape that `prepared` takes.

        Args:
            values: `(n, *shape)`.
            name: What to call them.

        Raises:
            InputError: They are of another type or shape.
        """
        values = any_array(name, values)
        if values.ndim != 1 + len(self.shape) or any(
            wanted not in (None, found) for wanted, found in zip(self.shape, values.shape[1:], strict=True)
        ):
            axes = ("height", "width", "channels") if self.is_image else ("any",) * len(self.shape)
            text = ", ".join(["n", *(str(n or axis) for n, axis in zip(self.shape, axes, strict=True))])
            raise InputError(
                f"The network takes {name[0].lower()}{name[1:]} of shape ({text}). Received: {values.shape}."
            )
        if self.range is not None:
            fits = is_pixels(values)
            problem = not_pixels(name)
        elif self.dtype == "string":
            fits = values.dtype.kind in "USO" and all(isinstance(v, str | bytes) for v in values.flat)
            problem = f"{name} must be text."
        elif self.is_float:
            fits = values.dtype.kind in "iu" or is_float(values)
            problem = f"{name} must be numbers."
        else:
            fits = values.dtype.kind in "iub" and _fit(values, self.dtype)
            problem = f"{name} must be whole numbers that fit {self.dtype}."
        if values.size and not fits:
            raise InputError(f"{problem} Received: dtype {values.dtype}.")
        return values

    def prepared(self, values: Array, name: str) -> Array:
        """What the functions of an `Exported` take, of values that have been `checked`.

        Raises:
            InputError: Values lie outside the range, or are not finite.
        """
        if self.range is not None:
            return pixels(values, name)
        if self.dtype == "string":
            return values.astype(object)
        values = values.astype(self.passed)
        if self.is_float and not np.isfinite(values).all():
            raise InputError(f"{name} must be finite; got NaN or infinity.")
        return values

    def native(self, x: Tensor) -> Tensor:
        """A tensor of what `prepared` returns, in the range and type of the network."""
        from keras import ops

        if self.range is None:
            return x
        x = scaled(x, self.range)
        return x if self.is_float else ops.cast(ops.clip(ops.round(x), 0, 255), self.dtype)


@dataclass(frozen=True)
class Inputs:
    """All inputs of a network.

    Attributes:
        structure: `"one"`; or `"list"` or `"dict"`, by name, of several.
        parts: The inputs, in order.
    """

    structure: str
    parts: tuple[Input, ...]

    @property
    def one(self) -> Input | None:
        """The only input, or `None` if there are several."""
        return self.parts[0] if self.structure == "one" else None

    def ranged(self, pixel_range: Any) -> "Inputs":
        """The same inputs with a range.

        Args:
            pixel_range: What the network expects for 0 and 1; `None` for none; or `"auto"`: (0, 1) for images of
                floats, (0, 255) for those of uint8, and none for anything else.

        Raises:
            InputError: It is nothing of that, or these inputs have no range.
        """
        one = self.one
        if isinstance(pixel_range, str) and pixel_range == AUTO:
            if one is None or not one.is_image:
                return self
            pixel_range = (0.0, 1.0) if one.is_float else (0.0, 255.0)
        if pixel_range is None:
            return self
        pixel_range = checked_range(pixel_range)
        if one is None or not (one.is_float or one.dtype == "uint8"):
            raise InputError(
                f"pixel_range is for a single input of floats or uint8, and the network takes {self}. Leave it out: "
                "values go in as they are."
            )
        if one.dtype == "uint8" and not (pixel_range[0] >= 0 and pixel_range[1] <= 255):
            raise InputError(
                f"The network takes uint8, which holds 0 to 255. Received: pixel_range={pixel_range}."
            )
        return Inputs(self.structure, (dataclasses.replace(one, range=pixel_range),))

    def chosen(self, **options: Any) -> str:
        """What of a range and of other options is not as `"auto"` and `None` have it, as text; empty if nothing."""
        plain = Inputs(self.structure, tuple(dataclasses.replace(part, range=None) for part in self.parts))
        given = {name: value for name, value in options.items() if value is not None}
        if self != plain.ranged(AUTO):
            given["range"] = None if self.one is None else self.one.range
        return json.dumps(given, sort_keys=True) if given else ""

    def flatten(self, x: Any) -> list[Any]:
        """The values of a structure, in the order of `parts`.

        Raises:
            InputError: It is another structure.
        """
        names = [part.name for part in self.parts]
        if self.structure == "one":
            return [x]
        if self.structure == "dict" and isinstance(x, Mapping) and set(x) == set(names):
            return [x[name] for name in names]
        if self.structure == "list" and isinstance(x, list | tuple) and len(x) == len(names):
            return list(x)
        raise InputError(
            f"The network takes a {self.structure} of {len(names)} arrays ({', '.join(names)}). Received: "
            f"{f'a {type(x).__name__} of {len(x)}' if isinstance(x, list | tuple | Mapping) else type(x).__name__}."
        )

    def pack(self, flat: Sequence[Any]) -> Any:
        """The structure that holds these values; the reverse of `flatten`."""
        if self.structure == "one":
            return flat[0]
        return list(flat) if self.structure == "list" else dict(zip(self.names, flat, strict=True))

    @property
    def names(self) -> list[str]:
        """Names of the inputs."""
        return [part.name for part in self.parts]

    def checked(self, x: Any) -> Any:
        """A structure of arrays of types and shapes that `prepared` takes; values are not looked at.

        Raises:
            InputError: They are another structure, or of other types or shapes, or not equally many.
        """
        flat = self._each(Input.checked, self.flatten(x))
        counts = {len(values) for values in flat}
        if len(counts) > 1:
            raise InputError(f"All inputs must have equally many samples. Received: {sorted(counts)}.")
        return self.pack(flat)

    def prepared(self, x: Any) -> Any:
        """What the functions of an `Exported` take, of a structure that has been `checked`.

        Raises:
            InputError: Values lie outside their range, or are not finite.
        """
        return self.pack(self._each(Input.prepared, self.flatten(x)))

    def require_gradient(self) -> None:
        """Refuses what is not a single input of floats.

        Raises:
            InputError: Saying what to do instead.
        """
        one = self.one
        if one is None:
            raise InputError(
                f"Attacks and gradients need one input of floats; the network has {len(self.parts)} inputs "
                f"({', '.join(self.names)}). {_REMEDY}"
            )
        if one.range is not None and not one.is_float:
            raise InputError(
                "The network takes uint8, to which pixels are rounded, so it has no gradient in them. Give it a "
                "keras.Input of float32, and attack that."
            )
        if not one.is_float:
            raise InputError(f"The network takes {one}, in which there is no gradient. {_REMEDY}")

    def specs(self) -> list[Any]:
        """A `tf.TensorSpec` of a batch of each input, as the functions of an `Exported` take it."""
        import tensorflow as tf

        return [tf.TensorSpec([None, *part.shape], part.passed) for part in self.parts]

    def as_json(self) -> dict[str, Any]:
        """The same for `run.json`."""
        return {"structure": self.structure, "parts": [dataclasses.asdict(part) for part in self.parts]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Inputs":
        """What `as_json` returned, read from a file.

        Raises:
            InputError: A range is invalid.
        """
        parts = (
            Input(
                part["name"],
                tuple(part["shape"]),
                part["dtype"],
                None if part["range"] is None else checked_range(part["range"]),
            )
            for part in value["parts"]
        )
        return cls(value["structure"], tuple(parts))

    def __str__(self) -> str:
        if self.structure == "one":
            return str(self.parts[0])
        return f"a {self.structure} of " + ", ".join(f"{part.name} ({part})" for part in self.parts)

    def _each(self, function: Callable[[Input, Any, str], Any], flat: Iterable[Any]) -> list[Any]:
        if self.structure == "one":
            names = ["Images" if self.parts[0].is_image else "Inputs"]
        else:
            names = [f"Input {name!r}" for name in self.names]
        return [function(*each) for each in zip(self.parts, flat, names, strict=True)]


JSON = {
    "structure": str,
    "parts": [{"name": str, "shape": [(int, None)], "dtype": str, "range": ([float], None)}],
}


def part_of(x: Any, part: slice) -> Any:
    """Some samples of every array of a structure."""
    if isinstance(x, dict):
        return {name: values[part] for name, values in x.items()}
    return [values[part] for values in x] if isinstance(x, list) else x[part]


def count(x: Any) -> int:
    """Number of samples of a structure of arrays."""
    return len(next(iter(x.values())) if isinstance(x, dict) else x[0] if isinstance(x, list) else x)


def _fit(values: Array, dtype: str) -> bool:
    if values.dtype.kind == "b" or not values.size:
        return True
    least, most = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return bool(values.min() >= least and values.max() <= most)
