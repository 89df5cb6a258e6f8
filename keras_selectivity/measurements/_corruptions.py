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
    )
    columns = (
        Column("19 corruptions", "accuracy", {"perturbation": "all 19 corruptions"}),
        Column("relative", "relative_accuracy", {"perturbation": "all 19 corruptions"}, "{:.3f}"),
        Column("benchmark corruptions", "accuracy", {"perturbation": "benchmark corruptions"}),
    )
    needs = frozenset({"labels", "corrupted"})

    def pieces(self, context: Context) -> Iterator[Piece]:
        """A piece for every corruption and severity, then the means; a part is never called the whole."""
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
        groups = {
            f"all {len(corrupted.corruptions)} corruptions": corrupted.corruptions,
            "benchmark corruptions": datasets.BENCHMARK,
        }
        for title, members in groups.items():
            if not set(members) - set(names):
                yield Piece(
                    functools.partial(_means, context, corrupted.source, members),
                    context.samples,
                    protocol,
                    perturbation=title,
                )


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
