"""Variation of the input-unit gradients."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_selectivity._settings import Positive
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._evaluation import Evaluation
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row


class UnitGradients(Measurement):
    """Coefficients of variation of the norms of the input-unit gradients, over samples and over units."""

    units_per_layer: Positive | None = 64
    """Most units of a layer to take into account."""
    samples: Positive = 1000
    """Size of the class-balanced subset of the test samples."""

    name = "unit_gradients"
    reports = (
        Quantity("units_measured", "units", "{:.0f}"),
        Quantity("dead_unit_gradients", "fraction", "{:.1%}"),
        Quantity("unit_gradient_mean", "activation per pixel of [0, 1]"),
        Quantity("unit_gradient_variation_over_samples", "1", "{:.3f}"),
        Quantity("unit_gradient_variation_over_units", "1", "{:.3f}"),
    )

    def check(self, evaluation: Evaluation) -> None:
        """Refuses a number of samples of which there is no balanced subset."""
        evaluation.check_balanced("samples", self.samples)

    def pieces(self, context: Context) -> Iterator[Piece]:
        """One piece, on a subset of the samples."""
        samples = context.subset(min(self.samples, len(context.samples.labels)))

        def measure(name: str, _: Any) -> list[Row]:
            from keras_selectivity import robustness

            found = robustness.input_unit_gradients(
                context.networks[name],
                samples.images,
                units_per_layer=self.units_per_layer,
                seed=context.evaluation.seed,
                **context.options,
            )
            return [each for layer in found for each in _of_layer(layer)]

        yield Piece(measure, samples, {"units_per_layer": self.units_per_layer})


def _of_layer(layer: Any) -> list[Row]:
    alive, over_samples = ~layer.dead, layer.variation_over_samples
    lives = alive.any()
    values = {
        "units_measured": len(layer.units),
        "dead_unit_gradients": layer.dead.mean(),
        "unit_gradient_mean": layer.mean[alive].mean() if lives else None,
        "unit_gradient_variation_over_samples": over_samples[alive].mean() if lives else None,
        "unit_gradient_variation_over_units": layer.variation_over_units if lives else None,
    }
    rows = [row(measure, value, layer=layer.name) for measure, value in values.items()]
    for measure, by_unit in (
        ("unit_gradient_mean", layer.mean),
        ("unit_gradient_variation_over_samples", over_samples),
    ):
        rows += [
            row(measure, value, layer=layer.name, unit=int(unit))
            for unit, value in zip(layer.units, by_unit, strict=True)
            if np.isfinite(value)
        ]
    return rows
