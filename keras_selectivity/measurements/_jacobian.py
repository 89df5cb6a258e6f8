"""Norm of the input-output Jacobian."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_selectivity._settings import Positive
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row
from keras_selectivity.results import Column


class Jacobian(Measurement):
    """Frobenius norm of the Jacobian of the logits in the pixels, mean over the samples with its interval."""

    projections: Positive | None = None
    """Random projections to estimate it from; exact if left out."""

    name = "jacobian"
    reports = tuple(
        Quantity(f"jacobian_norm_{of}", "logits per pixel of [0, 1]", "{:.2f}")
        for of in ("mean", "mean_low", "mean_high", "median")
    )
    columns = (Column("Jacobian", "jacobian_norm_mean", format="{:.2f}"),)

    def pieces(self, context: Context) -> Iterator[Piece]:
        """One piece."""
        samples, seed = context.samples, context.evaluation.seed

        def measure(name: str, _: Any) -> list[Row]:
            from keras_selectivity import robustness
            from keras_selectivity.results import mean_interval

            norms = robustness.jacobian_norm(
                context.networks[name],
                samples.images,
                projections=self.projections,
                seed=seed,
                **context.options,
            )
            mean, low, high = mean_interval(norms, seed=seed)
            values = {"mean": mean, "mean_low": low, "mean_high": high, "median": np.median(norms)}
            return [row(f"jacobian_norm_{of}", value) for of, value in values.items()]

        yield Piece(measure, samples, self.to_dict())
