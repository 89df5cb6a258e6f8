"""Which networks of a table a claim is about, and which of them are left out."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from keras_selectivity.claims._absent import absent_of
from keras_selectivity.claims._claim import Claim
from keras_selectivity.claims._papers import POPULATIONS
from keras_selectivity.claims._rows import Rows
from keras_selectivity.results import MAIN
from keras_selectivity.results import Levels
from keras_selectivity.results import pick

# Networks with less than this share of the mean accuracy at alpha = 0 have failed to learn.
_FAILED = 0.5


@dataclass(frozen=True)
class Subject:
    """The networks that a claim is checked on.

    Attributes:
        title: What they are.
        rows: Their rows.
        failed: Names of those that failed to learn: of less than half the mean accuracy of alpha = 0.
        absent: Runs without results, as `keras_selectivity.claims.absent_runs` tells of them.
        masked: What the controls for gradient masking say, alpha by alpha; `None` where they were not run.
        extension: Whether the paper speaks of other networks.
    """

    title: str
    rows: Rows
    failed: tuple[str, ...]
    absent: tuple[str, ...]
    masked: dict[float, float] | None
    extension: bool = False


class Subjects:
    """The networks of a table, by what the papers say of them.

    Args:
        table: Rows that can be reported.
        every: All rows of networks and layers, from which it can be told what is not there.
    """

    def __init__(self, table: Levels, every: pl.DataFrame) -> None:
        self._table, self._every = table, every
        rows = table.rows.filter(pl.col("alpha").is_not_null())
        found = rows.select("network", "dataset", arm=pl.col("arm").fill_null(MAIN).cast(pl.String)).unique()
        self.main = {(n, d) for n, d, arm in found.iter_rows() if arm == MAIN}
        self._arms = {(n, d) for n, d, arm in found.iter_rows() if arm == n}
        self._known: dict[tuple[str | None, str | None], Subject] = {}

    def of(self, claim: Claim) -> Iterator[Subject]:
        """Those that a claim can be checked on: those of the paper, else a network that no paper speaks of."""
        papers = {(name, POPULATIONS[name].dataset) for name in POPULATIONS}
        wanted = [(name, POPULATIONS[name].dataset) for name in claim.about]
        for key in wanted:
            if key in self.main | self._arms:
                yield self.subject(key)
                return
        others = sorted(self.main - papers, key=str)
        datasets = {dataset for _, dataset in wanted}
        if claim.extends and not self.main & papers and len(others) == 1 and others[0][1] in datasets:
            yield self.subject(others[0], extension=True)

    def subject(self, key: tuple[str | None, str | None], extension: bool = False) -> Subject:
        if key not in self._known:
            self._known[key] = self._find(key, extension)
        return self._known[key]

    def _find(self, key: tuple[str | None, str | None], extension: bool) -> Subject:
        network, dataset = key
        mine = [pl.col("network").eq_missing(pl.lit(network)), pl.col("dataset").eq_missing(pl.lit(dataset))]
        table = self._table.filter(*mine)
        if key not in self.main:  # an arm that is named after its network is its main arm here
            arm = (
                pl.when(pl.col("arm") == network).then(pl.lit(MAIN)).otherwise(pl.col("arm").cast(pl.String))
            )
            table = Levels(
                table.rows.with_columns(arm.cast(pl.Categorical).alias("arm")),
                table.units.with_columns(arm.cast(pl.Categorical).alias("arm")),
            )
        title = (
            POPULATIONS[network].title if network in POPULATIONS else f"{network or 'a network'} on {dataset}"
        )
        rows = Rows(table)
        absent = tuple(absent_of(self._every.filter(mine)))
        return Subject(title, rows, _failed(table), absent, _masked(table), extension)


def main_subjects(table: Levels) -> list[Subject]:
    """The networks of the main arm, whatever the papers say of them."""
    subjects = Subjects(table, table.rows)
    return [subjects.subject(key) for key in sorted(subjects.main, key=str)]


def _failed(table: Levels) -> tuple[str, ...]:
    failed: list[str] = []
    arms = table.rows["arm"].fill_null(MAIN).cast(pl.String).unique(maintain_order=True).to_list()
    accuracy = {
        arm: pick(table.rows, "accuracy", arm=arm, evaluation="clean").filter(pl.col("alpha").is_not_null())
        for arm in {MAIN, *arms}
    }
    zero = {arm: found.filter(pl.col("alpha") == 0)["value"] for arm, found in accuracy.items()}
    for arm in arms:
        baseline = zero[arm] if zero[arm].len() else zero[MAIN]
        if baseline.len():
            least = _FAILED * float(np.mean(baseline.to_numpy()))
            failed += accuracy[arm].filter(pl.col("value") < least)["model"].cast(pl.String).to_list()
    return tuple(failed)


def _masked(table: Levels) -> dict[float, float] | None:
    """Share of the networks of each alpha that a control warns of."""
    found = pick(table.rows, "masking_warnings", arm=MAIN, x="epsilon").filter(pl.col("alpha").is_not_null())
    if found.is_empty():
        return None
    shares = found.group_by("alpha").agg(share=(pl.col("value") > 0).mean()).sort("alpha")
    return dict(shares.select("alpha", "share").iter_rows())
