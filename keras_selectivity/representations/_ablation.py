"""Ablation: accuracy of a trained classifier without some of its units."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._checks import array
from keras_selectivity._checks import each
from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._inputs import part_of
from keras_selectivity._progress import Bar
from keras_selectivity._types import Array
from keras_selectivity._wrap import measures

FILLS = ("zero", "mean")


@dataclass(frozen=True)
class Ablation:
    """What `ablate` found for one layer.

    Attributes:
        layer: Name of the layer.
        units: `(units,)` indices in the order of their ablation.
        counts: `(k,)` how many units are ablated; all 1 for single units.
        accuracy: `(k,)` share of images classified correctly.
        class_accuracy: `(k, classes)` by class; NaN for classes without images.
        baseline: Accuracy of the whole network.
        class_baseline: `(classes,)` by class.
    """

    layer: str
    units: np.ndarray
    counts: np.ndarray
    accuracy: np.ndarray
    class_accuracy: np.ndarray
    baseline: float
    class_baseline: np.ndarray


@measures
def ablate(
    exported: Exported,
    images: Any,
    labels: ArrayLike,
    layer: str,
    *,
    order: ArrayLike | None = None,
    cumulative: bool = True,
    fill: str = "zero",
    points: Any = None,
    seed: int = 0,
    batch_size: int = 500,
    verbose: int = 1,
) -> Ablation:
    """Accuracy as units of a layer are replaced by zero or by their mean, in all positions.

    (Morcos et al. 2018, "On the importance of single directions for generalization"; "Selectivity
    considered harmful", section 2.)

    Args:
        exported: What `keras_selectivity.load` or `wrap` returns, or a Keras model.
        images: `(n, ...)` inputs; of images uint8, or floats in [0, 1].
        labels: `(n,)` integers.
        layer: Name of the layer.
        order: `(units,)` numbers by which to sort the units, the largest first, such as their
            selectivity; `None` draws a random order. Defaults to `None`.
        cumulative: Replace the first unit of the order, then the first two, ...; otherwise every
            unit alone. Defaults to True.
        fill: `"zero"`, or `"mean"`: the unit's mean over the images. Defaults to `"zero"`.
        points: Numbers of units at which to measure when cumulative. Defaults to every number.
        seed: Seed of the random order.
        batch_size: Images at a time. Defaults to 500.
        verbose: 0 shows no progress bar.

    Returns:
        An `Ablation`.

    Raises:
        InputError: The model offers no ablation, the layer is unknown, or an argument does not fit.
    """
    (layer,) = exported.layers([layer])
    images, labels = exported.samples(images, labels)
    images = exported.prepared(images)
    whole_number("batch_size", batch_size, 1)
    if not len(labels):
        raise InputError("There are no images.")
    if fill not in FILLS:
        raise InputError(f"fill must be 'zero' or 'mean'. Received: {fill!r}.")
    width = exported.units[layer]
    if order is None:
        units = np.random.default_rng(whole_number("seed", seed, 0)).permutation(width)
    else:
        order = array("order", order, "units")
        if len(order) != width:
            raise InputError(f"order must have one number for each of {width} units; got {len(order)}.")
        units = np.argsort(-order, kind="stable")
    if cumulative:
        points = range(1, width + 1) if points is None else each("points", points)
        counts = np.unique([whole_number("points", point, 0, width) for point in points])
        if not len(counts):
            raise InputError("Name at least one number of units in points=.")
        sets = [units[:count] for count in counts]
    else:
        counts, sets = np.ones(width, int), [units[i : i + 1] for i in range(width)]
    starts = range(0, len(labels), batch_size)
    names = exported.layer_names
    first = sum(exported.units[name] for name in names[: names.index(layer)])
    total = sum(exported.units.values())
    values = np.zeros(total, np.float32)
    if fill == "mean":
        sums = sum(
            np.asarray(exported.unit_means(part_of(images, slice(start, start + batch_size)))[layer]).sum(
                axis=0, dtype=np.float64
            )
            for start in starts
        )
        values[first : first + width] = sums / len(labels)

    def accuracies(replaced: Sequence[int] | Array) -> tuple[Any, Array]:
        keep = np.ones(total, np.float32)
        keep[first + np.asarray(replaced, int)] = 0
        right = np.empty(len(labels), bool)
        for start in starts:
            part = slice(start, start + batch_size)
            logits = np.asarray(exported.ablated_logits(part_of(images, part), keep, values))
            right[part] = logits.argmax(axis=1) == labels[part]
            progress.add()
        samples = np.bincount(labels, minlength=exported.classes)
        hits = np.bincount(labels, right, minlength=exported.classes)
        by_class = np.divide(hits, samples, out=np.full(len(samples), np.nan), where=samples > 0)
        return right.mean(), by_class

    with Bar(len(starts) * (len(sets) + 1), "batch", verbose) as progress:
        baseline, class_baseline = accuracies([])
        found = [accuracies(replaced) for replaced in sets]
    return Ablation(
        layer,
        units,
        counts,
        np.array([accuracy for accuracy, _ in found]),
        np.array([by_class for _, by_class in found]),
        float(baseline),
        class_baseline,
    )
