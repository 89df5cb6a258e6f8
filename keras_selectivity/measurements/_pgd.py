"""Accuracy under projected gradient descent."""

import functools
from collections.abc import Iterator
from typing import Annotated
from typing import Any
from typing import Literal

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

_STEPS = (0, 1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100)


class PGD(Measurement):
    """Accuracy and loss under PGD by the number of its steps."""

    steps: Several[Annotated[int, Field(ge=0, le=1_000_000)]] = _STEPS
    """Numbers of steps."""
    step_size: Annotated[float, Field(gt=0, le=1000)] = 1e-4
    """Length of a step, in pixels of [0, 1]."""
    epsilon: Annotated[float, Field(ge=0, le=1000)] | None = None
    """Radius of the ball; none if left out."""
    norm: Literal["linf", "l2"] = "linf"
    """Norm of the steps and of the ball."""
    losses: Losses = LOSSES
    """What is differentiated: 'log_odds' for the exact gradient, 'cross_entropy' for that of the papers and
    toolboxes."""

    name = "pgd"
    reports = (
        Quantity("accuracy", "fraction", "{:.2%}"),
        Quantity("worst_accuracy", "fraction", "{:.2%}"),
        Quantity("loss", "nats"),
        Quantity("largest_change", "pixels of [0, 1]", "{:.5f}"),
    )
    columns = (Column("PGD 25 steps", "accuracy", {"perturbation": "pgd", "steps": 25}),)
    needs = frozenset({"labels"})

    def pieces(self, context: Context) -> Iterator[Piece]:
        """A piece for each loss: all numbers of steps come from one run."""
        protocol = {key: value for key, value in self.to_dict().items() if key != "losses"}
        for loss in self.losses:
            measure = functools.partial(self._measure, context, loss)
            shared = {**protocol, "loss": loss, "random_start": False}
            yield Piece(measure, context.samples, shared, perturbation=along("pgd", loss))

    def _measure(self, context: Context, loss: str, name: str, _: Any) -> list[Row]:
        from keras_selectivity import robustness

        found = robustness.pgd_accuracy(
            context.networks[name],
            context.samples.images,
            context.samples.labels,
            steps=self.steps,
            step_size=self.step_size,
            epsilon=self.epsilon,
            norm=self.norm,
            loss=loss,
            **context.options,
        )
        rows = [
            row(measure, value, steps=steps)
            for measure in ("accuracy", "worst_accuracy", "loss")
            for steps, value in zip(found.steps, getattr(found, measure), strict=True)
        ]
        return [*rows, row("largest_change", found.largest_change, steps=found.steps[-1])]
