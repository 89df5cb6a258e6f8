"""Every measure of every unit of a trained classifier, and how the measures go together."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from keras_selectivity._checks import LARGEST_INT32
from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._inputs import part_of
from keras_selectivity._progress import batches
from keras_selectivity._types import Array
from keras_selectivity._wrap import measures
from keras_selectivity.representations._unit_selectivity import selectivity_of
from keras_selectivity.representations._unit_selectivity import shifted_units
from keras_selectivity.selectivity import ClassStatistics
from keras_selectivity.selectivity import active_share
from keras_selectivity.selectivity import mutual_information
from keras_selectivity.selectivity import precision

MEASURES = ("selectivity", "discriminability", "precision", "mutual_information", "active_share")
"""What `LayerUnits` holds of every unit."""


@dataclass(frozen=True)
class LayerUnits:
    """Measures of the units of one layer, each a `(units,)` array.

    Attributes:
        name: Name of the layer.
        selectivity: Class selectivity index, in [0, 1].
        discriminability: Class discriminability d', not negative.
        precision: Share of the most common class among the most activating samples.
        mutual_information: Of activation and class, in bits, beyond that of shuffled labels.
        active_share: Share of samples with a positive activation.
        preferred_class: Class with the largest mean activation.
        dead: Zero for every sample.
        sparse: Active for fewer than half of the samples.
    """

    name: str
    selectivity: np.ndarray
    discriminability: np.ndarray
    precision: np.ndarray
    mutual_information: np.ndarray
    active_share: np.ndarray
    preferred_class: np.ndarray
    dead: np.ndarray
    sparse: np.ndarray


@measures
def measure_units(
    exported: Exported,
    images: Any,
    labels: ArrayLike,
    *,
    layers: Iterable[str] | None = None,
    top: int | None = None,
    bins: int | None = None,
    shuffles: int = 5,
    seed: int = 0,
    batch_size: int = 500,
    verbose: int = 1,
) -> list[LayerUnits]:
    """All single-unit measures on a whole data set.

    ("Selectivity considered harmful", appendices A.10, A.11, A.13, A.14.) The units' activations
    are held in memory as float32.

    Args:
        exported: What `keras_selectivity.load` or `wrap` returns, or a Keras model.
        images: `(n, ...)` inputs; of images uint8, or floats in [0, 1].
        labels: `(n,)` integers of at least two classes.
        layers: Names of layers. Defaults to all.
        top: Samples that count for the precision. Defaults to the mean number per class.
        bins: Bins of the mutual information. Defaults to `keras_selectivity.selectivity.information_bins(labels)`.
        shuffles: Shuffles of the labels that the mutual information is corrected by. Defaults to 5.
        seed: Seed of the order of ties for the precision, and of the shuffles.
        batch_size: Images at a time. Defaults to 500.
        verbose: 0 shows no progress bar.

    Returns:
        A list of `LayerUnits`, one per layer.

    Raises:
        InputError: The model offers no units, a layer is unknown, images or labels do not fit, or
            activations are not finite or a layer is not what the model says of it.
    """
    names = exported.layers(layers)
    bins = bins if bins is None else whole_number("bins", bins, 1, LARGEST_INT32)
    shuffles, seed = whole_number("shuffles", shuffles, 1, LARGEST_INT32), whole_number("seed", seed, 0)
    top = top if top is None else whole_number("top", top, 1)
    activations, labels = collect_units(
        exported, images, labels, names, batch_size=batch_size, verbose=verbose
    )
    found = []
    for name in names:
        values = activations.pop(name)
        statistics = ClassStatistics(exported.classes, values.shape[1])
        try:
            statistics.update(values, labels)
            precise = precision(values, labels, top=top, seed=seed)
        except ValueError as error:
            raise InputError(f"Layer {name}: {error}") from error
        share = active_share(values)
        found.append(
            LayerUnits(
                name,
                selectivity_of(statistics, shifted_units(exported, [name]), [name] * values.shape[1]),
                statistics.discriminability(),
                precise,
                mutual_information(values, labels, bins=bins, shuffles=shuffles, seed=seed),
                share,
                statistics.preferred_class,
                statistics.dead,
                share < 0.5,
            )
        )
    return found


@measures
def collect_units(
    exported: Exported,
    images: Any,
    labels: ArrayLike,
    layers: Iterable[str] | None = None,
    *,
    batch_size: int = 500,
    verbose: int = 1,
) -> tuple[dict[str, Array], Array]:
    """Unit activations of a whole data set.

    Returns:
        `(activations, labels)`: dict, layer name -> `(n, units)` float32; and `(n,)` int64.

    Raises:
        InputError: The model offers no units, a layer is unknown, images or labels do not fit, or
            there are fewer than two classes.
    """
    names = exported.layers(layers)
    images, labels = exported.samples(images, labels)
    if len(np.unique(labels)) < 2:
        raise InputError("Measures of units need samples of at least two classes.")
    found = {name: np.empty([len(labels), exported.units[name]], np.float32) for name in names}
    for part in batches(len(labels), batch_size, verbose):
        means = exported.unit_means(exported.prepared(part_of(images, part)))
        for name in names:
            found[name][part] = means[name]
    return found, labels


def rank_correlations(layers: Iterable[LayerUnits]) -> dict[tuple[str, str], tuple[float, float]]:
    """Spearman's rank correlation between the measures, over all units that are not dead.

    ("Selectivity considered harmful", appendix A.14.)

    Args:
        layers: What `measure_units` returns.

    Returns:
        Dict, pair of names of measures -> `(correlation, p-value)`.

    Raises:
        InputError: Fewer than three units are alive.
    """
    alive = ~np.concatenate([layer.dead for layer in layers])
    if alive.sum() < 3:
        raise InputError(f"Rank correlations need at least three units that are not dead; {alive.sum()} are.")
    values = {name: np.concatenate([getattr(layer, name) for layer in layers])[alive] for name in MEASURES}
    found = {}
    for number, first in enumerate(MEASURES):
        for second in MEASURES[number + 1 :]:
            if np.ptp(values[first]) == 0 or np.ptp(values[second]) == 0:
                found[first, second] = (float("nan"), float("nan"))
                continue
            result = stats.spearmanr(values[first], values[second])
            found[first, second] = (float(result.statistic), float(result.pvalue))
    return found
