"""Selectivity of every unit of a trained classifier on a whole data set."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._inputs import part_of
from keras_selectivity._predictions import Predictions
from keras_selectivity._progress import Bar
from keras_selectivity._progress import batches
from keras_selectivity._types import Array
from keras_selectivity._wrap import measures
from keras_selectivity.selectivity import ClassStatistics

MEASURES = (
    "selectivity",
    "discriminability",
    "preferred_class",
    "mean_activation",
    "sd_activation",
    "dead",
)


@dataclass(frozen=True)
class LayerSelectivity:
    """Measures of the units of one layer, each a `(units,)` array.

    Attributes:
        name: Name of the layer.
        selectivity: Class selectivity index, in [0, 1].
        discriminability: Class discriminability d', non-negative.
        preferred_class: Class with the largest mean activation.
        mean_activation: Mean over all samples.
        sd_activation: Population standard deviation over all samples.
        dead: Whether the unit is zero for every sample.
    """

    name: str
    selectivity: np.ndarray
    discriminability: np.ndarray
    preferred_class: np.ndarray
    mean_activation: np.ndarray
    sd_activation: np.ndarray
    dead: np.ndarray


@dataclass(frozen=True)
class SelectivityMeasurement:
    """What `measure_selectivity` found.

    Attributes:
        layers: One `LayerSelectivity` per tapped layer, in the order of the calls.
        accuracy: Share of samples classified correctly.
        samples: Number of samples.
        class_counts: `(classes,)` samples of each class.
        mean_logit_margin: Mean over the samples of the true class's logit minus the largest of the others.
    """

    layers: tuple[LayerSelectivity, ...]
    accuracy: float
    samples: int
    class_counts: np.ndarray
    mean_logit_margin: float

    @property
    def mean(self) -> float:
        """Mean selectivity: over the units of a layer first, then over layers."""
        return float(np.mean([layer.selectivity.mean() for layer in self.layers]))

    @property
    def mean_over_units(self) -> float:
        """Mean selectivity over all units of all layers, in which wide layers count more."""
        return float(np.mean(np.concatenate([layer.selectivity for layer in self.layers])))

    @property
    def dead_units(self) -> float:
        """Share of units that no sample activates."""
        return float(np.mean(np.concatenate([layer.dead for layer in self.layers])))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Tidy rows, one value each: the network's, each layer's, then each unit's.

        Yields:
            Dicts with `layer` and `unit` (`None` for what belongs to the network or a layer),
            `measure` and `value`. Layers have the mean and standard deviation of the selectivity
            over units and the share of dead units.
        """

        def row(layer: str | None, unit: int | None, measure: str, value: Any) -> dict[str, Any]:
            return {"layer": layer, "unit": unit, "measure": measure, "value": value}

        yield row(None, None, "accuracy", self.accuracy)
        yield row(None, None, "mean_logit_margin", self.mean_logit_margin)
        yield row(None, None, "mean_selectivity", self.mean)
        yield row(None, None, "mean_selectivity_over_units", self.mean_over_units)
        yield row(None, None, "dead_units", self.dead_units)
        for layer in self.layers:
            yield row(layer.name, None, "units", len(layer.selectivity))
            yield row(layer.name, None, "mean_selectivity", float(layer.selectivity.mean()))
            yield row(layer.name, None, "sd_selectivity", float(layer.selectivity.std()))
            yield row(layer.name, None, "dead_units", float(layer.dead.mean()))
        for layer in self.layers:
            for unit in range(len(layer.selectivity)):
                for measure in MEASURES:
                    yield row(layer.name, unit, measure, getattr(layer, measure)[unit].item())

    def __str__(self) -> str:
        width = max(len("mean over layers"), *(len(layer.name) for layer in self.layers))
        lines = [f"{'layer':{width}}  units  selectivity     sd   dead"]
        lines += [
            f"{layer.name:{width}}  {len(layer.selectivity):5d}  {layer.selectivity.mean():11.4f}  "
            f"{layer.selectivity.std():.3f}  {layer.dead.mean():5.1%}"
            for layer in self.layers
        ]
        lines.append(
            f"{'mean over layers':{width}}  {sum(len(layer.selectivity) for layer in self.layers):5d}  "
            f"{self.mean:11.4f}         {self.dead_units:5.1%}"
        )
        lines.append(f"accuracy {self.accuracy:.2%} on {self.samples:,} samples")
        return "\n".join(lines)


@measures
def measure_selectivity(
    exported: Exported, dataset: Any, *, batch_size: int = 500, verbose: int = 1
) -> SelectivityMeasurement:
    """Measures every unit of a trained classifier on a whole data set, in one streaming pass.

    Class-conditional means are accumulated in float64 and constant memory. Units that can be
    negative (leaky ReLU) are shifted by their minimum over the data set first. ("Selectivity
    considered harmful", section 3.2 and appendix A.14.) Warns of an accuracy that is no more than
    chance although the predictions are confident.

    Args:
        exported: What `keras_selectivity.load` or `wrap` returns, or a Keras model.
        dataset: `(images, labels)` arrays, or an iterable of such pairs (a `tf.data.Dataset`).
            Images are uint8, or floats in [0, 1]; other inputs as the network takes them, several of
            them in a list or dict. Labels are integers, `(n,)` or `(n, 1)`.
        batch_size: Batch size for arrays. Defaults to 500.
        verbose: 0 shows no progress bar.

    Returns:
        A `SelectivityMeasurement`.

    Raises:
        InputError: The model offers no units or they are not what it says of them, its values are not
            finite, images are no pixels in [0, 1], or the data set is empty or holds fewer than two
            classes.
    """
    names = exported.layers()
    statistics = ClassStatistics(exported.classes, sum(exported.units.values()))
    predictions = Predictions()
    for images, labels in _parts(exported, dataset, batch_size, verbose):
        means = exported.unit_means(images)
        statistics.update(np.concatenate([np.asarray(means[n]) for n in names], axis=1), labels)
        predictions.add(exported.logits(images), labels)
    if not predictions.samples:
        raise InputError("The data set is empty.")
    if (statistics.counts > 0).sum() < 2:
        raise InputError("Selectivity needs samples of at least two classes; the data set has one.")
    return SelectivityMeasurement(
        _by_layer(exported, statistics),
        predictions.accuracy(),
        predictions.samples,
        statistics.counts.astype(int),
        predictions.mean_margin(),
    )


def shifted_units(exported: Exported, names: Iterable[str]) -> Array:
    """Which units of these layers, one after the other, can be negative: `(units,)` bool."""
    return np.concatenate([np.full(exported.units[name], exported.shifts[name]) for name in names])


def selectivity_of(statistics: ClassStatistics, shifted: Array, names: Sequence[str] | Array) -> Array:
    """Selectivity index of every unit, in [0, 1].

    Args:
        statistics: `ClassStatistics` of the units of some layers.
        shifted: `(units,)` bool: units whose minimum is subtracted first.
        names: `(units,)` name of each unit's layer.

    Raises:
        InputError: The index is not defined, for a unit that is not shifted is negative.
    """
    negative = (statistics.class_means.min(axis=0) < 0) & ~shifted
    if negative.any():
        unit = int(np.argmax(negative))
        raise InputError(
            f"Layer {names[unit]} has units that are negative, down to {statistics.minimum[unit]:.3g}, for which "
            "the selectivity index leaves [0, 1]. Wrap the layer with ks.UnitMeans(layer, shift=True)."
        )
    return statistics.selectivity(shifted)


def _parts(exported: Exported, dataset: Any, batch_size: int, verbose: int) -> Iterator[tuple[Any, Array]]:
    """Inputs and labels, a batch at a time."""
    if _is_pair(dataset) and not all(_is_pair(batch) and np.ndim(batch[1]) for batch in dataset):
        images, labels = exported.samples(*dataset)
        for part in batches(len(labels), batch_size, verbose):
            yield exported.prepared(part_of(images, part)), labels[part]
        return
    if not isinstance(dataset, Iterable) or isinstance(dataset, np.ndarray):
        raise InputError(
            f"The data set must be (images, labels), or an iterable of such batches; got {type(dataset).__name__}."
        )
    indexed = isinstance(dataset, keras.utils.PyDataset)
    items: Any = dataset
    with Bar(len(items) if indexed else None, "batch", verbose) as progress:
        for batch in (items[i] for i in range(len(items))) if indexed else items:
            if not _is_pair(batch):
                raise InputError(
                    f"A batch of the data set must be (images, labels). Received: {type(batch).__name__}."
                )
            images, labels = exported.samples(*batch)
            if len(labels):
                yield exported.prepared(images), labels
            progress.add()


def _is_pair(value: Any) -> bool:
    """Whether it may be `(images, labels)`; two of these are two batches."""
    return isinstance(value, tuple | list) and len(value) == 2


def _by_layer(exported: Exported, statistics: ClassStatistics) -> tuple[LayerSelectivity, ...]:
    names = exported.layer_names
    of_unit = np.repeat(names, [exported.units[name] for name in names])
    values = {
        "selectivity": selectivity_of(statistics, shifted_units(exported, names), of_unit),
        "discriminability": statistics.discriminability(),
        "preferred_class": statistics.preferred_class,
        "mean_activation": statistics.means,
        "sd_activation": statistics.deviations,
        "dead": statistics.dead,
    }
    ends = np.cumsum(list(exported.units.values()))[:-1]
    parts = {measure: np.split(value, ends) for measure, value in values.items()}
    return tuple(
        LayerSelectivity(name, **{measure: parts[measure][i] for measure in MEASURES})
        for i, name in enumerate(exported.layer_names)
    )
