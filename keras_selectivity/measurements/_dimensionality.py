"""PCA dimensionality of clean activations, and of what perturbations change in them."""

import functools
from collections.abc import Callable
from collections.abc import Iterator
from typing import Annotated
from typing import Any

from pydantic import BeforeValidator
from pydantic import Field

from keras_selectivity._settings import as_tuple
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._context import Samples
from keras_selectivity.measurements._corruptions import Corruption
from keras_selectivity.measurements._layered import Layered
from keras_selectivity.measurements._losses import LOSSES
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row

_PGD_STEPS = 25


class Dimensionality(Layered):
    """PCA dimensionality of the layers: of clean activations, and of what a corruption and PGD of 25 steps change."""

    variance: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of the variance that the principal components explain."""
    full_maps: bool = False
    """Use the full maps instead of spatial means."""
    perturbation: (
        Annotated[tuple[Corruption, Annotated[int, Field(ge=1, le=5)]], BeforeValidator(as_tuple)] | None
    ) = None
    """Corruption and severity of the change by corruption; what stands for all of the data set's if left out."""
    step_size: Annotated[float, Field(gt=0, le=1000)] = 1e-4
    """Length of a step of PGD, in pixels of [0, 1]."""

    name = "dimensionality"
    reports = (
        Quantity("dimensionality", "fraction", "{:.3f}"),
        Quantity("dimensionality_of_alive", "fraction", "{:.3f}"),
        Quantity("participation_ratio", "dimensions", "{:.1f}"),
    )
    needs = frozenset({"labels", "corrupted"})

    def pieces(self, context: Context) -> Iterator[Piece]:
        """Three pieces: clean, the change by corruption, the change by PGD."""
        from keras_selectivity import datasets

        self.check_layers(context)
        samples = context.samples
        protocol = {
            "variance": self.variance,
            "activations": "full maps" if self.full_maps else "units",
            "layers": self.layers,
        }
        yield Piece(functools.partial(self._measure, context, samples), samples, protocol)

        corruption, severity = self.perturbation or datasets.spec(context.evaluation.dataset).corruption
        chosen, source, corrupted = self._corrupted(context, corruption, severity)
        yield Piece(
            functools.partial(self._measure, context, chosen),
            chosen,
            {**protocol, **source},
            perturbation=corruption,
            severity=severity,
            prepare=corrupted,
        )

        def attack(name: str, _: Any) -> list[Row]:
            from keras_selectivity import robustness

            changed = robustness.pgd(
                context.networks[name], samples.images, samples.labels, **pgd, **context.options
            )
            return self._measure(context, samples, name, changed)

        pgd: dict[str, Any] = {"steps": _PGD_STEPS, "step_size": self.step_size}
        yield Piece(attack, samples, {**protocol, **pgd, "loss": LOSSES[0]}, perturbation="pgd")

    def _measure(self, context: Context, samples: Samples, name: str, perturbed: Any) -> list[Row]:
        from keras_selectivity import representations

        spectra = representations.layer_spectra(
            context.networks[name],
            samples.images,
            perturbed,
            layers=self.layers,
            full_maps=self.full_maps,
            **context.options,
        )
        return [
            row(measure, value, layer=layer)
            for layer, found in spectra.items()
            for measure, value in (
                ("dimensionality", found.fraction(self.variance)),
                ("dimensionality_of_alive", found.fraction(self.variance, alive_only=True)),
                ("participation_ratio", found.participation_ratio),
            )
        ]

    def _corrupted(
        self, context: Context, corruption: str, severity: int
    ) -> tuple[Samples, dict[str, Any], Callable[[], Any]]:
        """Clean images, what tells where their corrupted versions come from, and a function that returns these.

        Released versions are taken if their clean counterparts are at hand; else the test images are corrupted here,
        and the reason is recorded.
        """
        from keras_selectivity import datasets

        evaluation, samples = context.evaluation, context.samples
        clean = datasets.Split(samples.images, samples.labels)
        made = datasets.generated_corruptions(clean, seed=evaluation.seed, textures=evaluation.frost)
        # No other corruption depends on the textures
        source = {"source": made.source if corruption == "frost" else f"generated, seed {evaluation.seed}"}
        if evaluation.corrupted_data is not None:
            released = context.corrupted()
            try:
                chosen, positions, found = context.matched(corruption, severity)
            except datasets.NoPairsError as error:
                source["pairs"] = f"own corruptions of the test set: {error}"
                context.say(f"Dimensionality of the change by corruption: {source['pairs']}")
            else:
                source = {"source": released.source, "pairs": found}
                return chosen, source, lambda: released.read(corruption, severity).images[positions]

        return samples, source, lambda: made.read(corruption, severity).images
