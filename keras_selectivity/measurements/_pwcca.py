"""Distances between the representations of networks."""

import functools
from collections.abc import Iterator
from typing import Any

from keras_selectivity._errors import InputError
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._layered import Layered
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row


class PWCCA(Layered):
    """Projection-weighted CCA distance by layer between pairs of networks."""

    name = "pwcca"
    reports = (Quantity("pwcca_distance", "1", "{:.3f}"),)
    needs = frozenset({"networks"})
    compares = True

    def pieces(self, context: Context) -> Iterator[Piece]:
        """A piece for every pair of networks; the activations of a network are computed once."""
        self.check_layers(context)
        samples = context.samples

        @functools.cache
        def activations(name: str) -> Any:
            from keras_selectivity import representations

            return representations.collect_units(
                context.networks[name], samples.images, samples.labels, self.layers, **context.quiet
            )[0]

        def measure(other: str, name: str, _: Any) -> list[Row]:
            from keras_selectivity import representations

            first, second = activations(name), activations(other)
            return [
                row(
                    "pwcca_distance",
                    representations.pwcca_distance(first[layer], second[layer], symmetric=True),
                    layer=layer,
                )
                for layer in first
            ]

        protocol = {"layers": self.layers, "symmetric": True, "variant": "paper"}
        for first, second in context.pairs:
            if context.networks[first].units != context.networks[second].units:
                raise InputError(f"{first} and {second} have different layers and cannot be compared.")
            yield Piece(
                functools.partial(measure, second), samples, protocol, other=second, networks=(first,)
            )
