"""Accuracy on corrupted images."""

import functools
import json
from collections.abc import Iterator
from typing import Annotated
from typing import Any

import numpy as np

from keras_selectivity._settings import Several
from keras_selectivity._settings import one_of
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row
from keras_selectivity.results import Column


def _names() -> Any:
    from keras_selectivity import datasets

    return datasets.CORRUPTIONS


Corruption = Annotated[str, one_of(_names, "corruption")]


class Corruptions(Measurement):
    """Accuracy by corruption and severity, and its means."""

    only: Several[Corruption] | None = None
    """Names of corruptions; all there are if left out."""

    name = "corruptions"
    reports = (
        Quantity("accuracy", "fraction", "{:.2%}"),
        Quantity("relative_accuracy", "1", "{:.3f}"),
        Quantity("clean_accuracy", "fraction", "{:.2%}"),
        Quantity("matched_clean_accuracy", "fraction", "{:.2%}"),
    )
    columns = (
        Column("{}", "accuracy", begins="all "),  # 19 corruptions, or 15
        Column("{}, relative", "relative_accuracy", format="{:.3f}", begins="all "),
        Column("benchmark corruptions", "accuracy", {"perturbation": "benchmark corruptions"}),
    )
    needs = frozenset({"labels", "corrupted"})

    def pieces(self, context: Context) -> Iterator[Piece]:
        """A piece for every corruption and severity, then the means; a part is never called the whole.

        Versions of other images than the test split's have one more piece, the clean images that they were made of.
        """
        from keras_selectivity import datasets

        corrupted = context.corrupted()
        protocol = {"source": corrupted.source}
        names = self.only or corrupted.corruptions
        for name in names:
            for severity in datasets.SEVERITIES:
                yield Piece(
                    functools.partial(_accuracy, context),
                    context.samples,
                    protocol,
                    perturbation=name,
                    severity=severity,
                    prepare=functools.partial(_read, context, corrupted, name, severity),
                )
        yield from _matched(context, corrupted, names[0])
        groups = {
            f"all {len(corrupted.corruptions)} corruptions": corrupted.corruptions,
            "benchmark corruptions": datasets.BENCHMARK,
        }
        for title, members in groups.items():
            if not set(members) - set(names):
                yield Piece(
                    functools.partial(_means, context, corrupted.source, members),
                    context.samples,
                    {**protocol, "relative_to": "accuracy on the clean test images"},
                    perturbation=title,
                )


def _matched(context: Context, corrupted: Any, name: str) -> Iterator[Piece]:
    """The piece of the clean images that released versions were made of, if these are others than the test split's."""
    from keras_selectivity import datasets

    evaluation = context.evaluation
    if evaluation.corrupted_data is None or datasets.spec(evaluation.dataset).clean_candidates is None:
        return
    try:
        samples, _, found = context.matched(name, datasets.SEVERITIES[0])
    except datasets.NoPairsError as error:
        context.say(f"Corruptions: no accuracy on matched clean images. {error}")
        return

    def measure(network: str, _: Any) -> list[Row]:
        from keras_selectivity import robustness

        share = robustness.accuracy(
            context.networks[network], samples.images, samples.labels, **context.quiet
        )
        return [row("matched_clean_accuracy", share)]

    protocol = {"source": corrupted.source, "pairs": found}
    yield Piece(measure, samples, protocol, perturbation="matched clean images")


def _read(context: Context, corrupted: Any, name: str, severity: int) -> Any:
    """A corrupted version of the samples, a `Split`."""
    from keras_selectivity import datasets

    split = corrupted.read(name, severity)
    if context.evaluation.corrupted_data is not None and context.samples.protocol:
        split = datasets.subset(split, len(context.samples.labels), context.evaluation.seed)
    return split


def _accuracy(context: Context, name: str, split: Any) -> list[Row]:
    from keras_selectivity import robustness

    share = robustness.accuracy(
        context.networks[name], split.images, split.labels, perturbed=True, **context.quiet
    )
    return [row("accuracy", share)]


def _means(context: Context, source: str, members: Any, name: str, _: Any) -> list[Row]:
    """Means over corruptions and severities, and their ratio to clean accuracy."""
    (clean,) = (found["value"] for found in context.rows(name, "clean", measure="accuracy"))
    values = [
        found["value"]
        for found in context.rows(name, "corruptions", measure="accuracy")
        if found["perturbation"] in members and json.loads(found["protocol"])["source"] == source
    ]
    mean = float(np.mean(values))
    return [
        row("accuracy", mean),
        row("relative_accuracy", mean / clean if clean else None),
        row("clean_accuracy", clean),
    ]
