"""Accuracy under AutoAttack."""

import functools
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Literal

import numpy as np
from pydantic import Field

from keras_selectivity._settings import Positive
from keras_selectivity._settings import Several
from keras_selectivity._types import Array
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row
from keras_selectivity.results import Column

# A twentieth of a pixel's step to 8/255 in octaves, and the papers' radius: 25 steps of 0.0001
_EPSILONS = (0.25 / 255, 0.5 / 255, 0.0025, 1 / 255, 2 / 255, 4 / 255, 8 / 255)

_BATCH_SIZE = 250  # images that are lost when it is interrupted


class AutoAttack(Measurement):
    """Accuracy under AutoAttack, of all images and of those classified correctly without it, by its radius."""

    epsilons: Several[Annotated[float, Field(gt=0, le=1000)]] = _EPSILONS
    """Radii of the ball, in pixels of [0, 1]."""
    version: Literal["standard", "apgd", "apgd-ce"] = "apgd"
    """'standard' for all four attacks, 'apgd' for the first two, which take a fraction of the time, 'apgd-ce' for the
    first."""
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
    columns = tuple(
        Column(f"{title} {radius}", "accuracy", {"perturbation": name, "epsilon": epsilon})
        for name, title in (("apgd-ce", "APGD-CE"), ("apgd", "APGD"), ("autoattack", "AutoAttack"))
        for radius, epsilon in (("8/255", 8 / 255), ("0.0025", 0.0025))
    )
    needs = frozenset({"labels"})

    def pieces(self, context: Context) -> Iterator[Piece]:
        """One piece, done image batch by image batch."""
        attack = "autoattack" if self.version == "standard" else self.version
        # Radii of one norm are no strengths in the other
        name = attack if self.norm == "linf" else f"{attack} in l2"
        size, images = context.options.get("batch_size", _BATCH_SIZE), len(context.samples.labels)
        batches = [slice(first, min(first + size, images)) for first in range(0, images, size)]
        yield Piece(
            self._rows,
            context.samples,
            self._protocol(),
            perturbation=name,
            parts={
                f"images-{batch.start}-{batch.stop}": functools.partial(self._attack, context, batch)
                for batch in batches
            },
        )

    def _protocol(self) -> dict[str, Any]:
        protocol = self.to_dict()
        return {**protocol, "epsilons": [round(epsilon, 8) for epsilon in self.epsilons]}

    def _attack(self, context: Context, batch: slice, name: str, _: Any) -> dict[str, Array]:
        """Numbers of images of a batch: all, those correct without an attack, and those that each attack leaves by
        radius.

        An image that a ball holds an adversarial one of is not attacked in larger balls again.
        """
        from keras_selectivity import robustness

        settings = {key: value for key, value in self.to_dict().items() if key != "epsilons"}
        images, labels = context.samples.images, context.samples.labels
        # An image's random numbers are those of its place, whichever have left in smaller balls
        left = np.arange(batch.start, batch.stop)
        counts = {"images": np.array(len(left))}
        for number, epsilon in enumerate(sorted(self.epsilons)):
            if not len(left):
                break
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
            counts.setdefault("correct", np.array(round(found.clean * len(left))))
            for attack, share in found.after.items():
                after = counts.setdefault(f"after_{attack.replace('-', '_')}", np.zeros(len(self.epsilons)))
                after[number] = round(share * len(left))
            left = left[found.correct]
        return counts

    def _rows(self, _: str, batches: list[Mapping[str, Array]]) -> list[Row]:
        total = {key: np.sum([batch[key] for batch in batches], axis=0) for key in batches[0]}
        images, correct = total.pop("images"), total.pop("correct")
        rows: list[Row] = []
        for number, epsilon in enumerate(sorted(self.epsilons)):
            left = {f"accuracy_{key}": after[number] for key, after in total.items()}
            robust = min(left.values())
            values = {key: count / images for key, count in left.items()}
            values |= {
                "accuracy": robust / images,
                "accuracy_of_correct": robust / correct if correct else None,
            }
            rows += [row(measure, value, epsilon=epsilon) for measure, value in values.items()]
        return rows
