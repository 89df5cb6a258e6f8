"""Controls for gradient masking, which would make gradient attacks look weaker than they are."""

import functools
from collections.abc import Iterator
from typing import Any

from keras_selectivity._settings import Text
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row
from keras_selectivity.measurements._networks import alpha_of
from keras_selectivity.results import Column

_SHARES = ("zero_gradients", "single_step_accuracy", "random_start_accuracy", "transfer_accuracy")


class Masking(Measurement):
    """Controls for gradient masking: zero gradients, one step against many, random start, transferred images."""

    transfer_from: Text | None = None
    """Network whose adversarial images attack the others; the first with alpha = 0 if left out."""

    name = "masking"
    reports = (
        *(Quantity(name, "fraction", "{:.2%}") for name in _SHARES),
        Quantity("masking_warnings", "warnings", "{:.0f}"),
    )
    columns = (
        Column("random-start PGD 8/255", "random_start_accuracy"),
        Column("transfer 8/255", "transfer_accuracy"),
        Column("zero gradients", "zero_gradients"),
    )
    needs = frozenset({"labels", "networks"})

    def pieces(self, context: Context) -> Iterator[Piece]:
        """One piece; transfer is for all networks but the one that the images are made on."""
        samples, source = context.samples, self._source(context)

        @functools.cache
        def transferred() -> Any:
            from keras_selectivity import robustness

            context.say(f"{source}: adversarial images to attack the others with")
            return robustness.transfer_images(
                context.networks[source], samples.images, samples.labels, **context.options
            )

        def measure(name: str, _: Any) -> list[Row]:
            from keras_selectivity import robustness

            found = robustness.gradient_masking(
                context.networks[name],
                samples.images,
                samples.labels,
                seed=context.evaluation.seed,
                transferred=None if source in (None, name) else transferred(),
                **context.options,
            )
            context.say(f"    {found}")
            values = {measure: getattr(found, measure) for measure in _SHARES}
            values["masking_warnings"] = len(found.warnings)
            return [
                row(measure, value, epsilon=found.epsilon)
                for measure, value in values.items()
                if value is not None
            ]

        yield Piece(measure, samples, {"transfer_from": source}, perturbation="controls")

    def _source(self, context: Context) -> Any:
        """The network whose adversarial images attack the others, or `None` if there is no candidate."""
        if self.transfer_from is not None:
            context.other(self.transfer_from)
            return self.transfer_from
        if len(context.networks) == 1:
            return None
        return next((name for name, found in context.networks.items() if alpha_of(found) == 0), None)
