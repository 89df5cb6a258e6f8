"""Off-axis selectivity."""

from collections.abc import Iterator
from typing import Any

from keras_selectivity._settings import Positive
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._layered import Layered
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row

# Quantity -> attribute of what is found
_VALUES = {
    "off_axis_selectivity": "value",
    "rotated_selectivity": "rotated",
    "axis_aligned_selectivity": "axis_aligned",
    "axis_aligned_selectivity_shifted": "axis_aligned_shifted",
}


class OffAxis(Layered):
    """Upper bound of the selectivity along rotated axes, by layer, fitted on the validation samples."""

    steps: Positive = 3500
    """Most steps of the search."""

    name = "off_axis"
    reports = tuple(map(Quantity, _VALUES))
    needs = frozenset({"labels", "validation"})

    def pieces(self, context: Context) -> Iterator[Piece]:
        """One piece."""
        self.check_layers(context)
        samples, options = context.samples, context.options

        def measure(name: str, _: Any) -> list[Row]:
            from keras_selectivity import representations

            network = context.networks[name]
            layers = network.layers(self.layers)
            validation = context.validation(name)
            fit, fit_labels = representations.collect_units(network, *validation, layers, **context.quiet)
            score, labels = representations.collect_units(
                network, samples.images, samples.labels, layers, **context.quiet
            )
            rows = []
            for layer in layers:
                context.say(f"    {layer}")
                found = representations.off_axis_selectivity(
                    fit[layer],
                    fit_labels,
                    score[layer],
                    labels,
                    steps=self.steps,
                    seed=context.evaluation.seed,
                    verbose=options["verbose"],
                )
                rows += [
                    row(measure, getattr(found, attribute), layer=layer)
                    for measure, attribute in _VALUES.items()
                ]
            return rows

        yield Piece(measure, samples, {"steps": self.steps, "layers": self.layers})
