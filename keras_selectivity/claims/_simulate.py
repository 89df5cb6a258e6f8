"""Studies that were never run: tables of rows whose effects are known, with which the verdicts are calibrated."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keras_selectivity._released import BENCHMARK
from keras_selectivity._released import RELEASED
from keras_selectivity.claims._papers import ACCURACY
from keras_selectivity.claims._papers import POPULATIONS
from keras_selectivity.claims._papers import SELECTIVITY
from keras_selectivity.claims._papers import Curve
from keras_selectivity.claims._papers import at
from keras_selectivity.results import MAIN
from keras_selectivity.results import conform

Truth = Literal["papers", "none", "opposite"]
Floats = NDArray[np.float64]

PAPERS_GRID = (
    *(-100, -30, -10, -5, -3.5, -3, -2.5, -2, -1.5, -1, -0.7, -0.4, -0.3, -0.2, -0.1, 0),
    *(0.1, 0.2, 0.3, 0.4, 0.7, 1, 2, 5, 10, 30, 100),
)
"""The α of the papers' ResNet18, with the further negative ones of its figures."""
SHORT_GRID = (-2, -1, -0.4, 0, 0.4)
"""The α of a study with five of them."""
_ARM_GRID = (-2, -1, -0.4, -0.2, 0, 0.1, 0.2, 0.4, 0.7, 1, 2)
_EPOCHS = 80

# Standard deviation over seeds: of accuracy in points, from the range of twenty networks in the authors' figure for
# ResNet18; assumed for the others.
_SPREAD = {"resnet18": 0.4, "resnet20": 0.2, "vgg16": 0.2, "resnet50": 0.4}


@dataclass(frozen=True)
class _Networks:
    """The networks of one arm."""

    arm: str
    alphas: Floats
    seeds: NDArray[np.int64]

    @property
    def models(self) -> list[str]:
        return [f"{self.arm}_{a:g}_{s}" for a, s in zip(self.alphas, self.seeds, strict=True)]


def simulate(
    network: str,
    truth: Truth,
    *,
    seeds: int,
    alphas: Iterable[float] = PAPERS_GRID,
    arms: bool = True,
    failing: bool = False,
    spread: float = 1.0,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """The rows of a study that was never run.

    Every measure that a claim needs moves with alpha as in the papers, not at all, or the other way; claims of no
    difference get a difference in place of the other way. Values of a seed share a shift, and each has an error of its
    own.

    Args:
        network: One of those of the papers.
        truth: `"papers"`, `"none"` or `"opposite"`.
        seeds: Number of seeds.
        alphas: Alphas of the main arm, 0 among them.
        arms: Whether there are the papers' arms.
        failing: Whether networks with an alpha from 1 up or from -2 down are at chance, and what is measured on them
            arbitrary.
        spread: Multiplies the standard deviations over seeds, but for accuracy.
        rng: Source of the errors.

    Returns:
        A table of results.
    """
    made = _Study(network, truth, failing, spread, rng, seeds)
    made.main(sorted(float(a) for a in alphas))
    if arms and network in ("resnet18", "resnet20"):
        made.arms()
    dataset = POPULATIONS[network].dataset
    everywhere = {
        "study": "simulated",
        "network": network,
        "dataset": dataset,
        "split": "test",
        "samples": 10_000,
    }
    table = pl.concat(made.rows, how="diagonal").with_columns(**{k: pl.lit(v) for k, v in everywhere.items()})
    return conform(table.lazy()).collect()


class _Study:
    """Collects the rows of a simulated study."""

    def __init__(
        self, network: str, truth: Truth, failing: bool, spread: float, rng: np.random.Generator, seeds: int
    ) -> None:
        self.network, self.truth, self.failing, self.rng, self.seeds = network, truth, failing, rng, seeds
        self.spread = spread
        self.rows: list[pl.DataFrame] = []

    def main(self, alphas: list[float]) -> None:
        """All measures of the main arm."""
        of = self._networks(MAIN, alphas)
        twelve = self.network == "resnet18"
        zero = {"opposite": 1.6}.get(self.truth, 1.0)
        self._accuracy(of, ACCURACY[self.network])
        index = self._values(of, SELECTIVITY[self.network], 0.01, relative=True, least=1e-4)
        self._add(of, "clean", "mean_selectivity", index)
        self._add(of, "clean", "mean_selectivity_over_units", np.minimum(index * zero, 1))
        dead = {0: 0.5, 1: 1.0, 100: 2.0} if twelve else {0: 1.0, 1: 6.0, 2: 11.0, 100: 60.0}
        self._share(of, "clean", "dead_units", dead, 0.5, flat={0: 10.0} if twelve else None)
        self._corruptions(of)
        attacked = {-2: 30.0, 0: 40.0, 2: 50.0}
        self._share(of, "fgsm", "accuracy", attacked, 1.0, perturbation="fgsm", epsilon=2 / 255)
        self._share(of, "pgd", "accuracy", attacked, 1.0, perturbation="pgd", steps=25)
        self._share(of, "autoattack", "accuracy", attacked, 1.0, perturbation="autoattack", epsilon=2 / 255)
        self._add(of, "masking", "masking_warnings", np.zeros(len(of.alphas)), epsilon=8 / 255)
        self._relative(of, "jacobian", "jacobian_norm_mean", -0.20, 50.0)
        self._dimensions(of)
        for over in ("samples", "units"):
            measure = f"unit_gradient_variation_over_{over}"
            for layer in "abc":
                self._relative(of, "unit_gradients", measure, 0.10, 0.5, layer=layer)
        self._units(of)
        self._training(of)
        self._off_axis(of)
        self._pairs(alphas)

    def arms(self) -> None:
        """Accuracy and selectivity of the papers' arms."""
        grid = list(_ARM_GRID)
        r18 = self.network == "resnet18"
        down = {0: 0.0, 0.1: -1.0, 0.7: -5.0, 1: -6.0, 2: -10.0}
        curves: dict[str, tuple[Curve, Curve | None]] = {
            "discriminability": ({-2: -0.5, 0: 0.0, **down}, {-2: 2.0, -0.1: 2.0, 0: 0.0}),
            "first_three": (
                {-2: 1.0, -1: 1.0, **down} if r18 else {-2: 0.0, **down},
                None if r18 else {-2: -2.0, -0.1: -2.0, 0: 0.0},
            ),
            "last_three": (
                {-2: -1.0, -0.4: 0.0, -0.2: 0.3, **down} if r18 else {-2: -1.5, -1: -1.0, **down},
                {-2: 3.0, -0.2: 2.0, 0: 0.0} if r18 else None,
            ),
            "warmup": ({-2: 0.0, **down}, None),
            "leaky_0.01": ({-2: 0.0, **down}, None),
            "leaky_0.1": ({-2: 0.0, **down}, None),
            "leaky_0.3": ({-2: 0.0, **down}, None),
        }  # fmt: skip
        base = ACCURACY[self.network][0]
        for arm, (curve, instead) in curves.items():
            of = self._networks(arm, grid)
            self._accuracy(
                of,
                {a: base + v for a, v in curve.items()},
                instead and {a: base + v for a, v in instead.items()},
            )
            self._add(
                of,
                "clean",
                "mean_selectivity",
                self._values(of, SELECTIVITY[self.network], 0.01, True, least=1e-4),
            )
            self._share(of, "clean", "dead_units", {0: 0.0}, 0.05, flat={0: 5.0})
            if arm == "discriminability":
                for layer in "abc":
                    self._relative(of, "units", "mean_discriminability", 0.2, 1.0, layer=layer)
        for method, shift in (("augmix", -0.02), ("pgd", 0.02), ("fgsm", 0.02)):
            of = self._networks(method, [0.0])
            self._accuracy(of, {0: base})
            index = self._values(of, {0: SELECTIVITY[self.network][0]}, 0.01, True)
            self._add(of, "clean", "mean_selectivity", index + self._sign * shift)

    @property
    def _sign(self) -> int:
        return {"papers": 1, "none": 0, "opposite": -1}[self.truth]

    def _networks(self, arm: str, alphas: Iterable[float]) -> _Networks:
        grid = np.array(list(alphas))
        return _Networks(arm, np.repeat(grid, self.seeds), np.tile(np.arange(self.seeds), len(grid)))

    def _add(self, of: _Networks, evaluation: str, measure: str, values: Floats, **columns: Any) -> None:
        protocol = json.dumps({"evaluation": evaluation}) if evaluation else None
        shared = {"arm": of.arm, "measure": measure, "protocol": protocol, **columns}
        frame = pl.DataFrame({"model": of.models, "alpha": of.alphas, "seed": of.seeds, "value": values})
        self.rows.append(frame.with_columns(**{name: pl.lit(value) for name, value in shared.items()}))

    def _values(
        self,
        of: _Networks,
        papers: Curve,
        spread: float,
        relative: bool = False,
        *,
        flat: Curve | None = None,
        least: float = -np.inf,
        as_they_are: bool = False,
    ) -> Floats:
        """A measure by alpha, with a shift by seed and errors.

        Args:
            of: The networks.
            papers: Alpha -> value, as the papers have it.
            spread: Standard deviation over seeds; half of its variance is a shift that a seed's networks share.
            relative: Whether it is one of the value.
            flat: Alpha -> value in place of the other way, on the sides of zero that it has, where the papers' curve is
                flat; a single one for both.
            least: Least value.
            as_they_are: Whether networks at chance have it like the others.
        """
        mean = at(papers, of.alphas)
        zero = at(papers, np.zeros(1))[0]
        if self.truth == "none":
            mean = np.full_like(mean, zero)
        elif self.truth == "opposite":
            mean = np.maximum(2 * zero - mean, least)
            for side in (-1, 1):
                if flat and (set(flat) == {0} or any(alpha * side > 0 for alpha in flat)):
                    mean = np.where(of.alphas * side >= 0, at(flat, of.alphas), mean)
        shift, error = self.rng.standard_normal(self.seeds)[of.seeds], self.rng.standard_normal(len(mean))
        scale = self.spread * spread * (np.abs(mean) if relative else 1) / np.sqrt(2)
        values = np.maximum(mean + scale * (shift + error), least)
        if self.failing and not as_they_are:
            arbitrary = zero * np.exp(self.rng.standard_normal(len(values)))
            values = np.where(_fails(of), arbitrary, values)
        return np.asarray(values)

    def _share(
        self,
        of: _Networks,
        evaluation: str,
        measure: str,
        papers: Curve,
        spread: float,
        *,
        flat: Curve | None = None,
        **columns: Any,
    ) -> None:
        """A measure in per cent, kept as a fraction."""
        units = measure.startswith(
            ("dead", "sparse", "val_")
        )  # units die and change in networks at chance, too
        values = self._values(of, papers, spread, flat=flat, as_they_are=units) / 100
        self._add(of, evaluation, measure, np.clip(values, 0, 1), **columns)

    def _relative(
        self, of: _Networks, evaluation: str, measure: str, gain: float, zero: float, **columns: Any
    ) -> None:
        """A measure that changes by a share of its value at alpha = 0 per unit of alpha, up to 2."""
        curve = {-2: zero * (1 - 2 * gain), 0: zero, 2: zero * (1 + 2 * gain)}
        self._add(of, evaluation, measure, self._values(of, curve, 0.05 * zero), **columns)

    def _accuracy(self, of: _Networks, papers: Curve, flat: Curve | None = None) -> None:
        if flat is None and of.arm == MAIN and self.network in ("resnet20", "vgg16", "resnet18"):
            base = papers[0]
            # Mild alphas gain or lose where the papers see no difference; the rest is the other way round
            flat = {a: min(2 * base - v, 99.0) for a, v in papers.items()}
            flat |= {-0.7: base - 2, -0.1: base - 2} if self.network == "resnet20" else {}
            flat |= {-3: base - 4, 5: base - 10} if self.network == "resnet18" else {}
        values = self._values(of, papers, _SPREAD[self.network] / self.spread, flat=flat) / 100
        if self.failing:
            chance = 0.1 if self.network in ("resnet20", "vgg16") else 0.005
            values = np.where(_fails(of), chance, values)
        self._add(of, "clean", "accuracy", np.clip(values, 0.001, 1))

    def _corruptions(self, of: _Networks) -> None:
        names = BENCHMARK if POPULATIONS[self.network].dataset == "tiny_imagenet" else RELEASED
        clean = np.maximum(self._clean(of), 0.01)
        gain = {-2: 4.0, -1: 4.0, 0: 0.0, 1: -4.0, 2: -8.0}
        total = np.zeros(len(of.alphas))
        for number, name in enumerate(names):
            # Both papers see every corruption improve, and about one in five no more than clean accuracy does
            share = 0.35 if number % 5 == 4 else 1.2
            curve = {a: 25 + share * g for a, g in gain.items()}
            values = np.clip(self._values(of, curve, 0.7) / 100, 0, 1)
            total += values / len(names)
            for severity in range(1, 6):
                self._add(
                    of,
                    "corruptions",
                    "accuracy",
                    values,
                    perturbation=name,
                    severity=severity,
                )
        title = f"all {len(names)} corruptions"
        self._add(of, "corruptions", "accuracy", total, perturbation=title)
        self._add(of, "corruptions", "relative_accuracy", total / clean, perturbation=title)

    def _clean(self, of: _Networks) -> Floats:
        known = next(f for f in self.rows if f["measure"][0] == "accuracy" and f["arm"][0] == of.arm)
        return known["value"].to_numpy()

    def _dimensions(self, of: _Networks) -> None:
        for layer in "abc":
            for name, more, slope in ((None, 0.0, -0.05), ("motion_blur", 0.1, -0.04), ("pgd", 0.2, -0.08)):
                zero = 0.35 + self._sign * more
                curve = {-2: zero - 2 * slope, 0: zero, 2: zero + 2 * slope}
                values = self._values(of, curve, 0.01)
                self._add(of, "dimensionality", "dimensionality", values, layer=layer, perturbation=name)

    def _units(self, of: _Networks) -> None:
        for layer in "abc":
            for measure in ("mean_precision", "mean_mutual_information"):
                self._relative(of, "units", measure, 0.2, 0.3, layer=layer)
            self._add(of, "units", "mean_selectivity_of_alive",
                      self._values(of, SELECTIVITY[self.network], 0.01, True, least=1e-4), layer=layer)  # fmt: skip
            sparse = {0: 2.0, 5: 5.0, 10: 16.0, 100: 40.0}
            self._share(of, "units", "sparse_units", sparse, 0.5, flat={0: 20.0, 10: 3.0}, layer=layer)
        rho = {"papers": {"resnet18": 0.83}.get(self.network, 0.9), "none": 0.0, "opposite": -0.5}[self.truth]
        self._add(
            of,
            "units",
            "spearman_selectivity_discriminability",
            rho + 0.02 * self.rng.standard_normal(len(of.alphas)),
        )
        share = {"papers": 0.9, "none": 0.9, "opposite": 0.2}[self.truth]
        for unit in range(10):
            active = np.full(len(of.alphas), 0.95 if unit < 10 * share else 0.3)
            self._add(of, "units", "active_share", active, layer="a", unit=unit)

    def _training(self, of: _Networks) -> None:
        epochs = {"resnet18": 35.0}.get(self.network, 45.0)
        # In place of the other way: twice as long at every other alpha
        reached = self._values(
            of, {0: epochs}, 1.0, flat={-0.01: 2 * epochs - 15, 0: epochs, 0.01: 2 * epochs - 15}
        )
        for epoch in range(0, _EPOCHS, 2):
            self._add(of, "", "test_accuracy", np.where(epoch < reached, 0.3, 0.5), epoch=epoch)
        once = {"opposite": 80.0}.get(self.truth, 99.0)
        self._share(
            of,
            "",
            "val_selectivity/preferred_changed_once",
            {0: once},
            0.3,
            flat={0: 80.0},
            epoch=_EPOCHS - 1,
        )
        fewer = {0: 50.0, 0.2: 50.0, 1: 40.0, 2: 30.0}
        other = {0: 50.0, 0.1: 70.0, 0.2: 70.0, 2: 95.0}
        self._share(of, "", "val_selectivity/preferred_changed", fewer, 0.5, flat=other, epoch=_EPOCHS - 1)

    def _off_axis(self, of: _Networks) -> None:
        for layer in "abcd":
            last = layer in "cd"
            curve = {-2: 0.5, 0: 0.5} if last else {-2: 0.2, 0: 0.5}
            other = {-2: 0.8, -0.1: 0.7, 0: 0.5} if last else None
            bound = self._values(of, curve, 0.02, flat=other)
            self._add(of, "off_axis", "off_axis_selectivity", np.clip(bound, 0, 1), layer=layer)
            on = np.clip(bound - self._sign * 0.1 + 0.01 * self.rng.standard_normal(len(bound)), 0, 1)
            self._add(of, "off_axis", "axis_aligned_selectivity", on, layer=layer)

    def _pairs(self, alphas: list[float]) -> None:
        """PWCCA distances between networks of one alpha, and to those of alpha = 0; each network has an effect of its
        own."""
        own = {(a, s): 0.01 * self.rng.standard_normal() for a in alphas for s in range(self.seeds)}
        rows = []
        for a in alphas:
            for s in range(self.seeds):
                same = [(a, t) for t in range(s + 1, self.seeds)] if a <= 0 else []
                zero = [(0.0, t) for t in range(self.seeds)] if a < 0 else []
                for other in same + zero:
                    apart = 0.0 if other[0] == a else 0.25 * self._sign * min(abs(a) + 0.5, 3) / 1.5
                    rows.append((a, s, *other, 0.3 * np.exp(apart) + own[a, s] + own[other]))
        if not rows:
            return
        first, seed, second, other_seed, distance = (np.array(column) for column in zip(*rows, strict=True))
        of = _Networks(MAIN, first, seed.astype(int))
        others = _Networks(MAIN, second, other_seed.astype(int)).models
        frame = pl.DataFrame({"model": of.models, "alpha": of.alphas, "seed": of.seeds, "other": others})
        error = 0.005 * self.rng.standard_normal((2, len(frame)))
        for layer, noise in zip("ab", error, strict=True):
            columns = {
                "layer": layer,
                "arm": MAIN,
                "measure": "pwcca_distance",
                "protocol": '{"evaluation": "pwcca"}',
            }
            values = pl.Series("value", np.maximum(distance + noise, 0.001))
            self.rows.append(frame.with_columns(values, **{k: pl.lit(v) for k, v in columns.items()}))


def _fails(of: _Networks) -> NDArray[np.bool_]:
    return np.asarray((of.alphas >= 1) | (of.alphas <= -2))
