"""Accuracy under AutoAttack."""

import functools
from collections.abc import Iterator
from typing import Annotated
from typing import Any
from typing import Literal

import numpy as np
from pydantic import Field

from keras_selectivity._settings import Positive
from keras_selectivity._settings import Several
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row
from keras_selectivity.results import Column

# A twentieth of a pixel's step to 8/255 in octaves, and the papers' radius: 25 steps of 0.0001
_EPSILONS = (0.25 / 255, 0.5 / 255, 0.0025, 1 / 255, 2 / 255, 4 / 255, 8 / 255)


class AutoAttack(Measurement):
    """Accuracy under AutoAttack, of all images and of those classified correctly without it, by its radius."""

    epsilons: Several[Annotated[float, Field(gt=0, le=1000)]] = _EPSILONS
    """Radii of the ball, in pixels of [0, 1]."""
    version: Literal["standard", "apgd", "apgd-ce"] = "apgd"
    """'standard' for all four attacks, 'apgd' for the first two, which take a fraction of the time, 'apgd-ce' for the first."""
    norm: Literal["linf", "l2"] = "linf"
    """Norm of the ball."""
    iterations: Positive = 100
    """Iterations of APGD and FAB, per target."""
    targets: Positive = 9
    """Classes that APGD and FAB aim at."""
    queries: Positive = 5000
    """Queries of Square Attack."""

    name = "autoattack"
    reports = (
        Quantity("accuracy", "fraction", "{:.2%}"),
        Quantity("accuracy_of_correct", "fraction", "{:.2%}"),
        *(
            Quantity(f"accuracy_after_{name}", "fraction", "{:.2%}")
            for name in ("apgd_ce", "apgd_t", "fab_t", "square")
        ),
    )
    columns = (
        Column("APGD 8/255", "accuracy", {"perturbation": "apgd", "epsilon": 8 / 255}),
        Column("APGD 0.0025", "accuracy", {"perturbation": "apgd", "epsilon": 0.0025}),
        Column("AutoAttack 8/255", "accuracy", {"perturbation": "autoattack", "epsilon": 8 / 255}),
        Column("AutoAttack 0.0025", "accuracy", {"perturbation": "autoattack", "epsilon": 0.0025}),
    )
    needs = frozenset({"labels"})

    def pieces(self, context: Context) -> Iterator[Piece]:
        """One piece: an image that a ball holds an adversarial one of is not attacked in larger balls again."""
        attack = "autoattack" if self.version == "standard" else self.version
        # Radii of one norm are no strengths in the other
        name = attack if self.norm == "linf" else f"{attack} in l2"
        yield Piece(
            functools.partial(self._measure, context), context.samples, self._protocol(), perturbation=name
        )

    def _protocol(self) -> dict[str, Any]:
        protocol = self.to_dict()
        return {**protocol, "epsilons": [round(epsilon, 8) for epsilon in self.epsilons]}

    def _measure(self, context: Context, name: str, _: Any) -> list[Row]:
        from keras_selectivity import robustness

        settings = {key: value for key, value in self.to_dict().items() if key != "epsilons"}
        images, labels = context.samples.images, context.samples.labels
        # An image's random numbers are those of its place, whichever have left in smaller balls
        left, correct = np.arange(len(labels)), None
        rows: list[Row] = []
        for epsilon in sorted(self.epsilons):
            values: dict[str, float | None] = dict.fromkeys(
                (quantity.name for quantity in self.reports if "after" in quantity.name), 0.0
            )
            if len(left):
                found = robustness.autoattack_accuracy(
                    context.networks[name],
                    images[left],
                    labels[left],
                    epsilon=epsilon,
                    seed=context.evaluation.seed,
                    positions=left,
                    **settings,
                    **context.options,
                )
                correct = found.clean if correct is None else correct
                share = len(left) / len(labels)
                values = {f"accuracy_after_{k.replace('-', '_')}": v * share for k, v in found.after.items()}
                left = left[found.correct]
            robust = len(left) / len(labels)
            values |= {"accuracy": robust, "accuracy_of_correct": robust / correct if correct else None}
            rows += [row(measure, value, epsilon=epsilon) for measure, value in values.items()]
        return rows
