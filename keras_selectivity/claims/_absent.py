"""Runs of a study that have no results: those that its table names, and those that its alphas and seeds would have."""

from collections import Counter
from collections import defaultdict

import polars as pl

from keras_selectivity.results import MAIN
from keras_selectivity.results import RUN_FAILED
from keras_selectivity.results import RUN_MISSING
from keras_selectivity.results import Table
from keras_selectivity.results import levels
from keras_selectivity.results import of_evaluation

# So many alphas of an arm are listed
_LISTED = 12
# Arm, alpha, seed
_Run = tuple[str, float, int]


def absent_runs(table: Table) -> list[str]:
    """Runs without results, as a study's table names them, and those that each arm's alphas and seeds would have.

    A table that is no study's, or a part of one, cannot tell of an alpha of which it holds no row.

    Args:
        table: What `keras_selectivity.results.read` or `scan` returns.

    Returns:
        A list of texts: how many failed and how many are missing, of which arm and alpha, by network and data set.
    """
    rows = levels(table).rows
    every = [
        (f"{network} on {dataset}", absent_of(part))
        for (network, dataset), part in rows.group_by("network", "dataset", maintain_order=True)
    ]
    found = [(of, text) for of, texts in every for text in texts]
    return [f"{of}: {text}" if len({of for of, _ in every}) > 1 else text for of, text in found]


def absent_of(rows: pl.DataFrame) -> list[str]:
    """As `absent_runs`, of the rows of one network and data set, those that name runs without results among them."""
    failed, missing = (_runs(rows.filter(pl.col("measure") == name)) for name in (RUN_FAILED, RUN_MISSING))
    there = _runs(rows.filter(pl.col("measure") == "accuracy", of_evaluation(rows, "clean")))
    wanted = _grid(_runs(rows)) | failed | missing
    of = Counter(run[:2] for run in wanted)
    found = []
    for gone, what in ((failed, "failed"), (wanted - there - failed, "missing")):
        each = [
            f"{'' if arm == MAIN else f'{arm}, '}α = {alpha:g} ({count} of {of[arm, alpha]})"
            for (arm, alpha), count in sorted(Counter(run[:2] for run in gone).items())
        ]
        if len(each) > _LISTED:
            each[_LISTED:] = [f"and {len(each) - _LISTED} more"]
        if each:
            runs = "1 run" if len(gone) == 1 else f"{len(gone)} runs"
            found.append(f"{runs} {what}: {', '.join(each)}")
    return found


def _runs(rows: pl.DataFrame) -> set[_Run]:
    seeded = rows.filter(pl.col("alpha").is_not_null(), pl.col("seed").is_not_null())
    arm = pl.col("arm").fill_null(MAIN).cast(pl.String)
    return set(seeded.select(arm, "alpha", "seed").unique().iter_rows())


def _grid(runs: set[_Run]) -> set[_Run]:
    """All seeds of an arm with all of its alphas."""
    alphas, seeds = defaultdict(set), defaultdict(set)
    for arm, alpha, seed in runs:
        alphas[arm].add(alpha)
        seeds[arm].add(seed)
    return {(arm, alpha, seed) for arm in alphas for alpha in alphas[arm] for seed in seeds[arm]}
