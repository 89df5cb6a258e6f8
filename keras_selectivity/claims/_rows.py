"""The rows that claims are about, as values by alpha and seed, and what was left out of them."""

import functools
from collections.abc import Iterable
from collections.abc import Set
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import numpy as np
import polars as pl

from keras_selectivity._errors import InputError
from keras_selectivity.claims._tests import LEAST_SEEDS
from keras_selectivity.claims._tests import Sample
from keras_selectivity.results import MAIN
from keras_selectivity.results import Levels
from keras_selectivity.results import per_model
from keras_selectivity.results import pick


class Lacking(Exception):
    """The rows do not hold what a claim needs; the text says what to do."""


@dataclass(frozen=True)
class Values:
    """One value for each alpha and seed.

    Attributes:
        cells: Alpha -> seed -> value.
    """

    cells: dict[float, dict[int, float]]

    def alphas(self, low: float = -np.inf, high: float = np.inf) -> list[float]:
        """Alphas in a range, both ends included, ascending."""
        return sorted(alpha for alpha in self.cells if low <= alpha <= high)

    def at(self, alpha: float) -> dict[int, float]:
        """Seed -> value at an alpha.

        Raises:
            Lacking: There is none.
        """
        if not self.cells.get(alpha):
            raise Lacking(more_alphas(f"α = {alpha:g}"))
        return self.cells[alpha]

    def level(self, alpha: float) -> Sample:
        """The values at an alpha, by seed."""
        return _enough(list(self.at(alpha).values()), f"of α = {alpha:g}")

    def contrast(self, alpha: float, baseline: "float | Values" = 0.0) -> Sample:
        """Differences within seeds between an alpha and another, or between two measures at one alpha."""
        other = baseline.at(alpha) if isinstance(baseline, Values) else self.at(baseline)
        mine = self.at(alpha)
        seeds = sorted(set(mine) & set(other))
        names = f"α = {alpha:g}" + ("" if isinstance(baseline, Values) else f" and of α = {baseline:g}")
        return _enough([mine[seed] - other[seed] for seed in seeds], f"of {names}")

    def slope(self, low: float, high: float) -> Sample:
        """Slopes within seeds over the alphas of a range, zero among them: least squares, per unit of alpha."""
        alphas = self.alphas(low, high)
        side = "negative" if low < 0 else "positive"
        if 0.0 not in alphas or len(alphas) < 2:
            raise Lacking(more_alphas(f"α = 0 and a {side} α from {max(low, -100):g} to {min(high, 100):g}"))
        found = []
        for seed in sorted(self.cells[0.0]):
            x = np.array([alpha for alpha in alphas if seed in self.cells[alpha]])
            y = np.array([self.cells[alpha][seed] for alpha in x])
            x = x - x.mean()
            if x @ x > 0:
                found.append(float(x @ y / (x @ x)))
        return _enough(found, f"of α = 0 and of a {side} α")

    def apply(self, function: Any) -> "Values":
        """The values after a function of one number; what is not finite then is left out."""
        found = {
            alpha: {seed: number for seed, value in of.items() if np.isfinite(number := function(value))}
            for alpha, of in self.cells.items()
        }
        return Values(found)

    def log(self) -> "Values":
        """Natural logarithms; what is not positive is left out."""
        return self.apply(lambda value: np.log(value) if value > 0 else np.nan)

    def relative(self) -> "Values":
        """In per cent of the mean at alpha = 0."""
        mean = float(np.mean(list(self.at(0.0).values())))
        if mean <= 0:
            raise Lacking(f"A mean at α = 0 above zero, to take a share of: it is {mean:.3g}.")
        return self.apply(lambda value: 100 * value / mean)

    def points(self) -> "Values":
        """Fractions in points."""
        return self.apply(lambda value: 100 * value)

    def minus(self, other: "Values") -> "Values":
        """Differences within networks."""
        found = {
            alpha: {
                seed: value - other.cells[alpha][seed]
                for seed, value in of.items()
                if seed in other.cells[alpha]
            }
            for alpha, of in self.cells.items()
            if alpha in other.cells
        }
        return Values(found)


def _enough(values: list[float], what: str) -> Sample:
    if len(values) < LEAST_SEEDS:
        raise Lacking(f"At least {LEAST_SEEDS} seeds {what}, of which there are {len(values)}. {_RUN}")
    return np.asarray(values, float)


_RUN = "Add them to the study file and run `keras-selectivity study run STUDY.toml`."


def more_alphas(what: str) -> str:
    """What it takes to have networks with some alphas."""
    return f"Networks with {what}, {LEAST_SEEDS} seeds each. {_RUN}"


@dataclass(frozen=True)
class Rows:
    """The rows of the networks that claims are about.

    Attributes:
        table: The rows.
        excluded: Names of networks to leave out.
    """

    table: Levels
    excluded: Set[str] = frozenset()
    _cache: dict[Any, pl.DataFrame] = field(default_factory=dict)

    def without(self, networks: Iterable[str]) -> "Rows":
        """The rows without some networks."""
        return Rows(self.table, frozenset(networks), self._cache)

    def values(
        self,
        measure: str,
        arm: str = MAIN,
        *,
        x: str | None = None,
        reduce: pl.Expr | None = None,
        **where: Any,
    ) -> Values:
        """A measure of networks.

        Args:
            measure: Its name.
            arm: Arm of the study.
            x: Column that tells the values of a network apart.
            reduce: What makes one value of them.
            where: Further columns and their values, as `keras_selectivity.results.pick` takes them.

        Raises:
            Lacking: There are none.
            InputError: The rows mix protocols, or two networks share arm, alpha and seed.
        """
        key = (measure, arm, x, str(reduce), tuple(sorted(where.items())))
        if key not in self._cache:
            rows = self._by_measure.get(measure, self.table.rows.clear())
            picked = pick(rows, measure, x=x, arm=arm, **where)
            if reduce is not None:
                picked = per_model(picked, reduce)
            self._cache[key] = picked.filter(pl.col("alpha").is_not_null() & pl.col("seed").is_not_null())
        found: dict[float, dict[int, float]] = {}
        names: dict[tuple[float, int], str] = {}
        for model, alpha, seed, value in (
            self._cache[key].select("model", "alpha", "seed", "value").iter_rows()
        ):
            if value is None or model in self.excluded:
                continue
            if (alpha, seed) in names:
                raise InputError(
                    f"Two networks of arm {arm} share α = {alpha:g} and seed {seed}: {names[alpha, seed]} and {model}. "
                    "Keep the rows of one."
                )
            names[alpha, seed] = model
            found.setdefault(alpha, {})[seed] = value
        if not found:
            raise Lacking(_source(measure, where) if arm == MAIN or arm in self.arms else _arm(arm))
        return Values(found)

    @functools.cached_property
    def arms(self) -> list[str]:
        """Names of the arms."""
        return [arm or MAIN for arm in self.table.rows["arm"].unique(maintain_order=True)]

    @property
    def dataset(self) -> str | None:
        """Data set of the rows, if it is one."""
        names = self.table.rows["dataset"].unique().drop_nulls().to_list()
        return names[0] if len(names) == 1 else None

    @property
    def _by_measure(self) -> dict[str, pl.DataFrame]:
        if "by measure" not in self._cache:
            parts = self.table.rows.partition_by("measure", as_dict=True)
            self._cache["by measure"] = {str(name): part for (name,), part in parts.items()}  # type: ignore[assignment]
        return self._cache["by measure"]  # type: ignore[return-value]

    # What several claims use

    def accuracy(self, arm: str = MAIN) -> Values:
        """Test accuracy in points."""
        return self.values("accuracy", arm, evaluation="clean").points()

    def selectivity(self, arm: str = MAIN) -> Values:
        """Mean selectivity, over layers."""
        return self.values("mean_selectivity", arm, evaluation="clean")

    def layers(self, measure: str, arm: str = MAIN, layers: slice = slice(None), **where: Any) -> Values:
        """Mean of a measure over layers, input side first."""
        value = pl.col("value")
        if (layers.start or 0) < 0:
            value = value.tail(-layers.start)
        elif layers.stop is not None:
            value = value.head(layers.stop)
        return self.values(measure, arm, x="layer", reduce=value.mean(), **where)

    def perturbations(self, measure: str) -> list[str]:
        """Names of what a measure was perturbed by."""
        rows = self._by_measure.get(measure, self.table.rows.clear())
        return [name for name in rows["perturbation"].unique(maintain_order=True) if name]


# Measure -> the measurement of a study that it comes from, where the name does not say it
_SOURCES = {
    "jacobian_norm_mean": "jacobian",
    "dimensionality": "dimensionality",
    "off_axis_selectivity": "off_axis",
    "axis_aligned_selectivity": "off_axis",
    "pwcca_distance": "pwcca",
    "relative_accuracy": "corruptions",
    "masking_warnings": "masking",
    "unit_gradient_variation_over_samples": "unit_gradients",
    "unit_gradient_variation_over_units": "unit_gradients",
}


def _source(measure: str, where: dict[str, Any]) -> str:
    name = _SOURCES.get(measure) or str(where.get("perturbation") or where.get("evaluation") or "units")
    if name == "clean" or measure.startswith(("test_", "val_")):
        return f"Networks trained with `keras-selectivity study run STUDY.toml`, which records {measure}."
    name = "corruptions" if name.endswith("corruptions") else name.removesuffix(" by cross-entropy")
    return f"Add [evaluation.{name}] to the study file and run `keras-selectivity study run STUDY.toml`."


def _arm(arm: str) -> str:
    return f"Add an arm {arm!r} to the study file and run `keras-selectivity study run STUDY.toml`."
