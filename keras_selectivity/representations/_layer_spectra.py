"""Spectra of all layers of a trained classifier, for images or for what a perturbation changes."""

from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._inputs import count
from keras_selectivity._inputs import part_of
from keras_selectivity._progress import Bar
from keras_selectivity._types import Array
from keras_selectivity._wrap import measures
from keras_selectivity.representations._dimensionality import RunningCovariance
from keras_selectivity.representations._dimensionality import Spectrum
from keras_selectivity.representations._dimensionality import spectrum


@measures
def layer_spectra(
    exported: Exported,
    images: Any,
    perturbed: Any = None,
    *,
    layers: Iterable[str] | None = None,
    full_maps: bool = False,
    batch_size: int = 250,
    verbose: int = 1,
) -> dict[str, Spectrum]:
    """Spectrum of every layer's activations, or of their change under a perturbation.

    The activations are those of the units (spatial means, all layers in one streaming pass), or the
    full maps, flattened, one layer after the other. With `perturbed` it is the clean activations
    minus the perturbed ones. ("On the relationship between class selectivity, dimensionality, and
    robustness", section 2 and appendix A.1.5.)

    Args:
        exported: What `keras_selectivity.load` or `wrap` returns, or a Keras model.
        images: `(n, ...)` inputs; of images uint8, or floats in [0, 1].
        perturbed: The same images in the same order, perturbed. Defaults to None.
        layers: Names of layers. Defaults to all.
        full_maps: Use every position of the maps, not their spatial means. Defaults to False.
        batch_size: Images at a time. Defaults to 250.
        verbose: 0 shows no progress bar.

    Returns:
        Dict, layer name -> `Spectrum`.

    Raises:
        InputError: Fewer than two images, as many perturbed ones as there are not clean ones, an
            unknown layer, or activations that are not finite (naming the layer).
    """
    images = exported.prepared(images)
    samples = count(images)
    if perturbed is not None:
        perturbed = exported.prepared(perturbed)
        if count(perturbed) != samples:
            raise InputError(f"{samples} clean images come with {count(perturbed)} perturbed ones.")
    if samples < 2:
        raise InputError(f"Dimensionality needs at least two images. Received: {samples}.")
    names = exported.layers(layers)
    whole_number("batch_size", batch_size, 1)
    starts = range(0, samples, batch_size)
    steps = len(starts) * (len(names) if full_maps else 1)

    def read(start: int, function: Callable[..., Any]) -> dict[str, Array]:
        part = slice(start, start + batch_size)
        found = function(part_of(images, part))
        if perturbed is None:
            return {name: np.asarray(found[name], np.float32) for name in names}
        other = function(part_of(perturbed, part))
        return {name: np.asarray(found[name], np.float64) - np.asarray(other[name]) for name in names}

    with Bar(steps, "batch", verbose) as progress:
        if not full_maps:
            running = {name: RunningCovariance(exported.units[name]) for name in names}
            for start in starts:
                for name, values in read(start, exported.unit_means).items():
                    _named(name, running[name].update, values)
                progress.add()
            return {name: running[name].spectrum() for name in names}
        spectra = {}
        for name in names:
            collected = None
            for start in starts:
                values = read(start, exported.activations)[name]
                values = values.reshape(len(values), -1)
                if collected is None:
                    collected = np.empty([samples, values.shape[1]], np.float32)
                collected[start : start + len(values)] = values
                progress.add()
            spectra[name] = _named(name, spectrum, collected)
        return spectra


def _named(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except InputError as error:
        raise InputError(f"Layer {name}: {error}") from error
