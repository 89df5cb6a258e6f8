"""How robustness depends on measured selectivity, with what else alpha changes held fixed: exploratory."""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keras_selectivity.claims import _robustness as robustness
from keras_selectivity.claims._reportable import reportable
from keras_selectivity.claims._rows import Lacking
from keras_selectivity.claims._rows import Rows
from keras_selectivity.claims._rows import Values
from keras_selectivity.claims._subjects import main_subjects
from keras_selectivity.claims._tests import LEAST_SEEDS
from keras_selectivity.results import Table
from keras_selectivity.results import mean_interval

_SCHEMA = {
    "population": pl.String,
    "measure": pl.String,
    **dict.fromkeys(("slope", "low", "high", "adjusted_slope", "adjusted_low", "adjusted_high"), pl.Float64),
    "held": pl.String,
    "seeds": pl.Int64,
    "networks": pl.Int64,
}


def mediation(table: Table) -> pl.DataFrame:
    """How measures of robustness depend on measured selectivity, and what remains with accuracy and confidence fixed.

    Alpha changes clean accuracy and the logits' margin as well as selectivity, and each of them alone changes
    robustness. A linear regression of every measure on mean selectivity, within seeds (a seed's mean is taken from
    all its networks), once alone and once with clean accuracy and the mean logit margin beside it; in standard
    deviations within seeds. Intervals are t-intervals of the jackknife over seeds. Networks of the main arm that failed
    to learn are left out. It is exploratory: a regression does not say what causes what, and the papers do none.

    Args:
        table: The results of a study, from `keras_selectivity.results.read` or `scan`.

    Returns:
        A frame, one measure of one architecture and data set a row: `population`, which; `measure`; `slope`, `low`,
        `high`, its dependence on selectivity with its 95 % interval; `adjusted_slope`, `adjusted_low`, `adjusted_high`,
        the same with what `held` names held fixed; `seeds` and `networks`. Without rows for measures that are absent,
        or of fewer than three seeds.

    Raises:
        InputError: The rows mix protocols, or hold no accuracy on a test split.
    """
    found, _ = reportable(table)
    rows = []
    for subject in main_subjects(found):
        of = subject.rows.without(subject.failed)
        for name, get in _MEASURES.items():
            try:
                rows.append({"population": subject.title, "measure": name, **_dependence(of, get(of))})
            except Lacking:
                continue
    return pl.DataFrame(rows, schema=_SCHEMA)


_MEASURES: dict[str, Callable[[Rows], Values]] = {
    "corrupted accuracy": robustness.corrupted,
    "corrupted / clean accuracy": lambda rows: robustness.corrupted(rows, "relative_accuracy"),
    "accuracy under FGSM": robustness.fgsm,
    "accuracy under PGD": robustness.pgd,
    "Jacobian norm": lambda rows: rows.values("jacobian_norm_mean").log(),
    "dimensionality, clean": lambda rows: robustness.dimensions(rows, None),
    "dimensionality, change by attack": lambda rows: robustness.dimensions(rows, "pgd"),
}


def _dependence(rows: Rows, measure: Values) -> dict[str, object]:
    columns = {"selectivity": rows.selectivity(), "clean accuracy": rows.accuracy()}
    try:
        columns["logit margin"] = rows.values("mean_logit_margin", evaluation="clean")
    except Lacking:
        pass
    keys = [
        (seed, alpha)
        for alpha, of in sorted(measure.cells.items())
        for seed in of
        if all(seed in each.cells.get(alpha, {}) for each in columns.values())
    ]
    seeds = np.array([seed for seed, _ in keys])
    x = np.array([[each.cells[alpha][seed] for each in columns.values()] for seed, alpha in keys], float)
    y = np.array([measure.cells[alpha][seed] for seed, alpha in keys], float)
    # An intercept per seed, a slope per column, and something left to estimate the error from
    if len(set(seeds)) < LEAST_SEEDS or len(keys) <= len(set(seeds)) + x.shape[1] + 1:
        raise Lacking("more networks")
    alone, adjusted = (mean_interval(_pseudo_values(x[:, :width], y, seeds)) for width in (1, x.shape[1]))
    return {
        **dict(zip(("slope", "low", "high"), alone, strict=True)),
        **dict(zip(("adjusted_slope", "adjusted_low", "adjusted_high"), adjusted, strict=True)),
        "held": ", ".join(list(columns)[1:]),
        "seeds": len(set(seeds)),
        "networks": len(keys),
    }


def _pseudo_values(
    x: NDArray[np.float64], y: NDArray[np.float64], seeds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Jackknife over seeds of the first standardised slope."""
    n = len(np.unique(seeds))
    whole = _slope(x, y, seeds)
    return np.array(
        [
            n * whole - (n - 1) * _slope(*(v[seeds != seed] for v in (x, y, seeds)))
            for seed in np.unique(seeds)
        ]
    )


def _slope(x: NDArray[np.float64], y: NDArray[np.float64], seeds: NDArray[np.int64]) -> float:
    columns = np.column_stack([x, y])
    for seed in np.unique(seeds):
        columns[seeds == seed] -= columns[seeds == seed].mean(0)
    spread = columns.std(0)
    if not spread.all():
        raise Lacking("networks that differ")
    columns /= spread
    return float(np.linalg.lstsq(columns[:, :-1], columns[:, -1], rcond=None)[0][0])
