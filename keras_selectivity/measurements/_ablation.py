"""Accuracy as the units of a layer are taken away."""

from collections.abc import Iterator
from typing import Annotated
from typing import Any
from typing import Literal

from pydantic import Field

from keras_selectivity._settings import Positive
from keras_selectivity._settings import Several
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._evaluation import Evaluation
from keras_selectivity.measurements._layered import Layered
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row

_ORDERS = ("selectivity", "random")


class Ablation(Layered):
    """Accuracy without a growing part of a layer's units: the most selective first, and in a random order."""

    fractions: Several[Annotated[float, Field(gt=0, le=1)]] = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
    """Parts of a layer's units to take away."""
    fill: Literal["zero", "mean"] = "zero"
    """What takes a unit's place: zero, or its mean over the samples."""
    samples: Positive = 1000
    """Size of the class-balanced subset of the test samples."""

    name = "ablation"
    reports = (
        Quantity("accuracy", "fraction", "{:.2%}"),
        Quantity("accuracy_change", "fraction", "{:+.2%}"),
    )
    needs = frozenset({"labels"})

    def check(self, evaluation: Evaluation) -> None:
        """Refuses a number of samples of which there is no balanced subset."""
        evaluation.check_balanced("samples", self.samples)

    def pieces(self, context: Context) -> Iterator[Piece]:
        """A piece for each order; `steps` of a row is the number of units that are taken away."""
        self.check_layers(context)
        samples = context.subset(min(self.samples, len(context.samples.labels)))
        protocol = {
            "layers": self.layers,
            "fractions": list(self.fractions),
            "fill": self.fill,
            "cumulative": True,
        }
        for order in _ORDERS:

            def measure(name: str, _: Any, order: str = order) -> list[Row]:
                from keras_selectivity import representations

                network = context.networks[name]
                found = representations.measure_selectivity(
                    network, (samples.images, samples.labels), **context.quiet
                )
                indices = {layer.name: layer.selectivity for layer in found.layers}
                rows = []
                for layer in network.layers(self.layers):
                    width = len(indices[layer])
                    context.say(f"    {layer}")
                    ablated = representations.ablate(
                        network,
                        samples.images,
                        samples.labels,
                        layer,
                        order=indices[layer] if order == "selectivity" else None,
                        fill=self.fill,
                        points=sorted({max(1, round(part * width)) for part in self.fractions}),
                        seed=context.evaluation.seed,
                        **context.options,
                    )
                    for count, accuracy in zip(ablated.counts, ablated.accuracy, strict=True):
                        place = {"layer": layer, "steps": int(count)}
                        rows.append(row("accuracy", accuracy, **place))
                        rows.append(row("accuracy_change", accuracy - ablated.baseline, **place))
                return rows

            yield Piece(measure, samples, protocol, perturbation=f"ablation by {order}")
