"""How much the units' responses depend on the input, and how evenly."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._progress import batches
from keras_selectivity._types import Array
from keras_selectivity._types import Tensor
from keras_selectivity._wrap import measures
from keras_selectivity.robustness._pullback import squared_norms


@dataclass(frozen=True)
class LayerUnitGradients:
    """Norms of the input-unit gradients of one layer.

    Attributes:
        name: Name of the layer.
        width: Number of units of the layer.
        units: `(u,)` indices of the units that were measured.
        mean: `(u,)` mean norm over samples.
        deviation: `(u,)` population standard deviation over samples.
        samples: Number of samples.
    """

    name: str
    width: int
    units: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    samples: int

    @property
    def dead(self) -> Array:
        """`(u,)` bool: units whose gradient is zero for every sample."""
        return self.mean == 0

    @property
    def variation_over_samples(self) -> Array:
        """`(u,)` coefficient of variation CV_u of every unit; NaN for dead ones."""
        return np.divide(self.deviation, self.mean, out=np.full(self.mean.shape, np.nan), where=~self.dead)

    @property
    def variation_over_units(self) -> float:
        """Coefficient of variation CV_l of the mean norms of the units that are not dead."""
        means = self.mean[~self.dead]
        return float(means.std() / means.mean()) if len(means) else float("nan")


@measures
def input_unit_gradients(
    exported: Exported,
    images: ArrayLike,
    *,
    layers: Iterable[str] | None = None,
    units_per_layer: int | None = 64,
    seed: int = 0,
    batch_size: int = 50,
    verbose: int = 1,
) -> list[LayerUnitGradients]:
    """L2 norm of d unit / d input for every unit and sample, summarised over samples.

    A unit is the spatial mean of a channel after its non-linearity. The more these norms vary over
    samples and over units, the less evenly the network draws on its input. ("Linking average- and
    worst-case perturbation robustness via class selectivity and dimensionality"; the papers do not
    print the formulas, these are L2 norm, CV_u = sd / mean over samples, CV_l = sd / mean over
    units of the mean norms, with population standard deviations.)

    Args:
        exported: What `keras_selectivity.load` or `wrap` returns, or a Keras model.
        images: `(n, ...)` floats; of images uint8, or floats in [0, 1]; a thousand or
            more for results to report.
        layers: Names of layers. Defaults to all.
        units_per_layer: Most units to measure in a layer; in wider ones as many are drawn at
            random. `None` measures all. Defaults to 64.
        seed: Seed of that draw.
        batch_size: Images at a time. Defaults to 50.
        verbose: 0 shows no progress bar.

    Returns:
        A list of `LayerUnitGradients`, one per layer.

    Raises:
        InputError: The model offers no units, a layer is unknown, there are no images, or an
            argument is out of its range.
    """
    images = exported.differentiable(images)
    if not len(images):
        raise InputError("There are no images.")
    layers = exported.layers(layers)
    if units_per_layer is not None:
        whole_number("units_per_layer", units_per_layer, 1)
    whole_number("seed", seed, 0)
    chosen = {name: _drawn(exported, name, units_per_layer, seed) for name in layers}
    units = [chosen[name].astype(np.int32) for name in layers]
    function = exported.compiled(_norms, *layers)
    total, squares = np.zeros((2, sum(map(len, units))))
    for part in batches(len(images), batch_size, verbose):
        found = np.asarray(function(images[part], units), np.float64)
        total, squares = total + np.sqrt(found).sum(axis=0), squares + found.sum(axis=0)
    mean = total / len(images)
    deviation = np.sqrt(np.maximum(squares / len(images) - mean**2, 0))
    ends = np.cumsum([len(chosen[name]) for name in layers])[:-1]
    return [
        LayerUnitGradients(name, exported.units[name], chosen[name], mu, sigma, len(images))
        for name, mu, sigma in zip(layers, np.split(mean, ends), np.split(deviation, ends), strict=True)
    ]


def _drawn(exported: Exported, name: str, most: int | None, seed: int) -> Array:
    """Indices of the units of a layer to measure."""
    width = exported.units[name]
    if most is None or most >= width:
        return np.arange(width)
    rng = np.random.default_rng([seed, exported.layer_names.index(name)])
    return np.sort(rng.choice(width, most, replace=False))


def _norms(exported: Exported, *layers: str) -> Any:
    """Squared norms of gradients of units: `(n, units of all layers)`."""
    units = [tf.TensorSpec([None], tf.int32)] * len(layers)

    @tf.function(input_signature=[*exported.inputs.specs(), units], autograph=False)
    def norms(images: Tensor, units: list[Tensor]) -> Tensor:
        means = exported.inlined_unit_means(images)
        found = [_of_layer(means[name], images, chosen) for name, chosen in zip(layers, units, strict=True)]
        return tf.concat(found, axis=1)

    return norms


def _of_layer(means: Tensor, images: Tensor, units: Tensor) -> Tensor:
    def pulled_back(unit: Tensor) -> Tensor | None:
        chosen = tf.one_hot(tf.fill([tf.shape(images)[0]], unit), means.shape[1], dtype=means.dtype)
        # Unlike a tape, this can begin within the network
        return tf.gradients(means, images, chosen)[0]

    return squared_norms(pulled_back, units)
