"""Clean accuracy, and selectivity by layer."""

from collections.abc import Iterator
from typing import Any

from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row
from keras_selectivity.results import Column


class Clean(Measurement):
    """Accuracy and class selectivity of the hidden units on clean images; part of every evaluation."""

    name = "clean"
    reports = (
        Quantity("accuracy", "fraction", "{:.2%}"),
        Quantity("mean_logit_margin", "logits", "{:.2f}"),
        Quantity("units", "units", "{:.0f}"),
        Quantity("mean_selectivity"),
        Quantity("mean_selectivity_over_units"),
        Quantity("sd_selectivity"),
        Quantity("dead_units", "fraction", "{:.1%}"),
    )
    columns = (
        Column("test accuracy", "accuracy", evaluation="clean"),
        Column("mean selectivity", "mean_selectivity", format="{:.4f}", evaluation="clean"),
        Column("over units", "mean_selectivity_over_units", format="{:.4f}", evaluation="clean"),
        Column("dead units", "dead_units", format="{:.1%}", evaluation="clean"),
    )
    needs = frozenset({"labels"})

    def pieces(self, context: Context) -> Iterator[Piece]:
        """One piece; accuracy alone for a network that offers no units."""
        samples = context.samples

        def measure(name: str, _: Any) -> list[Row]:
            from keras_selectivity import representations
            from keras_selectivity import robustness

            network = context.networks[name]
            if not network.layer_names:
                share = robustness.accuracy(network, samples.images, samples.labels, **context.options)
                return [row("accuracy", share)]
            found = representations.measure_selectivity(
                network, (samples.images, samples.labels), **context.options
            )
            return [
                row(each["measure"], each["value"], layer=each["layer"])
                for each in found.rows()
                if each["unit"] is None
            ]

        yield Piece(measure, samples)
