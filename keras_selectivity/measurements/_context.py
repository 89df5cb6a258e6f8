"""What the pieces of all measurements share: networks, samples, and where corrupted versions come from."""

import copy
import dataclasses
import functools
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity.measurements._evaluation import Evaluation
from keras_selectivity.measurements._measurement import NEEDS
from keras_selectivity.measurements._measurement import Row


@dataclass(frozen=True)
class Samples:
    """The samples that a piece is measured on, and how they were chosen.

    Attributes:
        images: `(n, height, width, 3)` uint8.
        labels: `(n,)` int64.
        protocol: What it takes to choose them again.
    """

    images: np.ndarray
    labels: np.ndarray
    protocol: dict[str, Any]


class Context:
    """What a measurement is given.

    Attributes:
        networks: Name -> `Exported`.
        evaluation: The `Evaluation`.
        samples: The test split, or the part of it that the evaluation names.
        pairs: Pairs of names of networks to compare.
        options: Keywords for the functions that measure: `verbose`, and perhaps `batch_size`.
    """

    def __init__(
        self,
        networks: dict[str, Any],
        evaluation: Evaluation,
        data: Any,
        *,
        results: Any,
        data_dir: Any = None,
        pairs: Iterable[tuple[str, str]] | None = None,
        alone: Any = None,
        verbose: int = 1,
    ) -> None:
        self.networks, self.evaluation = networks, evaluation
        self.pairs = tuple(itertools.combinations(networks, 2) if pairs is None else pairs)
        self._directed = self.pairs if pairs is not None else tuple(itertools.permutations(networks, 2))
        self.options: dict[str, Any] = {"verbose": verbose}
        if evaluation.batch_size is not None:
            self.options["batch_size"] = evaluation.batch_size
        self._data, self._data_dir, self._results, self._alone = data, data_dir, results, alone
        self._needs: frozenset[str] = NEEDS
        self.samples = self.subset(evaluation.limit)
        self._opened: list[Any] = []  # corrupted versions, for all measurements together

    def serving(self, needs: frozenset[str]) -> "Context":
        """This context for a measurement, which may use what it declares to need."""
        context = copy.copy(self)
        context._needs = needs
        return context

    def _need(self, what: str) -> None:
        if what not in self._needs:
            raise InputError(f"A measurement that uses {what} declares it: needs = frozenset({{{what!r}}}).")

    @property
    def quiet(self) -> dict[str, Any]:
        """The options, without progress."""
        return {**self.options, "verbose": 0}

    def say(self, text: str) -> None:
        """Prints a line of progress, unless nothing is to be shown."""
        if self.options["verbose"]:
            print(text, flush=True)

    def subset(self, samples: int | None) -> Samples:
        """The test split, or a class-balanced part of it."""
        return self.subset_of(self._data.test, samples)

    def subset_of(self, split: Any, samples: int | None) -> Samples:
        """A split, or a class-balanced part of it.

        Raises:
            InputError: `samples` is not a multiple of the number of classes.
        """
        from keras_selectivity import datasets

        protocol, whole = {}, len(split.labels)
        if samples is not None and samples < whole:
            split = datasets.subset(split, samples, self.evaluation.seed)
            protocol = {"balanced_subset": samples, "of": whole}
        return Samples(np.asarray(split.images), split.labels, protocol)

    def validation(self, network: str) -> tuple[Any, np.ndarray]:
        """Images and labels that the network's training held out, by the protocol of its `run.json`.

        A tenth of the training samples for a network without one.
        """
        from keras_selectivity import datasets

        self._need("validation")
        run, data = self.networks[network].run, self._data
        tenth = len(data.train.labels) // data.classes // 10
        per_class = (run.get("protocol") or {}).get("validation_per_class", tenth)
        held_out = datasets.hold_out(data.train, per_class, run.get("seed") or 0)[1]
        return held_out.images, held_out.labels

    def corrupted(self) -> Any:
        """Corrupted versions of the samples, a `CorruptedImages`: released ones, or generated from the samples."""
        self._need("corrupted")
        if not self._opened:
            found = self._open_corrupted()
            # Looking for clean counterparts takes long.
            self._opened.append(dataclasses.replace(found, pairs=functools.cache(found.pairs)))
        return self._opened[0]

    def _open_corrupted(self) -> Any:
        from keras_selectivity import datasets

        evaluation = self.evaluation
        if evaluation.corrupted_data is None:
            clean = datasets.Split(self.samples.images, self.samples.labels)
            return datasets.generated_corruptions(clean, seed=evaluation.seed, textures=evaluation.frost)
        return datasets.open_corrupted(
            evaluation.corrupted_data,
            self._data,
            data_dir=self._data_dir,
            verify=evaluation.verify,
            clean=evaluation.clean_data,
        )

    def matched(self, corruption: str, severity: int) -> tuple[Samples, np.ndarray, str]:
        """Clean counterparts of a released version, or the part of them that the evaluation's limit leaves.

        Returns:
            The clean samples, `(n,)` positions of their corrupted images in the version, and how they were found.

        Raises:
            NoPairsError: There are none at hand.
        """
        from keras_selectivity import datasets

        released = self.corrupted()
        pairs = released.pairs()
        labels = released.read(corruption, severity).labels[pairs.positions]
        chosen = self.subset_of(datasets.Split(pairs.images, labels), self.evaluation.limit)
        positions = self.subset_of(datasets.Split(pairs.positions, labels), self.evaluation.limit)
        return chosen, np.asarray(positions.images), pairs.source

    def rows(self, network: str, evaluation: str, **columns: Any) -> list[Row]:
        """Rows of a network on the samples that are in the results already, or were measured of it alone.

        Args:
            network: Its name.
            evaluation: Name of the measurement that they come from.
            columns: Values of further columns.
        """
        import polars as pl

        from keras_selectivity.results import of_evaluation

        wanted = {
            "model": network,
            "dataset": self.evaluation.dataset,
            "split": "test",
            "samples": len(self.samples.labels),
            "epoch": None,
            **columns,
        }
        tables = [table for table in (self._results.scan(), self._alone) if table is not None]
        there = [pl.col(name).eq_missing(pl.lit(value)) for name, value in wanted.items()]
        rows = pl.concat(table.filter(there) for table in tables).collect()
        return rows.filter(of_evaluation(rows, evaluation)).to_dicts()

    def others(self, name: str) -> list[str]:
        """Names of the networks that a network may be compared with."""
        self._need("networks")
        return [second for first, second in self._directed if first == name]

    def other(self, name: str) -> Any:
        """A network to compare with.

        Raises:
            InputError: It is none of those that are measured.
        """
        self._need("networks")
        if name not in self.networks:
            raise InputError(f"{name} is none of the models to evaluate, {', '.join(self.networks)}.")
        return self.networks[name]
