"""Selectivity of every unit of a trained classifier on a whole data set."""

from dataclasses import dataclass

import keras
import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity.selectivity import ClassStatistics

MEASURES = (
    "selectivity", "discriminability", "preferred_class", "mean_activation", "sd_activation", "dead",
)  # fmt: skip


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
        layers: One `LayerSelectivity` a tapped layer, in the order of the calls.
        accuracy: Share of samples classified correctly.
        samples: Number of samples.
        class_counts: `(classes,)` samples of each class.
    """

    layers: tuple
    accuracy: float
    samples: int
    class_counts: np.ndarray

    @property
    def mean(self):
        """Mean selectivity: over the units of a layer first, then over layers."""
        return float(np.mean([layer.selectivity.mean() for layer in self.layers]))

    @property
    def dead_units(self):
        """Share of units that no sample activates."""
        return float(np.mean(np.concatenate([layer.dead for layer in self.layers])))

    def rows(self):
        """Tidy rows, one value each: the network's, each layer's, then each unit's.

        Returns:
            Dicts with `layer` and `unit` (`None` for what belongs to the network or a layer),
            `measure` and `value`. Layers have the mean and standard deviation of the selectivity
            over units and the share of dead units.
        """

        def row(layer, unit, measure, value):
            return {"layer": layer, "unit": unit, "measure": measure, "value": value}

        yield row(None, None, "accuracy", self.accuracy)
        yield row(None, None, "mean_selectivity", self.mean)
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

    def __str__(self):
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


def measure_selectivity(exported, dataset, *, batch_size=500, verbose=1):
    """Measures every unit of a trained classifier on a whole data set, in one streaming pass.

    Class-conditional means are accumulated in float64 and constant memory. Units that can be
    negative (leaky ReLU) are shifted by their minimum over the data set first. ("Selectivity
    considered harmful", section 3.2 and appendix A.14.)

    Args:
        exported: What `keras_selectivity.load` returns.
        dataset: `(images, labels)` arrays, or an iterable of such batches (a `tf.data.Dataset`).
            Images are pixels: uint8, or floats in [0, 1]. Labels are integers, `(n,)` or `(n, 1)`.
        batch_size: Batch size for arrays. Defaults to 500.
        verbose: 0 shows no progress bar.

    Returns:
        A `SelectivityMeasurement`.

    Raises:
        InputError: The model offers no units, images are no pixels in [0, 1], or the data set is
            empty or holds fewer than two classes.
    """
    names = exported.layers()
    statistics = ClassStatistics(exported.classes, sum(exported.units.values()))
    correct = samples = 0
    batches, steps = _batches(dataset, batch_size)
    bar = keras.utils.Progbar(steps, verbose=verbose, unit_name="batch")
    for images, labels in batches:
        images = exported.pixels(images)
        labels = exported.labels(labels, len(images))
        means, logits = exported.unit_means(images), np.asarray(exported.logits(images))
        try:
            statistics.update(np.concatenate([np.asarray(means[n]) for n in names], axis=1), labels)
        except ValueError as error:  # activations that are not finite
            raise InputError(str(error)) from error
        correct += int((logits.argmax(axis=1) == labels).sum())
        samples += len(labels)
        bar.add(1)
    if not samples:
        raise InputError("The data set is empty.")
    if (statistics.counts > 0).sum() < 2:
        raise InputError("Selectivity needs samples of at least two classes; the data set has one.")
    return SelectivityMeasurement(
        _by_layer(exported, statistics), correct / samples, samples, statistics.counts.astype(int)
    )


def _batches(dataset, batch_size):
    if isinstance(dataset, tuple):
        images, labels = dataset
        if len(images) != len(labels):
            raise InputError(f"{len(images)} images come with {len(labels)} labels.")
        starts = range(0, len(images), batch_size)
        return ((images[i : i + batch_size], labels[i : i + batch_size]) for i in starts), len(starts)
    if isinstance(dataset, keras.utils.PyDataset):
        return (dataset[i] for i in range(len(dataset))), len(dataset)
    return dataset, None


def _by_layer(exported, statistics):
    shifted = np.concatenate([np.full(exported.units[n], exported.shifts[n]) for n in exported.layer_names])
    values = {
        "selectivity": statistics.selectivity(shifted),
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
