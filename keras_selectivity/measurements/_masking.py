"""Controls for gradient masking, which would make gradient attacks look weaker than they are."""

import functools
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from keras_selectivity._settings import Text
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._losses import LOSSES
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row
from keras_selectivity.measurements._networks import alpha_of
from keras_selectivity.results import Column

_SHARES = ("zero_gradients", "single_step_accuracy", "random_start_accuracy")
_STRENGTH: dict[str, Any] = {"epsilon": 8 / 255, "steps": 20, "step_size": 2 / 255}
# Whose images attack a network where none is named
_SOURCE = "alpha 0, same seed"


class Masking(Measurement):
    """Controls for gradient masking: zero gradients, one step against many, random start, transferred images."""

    transfer_from: Text | None = None
    """Network whose adversarial images attack the others; for each the one with alpha = 0 and its seed if left out."""

    name = "masking"
    reports = (
        *(Quantity(name, "fraction", "{:.2%}") for name in (*_SHARES, "transfer_accuracy")),
        Quantity("masking_warnings", "warnings", "{:.0f}"),
    )
    columns = (
        Column("random-start PGD 8/255", "random_start_accuracy"),
        Column("transfer 8/255", "transfer_accuracy"),
        Column("zero gradients", "zero_gradients"),
    )
    needs = frozenset({"labels", "networks"})

    def pieces(self, context: Context) -> Iterator[Piece]:
        """A piece of attacks on the network itself, then one for each that another's images attack.

        The second piece repeats the number of warnings, with those that it adds: the last row of a network counts.
        """
        samples = context.samples
        protocol: dict[str, Any] = {name: round(value, 8) for name, value in _STRENGTH.items()}
        protocol |= {"loss": LOSSES[0], "transfer_from": self.transfer_from or _SOURCE}
        yield Piece(functools.partial(_own, context), samples, protocol, perturbation="controls")

        @functools.lru_cache(1)  # as large as the test split, in float32
        def images(source: str) -> Any:
            from keras_selectivity import robustness

            context.say(f"{source}: adversarial images to attack others with")
            return robustness.transfer_images(
                context.networks[source],
                samples.images,
                samples.labels,
                epsilon=_STRENGTH["epsilon"],
                **context.options,
            )

        sources = self._sources(context)
        for name, source in sorted(sources.items(), key=lambda pair: list(context.networks).index(pair[1])):
            yield Piece(
                functools.partial(_transfer, context, source, images),
                samples,
                protocol,
                perturbation="transfer",
                other=source,
                networks=(name,),
            )

    def _sources(self, context: Context) -> dict[str, str]:
        """Whose images attack a network: of the others with alpha = 0 that with its seed, or else the first."""
        if self.transfer_from is not None:
            context.other(self.transfer_from)
            return {name: self.transfer_from for name in context.networks if name != self.transfer_from}
        found, seeds = {}, {name: network.run.get("seed") for name, network in context.networks.items()}
        for name in context.networks:
            zeros = [other for other in context.others(name) if alpha_of(context.networks[other]) == 0]
            if zeros:
                found[name] = next((zero for zero in zeros if seeds[zero] == seeds[name]), zeros[0])
        return found


def _own(context: Context, name: str, _: Any) -> list[Row]:
    """Attacks on a network itself."""
    from keras_selectivity import robustness

    samples = context.samples
    found = robustness.gradient_masking(
        context.networks[name],
        samples.images,
        samples.labels,
        seed=context.evaluation.seed,
        **_STRENGTH,
        **context.options,
    )
    context.say(f"    {found}")
    values = {measure: getattr(found, measure) for measure in _SHARES}
    return _rows({**values, "masking_warnings": len(found.warnings)})


def _transfer(context: Context, source: str, images: Callable[[str], Any], name: str, _: Any) -> list[Row]:
    """The attack with another network's images, and what it adds to those on the network itself."""
    from keras_selectivity import robustness

    samples = context.samples
    share = robustness.accuracy(
        context.networks[name], images(source), samples.labels, perturbed=True, **context.quiet
    )
    rows = {row["measure"]: row["value"] for row in context.rows(name, "masking", perturbation="controls")}
    settings = {**_STRENGTH, "seed": context.evaluation.seed, "samples": len(samples.labels)}
    found = robustness.GradientMasking(
        **{measure: rows[measure] for measure in _SHARES}, transfer_accuracy=share, **settings
    )
    context.say(f"    {found}")
    return _rows({"transfer_accuracy": share, "masking_warnings": len(found.warnings)})


def _rows(values: dict[str, Any]) -> list[Row]:
    return [row(measure, value, epsilon=_STRENGTH["epsilon"]) for measure, value in values.items()]
