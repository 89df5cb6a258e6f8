"""Accuracy under the fast gradient sign method."""

import functools
from collections.abc import Iterator
from typing import Annotated
from typing import Any

from pydantic import Field

from keras_selectivity._settings import Several
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._losses import LOSSES
from keras_selectivity.measurements._losses import Losses
from keras_selectivity.measurements._losses import along
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row
from keras_selectivity.results import Column

# 0 to 16/255 in octaves, and the range of the papers' PGD (25 steps of 0.0001) in tenths
_OCTAVES = {n / 255 for n in (0, 0.25, 0.5, 1, 2, 4, 8, 16)}
_EPSILONS = tuple(sorted(_OCTAVES | {n / 4000 for n in range(1, 11)}))


class FGSM(Measurement):
    """Accuracy and loss under FGSM by its strength."""

    epsilons: Several[Annotated[float, Field(ge=0, le=1)]] = _EPSILONS
    """Strengths, in pixels of [0, 1]."""
    losses: Losses = LOSSES
    """What is differentiated: 'log_odds' for the exact gradient, 'cross_entropy' for that of the papers and
    toolboxes."""

    name = "fgsm"
    reports = (Quantity("accuracy", "fraction", "{:.2%}"), Quantity("loss", "nats"))
    columns = (Column("FGSM 1/255", "accuracy", {"perturbation": "fgsm", "epsilon": 1 / 255}),)
    needs = frozenset({"labels"})

    def pieces(self, context: Context) -> Iterator[Piece]:
        """A piece for each loss: all strengths come from one gradient."""
        protocol = {"epsilons": [round(epsilon, 8) for epsilon in self.epsilons]}
        for loss in self.losses:
            measure = functools.partial(self._measure, context, loss)
            yield Piece(
                measure, context.samples, {**protocol, "loss": loss}, perturbation=along("fgsm", loss)
            )

    def _measure(self, context: Context, loss: str, name: str, _: Any) -> list[Row]:
        from keras_selectivity import robustness

        found = robustness.fgsm_accuracy(
            context.networks[name],
            context.samples.images,
            context.samples.labels,
            self.epsilons,
            loss=loss,
            **context.options,
        )
        return [
            row(measure, value, epsilon=epsilon)
            for measure in ("accuracy", "loss")
            for epsilon, value in zip(self.epsilons, getattr(found, measure), strict=True)
        ]
