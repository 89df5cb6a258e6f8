"""The kinds of checks: each says which hypothesis it tests, with which statistic, and what it takes for granted.

All are tests on one value per seed. Networks of one seed share the validation split and the initialisation, so their
differences are formed within a seed; layers, classes, images and alphas are never counted as independent samples.
"""

import abc
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from keras_selectivity.claims import _tests as tests
from keras_selectivity.claims._tests import Sample
from keras_selectivity.results import mean_interval


class Check(abc.ABC):
    """What one value per seed says about a claim.

    Attributes:
        p: P-value of the test that has to be significant for the claim to agree.
        p_against: P-value of the test that has to be significant for it to disagree.
        direction: Whether the effect has the paper's sign; without it, significance speaks against the claim.
        seeds: Number of seeds.
        unit: Unit of the effect.
        reports_effect: Whether the paper reports an effect, rather than a level or none.
        halves: Whether the other half of the seeds chooses what is tested, where there are enough.
        no_effect: The effect size that would be none, in `unit`; NaN for a level or a count.
    """

    p: float
    p_against: float
    direction: bool
    seeds: int
    unit: str
    reports_effect: bool = True
    halves: bool = False
    no_effect: float = math.nan

    @property
    def p_support(self) -> float:
        """`p` where the effect has the paper's sign, else 1."""
        return self.p if self.direction else 1.0

    @property
    def p_refute(self) -> float:
        """The p-value of what speaks most against the claim."""
        return self.p_against if self.direction else min(self.p, self.p_against)

    @abc.abstractmethod
    def effect(self) -> tuple[float, float, float]:
        """The effect size with its 95 % interval: `(effect, low, high)`, in `unit`."""

    @abc.abstractmethod
    def paper(self) -> tuple[float, float]:
        """The paper's effect size, twice, or the bounds that it has to lie in, perhaps infinite; in `unit`."""

    @abc.abstractmethod
    def needed(self, level: float) -> int | None:
        """Seeds that would give 80 % power at the paper's effect, with the spread seen here; `None` for over 1,000."""

    @abc.abstractmethod
    def description(self) -> str:
        """What was tested, in words."""

    @abc.abstractmethod
    def outline(self) -> str:
        """The kind of check and the smallest effect of interest, in words."""

    def ours(self) -> str:
        """The effect size in words."""
        effect, low, high = self.effect()
        return f"{_number(effect)}{self.unit} [{_number(low)}, {_number(high)}]"


@dataclass(frozen=True)
class Shift(Check):
    """A paired contrast, or a slope by seed, that the paper reports to have a direction.

    Hypothesis: the mean over seeds is zero; against it, it has the paper's sign. It counts as none where two one-sided
    tests put it within the smallest effect of interest. Statistic: Student's t of one value per seed. Assumes
    that the values of different seeds are independent and near normal.

    Attributes:
        values: `(seeds,)` floats.
        theirs: The paper's effect, in the same unit; its sign is the direction.
        unit: Unit, as it stands behind a number.
        interest: Smallest effect of interest, positive; a third of the paper's if left out.
        what: What was compared.
        halves: As in `Check`.
    """

    values: Sample
    theirs: float
    unit: str = ""
    interest: float = 0.0
    what: str = ""
    halves: bool = False

    @property
    def least(self) -> float:
        """Smallest effect of interest."""
        return self.interest or abs(self.theirs) / 3

    @property
    def seeds(self) -> int:  # type: ignore[override]
        return len(self.values)

    @cached_property
    def p(self) -> float:  # type: ignore[override]
        return tests.against_zero(self.values)

    @cached_property
    def p_against(self) -> float:  # type: ignore[override]
        return tests.between(self.values, -self.least, self.least)

    @property
    def direction(self) -> bool:  # type: ignore[override]
        return float(np.mean(self.values)) * self.theirs > 0

    @property
    def no_effect(self) -> float:  # type: ignore[override]
        return 0.0

    def effect(self) -> tuple[float, float, float]:
        return mean_interval(self.values)

    def paper(self) -> tuple[float, float]:
        return self.theirs, self.theirs

    def needed(self, level: float) -> int | None:
        return tests.seeds_needed(abs(self.theirs), float(np.std(self.values, ddof=1)), level, True)

    def description(self) -> str:
        what = f"{self.what}: " if self.what else ""
        return (
            f"{what}t-test of one value per seed against 0, n = {self.seeds}, p = {_p(self.p)}; "
            f"equivalence within ±{self.least:.3g}{self.unit}, p = {_p(self.p_against)}"
        )

    def outline(self) -> str:
        kind = "slope by seed" if "slope" in self.what else "paired contrast"
        return f"{kind}; ±{self.least:.2g}{self.unit}"


@dataclass(frozen=True)
class Ratio(Shift):
    """A ratio within seeds, tested as the `Shift` of its logarithm, in which `values`, `theirs` and `interest` are.

    The effect is the geometric mean. Assumes that the logarithms are near normal.
    """

    unit: str = " times"

    def effect(self) -> tuple[float, float, float]:
        middle, low, high = np.exp(mean_interval(self.values))
        return float(middle), float(low), float(high)

    @property
    def no_effect(self) -> float:  # type: ignore[override]
        return 1.0

    def paper(self) -> tuple[float, float]:
        return float(np.exp(self.theirs)), float(np.exp(self.theirs))

    def description(self) -> str:
        what = f"{self.what}: " if self.what else ""
        return (
            f"{what}t-test of log ratios, one per seed, n = {self.seeds}, p = {_p(self.p)}; equivalence within "
            f"a factor of {np.exp(self.least):.3g}, p = {_p(self.p_against)}"
        )

    def outline(self) -> str:
        return f"ratio by seed; a factor of {np.exp(self.least):.2g}"

    def ours(self) -> str:
        return "{:.3g} times [{:.3g}, {:.3g}]".format(*self.effect())


@dataclass(frozen=True)
class Inside(Check):
    """A level, or a difference that the paper reports to be none: the mean over seeds lies between two bounds.

    Hypothesis: the mean over seeds lies outside; against it, inside (two one-sided tests). It disagrees where the mean
    lies significantly beyond a bound. Statistic: Student's t of one value per seed. Assumes that the
    values of different seeds are independent and near normal.

    Attributes:
        values: `(seeds,)` floats.
        low: Lower bound, perhaps minus infinity.
        high: Upper bound, perhaps infinity.
        unit: Unit, as it stands behind a number.
        what: What was compared.
        signed: Whether numbers are shown with their sign, as differences are.
    """

    values: Sample
    low: float
    high: float
    unit: str = ""
    what: str = ""
    signed: bool = False

    direction = True
    reports_effect = False

    @property
    def seeds(self) -> int:  # type: ignore[override]
        return len(self.values)

    @cached_property
    def p(self) -> float:  # type: ignore[override]
        return tests.between(self.values, self.low, self.high)

    @cached_property
    def p_against(self) -> float:  # type: ignore[override]
        return tests.outside(self.values, self.low, self.high)

    @property
    def no_effect(self) -> float:  # type: ignore[override]
        return 0.0 if self.signed else math.nan

    def effect(self) -> tuple[float, float, float]:
        return mean_interval(self.values)

    def paper(self) -> tuple[float, float]:
        return self.low, self.high

    def needed(self, level: float) -> int | None:
        middle = (
            (self.low + self.high) / 2 if np.isfinite(self.low + self.high) else float(np.mean(self.values))
        )
        distance = min(middle - self.low, self.high - middle)
        spread = float(np.std(self.values, ddof=1))
        # Both of two tests must be significant
        power = tests.POWER if np.isinf(self.low) or np.isinf(self.high) else (1 + tests.POWER) / 2
        return tests.seeds_needed(distance, spread, level, False, power)

    def description(self) -> str:
        what = f"{self.what}: " if self.what else ""
        return (
            f"{what}one-sided t-tests of one value per seed for {self._bounds}, n = {self.seeds}, p = {_p(self.p)}; "
            f"beyond, p = {_p(self.p_against)}"
        )

    @property
    def _bounds(self) -> str:
        if np.isinf(self.high):
            return f"at least {_bound(self.low)}{self.unit}"
        if np.isinf(self.low):
            return f"at most {_bound(self.high)}{self.unit}"
        return f"{_bound(self.low)} to {_bound(self.high)}{self.unit}"

    def outline(self) -> str:
        return f"{'equivalence' if self.signed else 'level'}; {self._bounds}"

    def ours(self) -> str:
        effect, low, high = (_number(v) if self.signed else f"{v:.3g}" for v in self.effect())
        return f"{effect}{self.unit} [{low}, {high}]"


@dataclass(frozen=True)
class Counted(Check):
    """In how many of several conditions, such as corruptions, a mean over seeds is positive.

    Hypothesis: the differences of a seed are symmetric about zero. Statistic: the number of conditions with a positive
    mean, against the numbers that flipping the signs of whole seeds gives. It counts as none where the mean
    over conditions is equivalent to zero, and disagrees where fewer than the paper's number can be
    positive: the interval counts conditions whose simultaneous (Bonferroni) t-intervals allow it. Assumes that seeds
    are independent; conditions of a seed may depend on each other.

    Attributes:
        values: `(seeds, conditions)` floats, differences in the direction of the claim.
        asked: The paper's number.
        interest: Smallest mean difference of interest.
        theirs: Mean difference that is taken to be the paper's.
        unit: What is counted.
        what: What was compared.
        halves: As in `Check`.
    """

    values: Sample
    asked: int
    interest: float
    theirs: float
    unit: str = ""
    what: str = ""
    halves: bool = False

    @property
    def seeds(self) -> int:  # type: ignore[override]
        return len(self.values)

    @property
    def direction(self) -> bool:  # type: ignore[override]
        return self._count >= self.asked

    @property
    def _count(self) -> int:
        return int(np.sum(self.values.mean(0) > 0))

    @cached_property
    def p(self) -> float:  # type: ignore[override]
        return tests.by_sign_flips(self.values)

    @property
    def p_refute(self) -> float:
        return (
            self.p_against
        )  # a number that is too small, however unlikely without an effect, decides nothing

    @cached_property
    def p_against(self) -> float:  # type: ignore[override]
        none = tests.between(self.values.mean(1), -self.interest, self.interest)
        return min(1.0, 2 * min(none, self._too_few))

    @cached_property
    def _too_few(self) -> float:
        """P-value of fewer than the paper's number being positive: so many can be negative only if they are."""
        conditions = self.values.shape[1]
        below = np.sort([tests.t_test(of, 0.0, "less") for of in self.values.T])
        spare = conditions - self.asked  # so many may be negative; one more must be
        return float(min(1.0, below[spare] * (conditions - spare)))

    def effect(self) -> tuple[float, float, float]:
        # A simultaneous interval lies above zero where the one-sided test is significant at half its level
        level = tests.LEVEL / self.values.shape[1] / 2
        above, below = (
            sum(tests.t_test(of, 0.0, side) < level for of in self.values.T) for side in ("greater", "less")
        )
        surely, perhaps = min(above, self._count), max(self.values.shape[1] - below, self._count)
        return float(self._count), float(surely), float(perhaps)

    def paper(self) -> tuple[float, float]:
        return float(self.asked), float(self.values.shape[1])

    def needed(self, level: float) -> int | None:
        spread = float(np.std(self.values.mean(1), ddof=1))
        found = tests.seeds_needed(self.theirs, spread, level, True)
        # Fewer signs than these have no pattern that is rare enough
        return found and max(found, int(np.ceil(-np.log2(level))))

    def description(self) -> str:
        return (
            f"{self.what}: sign flips of {self.seeds} seeds, p = {_p(self.p)}; mean over all within "
            f"±{self.interest:.2g} points or fewer than {self.asked}, p = {_p(self.p_against)}"
        )

    def outline(self) -> str:
        return f"count; {self.asked} of {self.values.shape[1]}, and ±{self.interest:.2g} points in the mean"

    def ours(self) -> str:
        count, low, high = self.effect()
        return f"{count:.0f} of {self.values.shape[1]} [{low:.0f}, {high:.0f}]"


@dataclass(frozen=True)
class Every(Check):
    """A claim that has several parts, such as several alphas, all of which must hold.

    Hypothesis: some part does not hold; against it, all do: the largest p-value of the parts, after Holm's
    correction, decides. It disagrees where some part, after the same correction, does.

    Attributes:
        parts: The parts.
    """

    parts: tuple[Check, ...]

    direction = True

    @property
    def reports_effect(self) -> bool:  # type: ignore[override]
        return any(part.reports_effect for part in self.parts)

    @property
    def unit(self) -> str:  # type: ignore[override]
        return self._weakest.unit

    @property
    def seeds(self) -> int:  # type: ignore[override]
        return min(part.seeds for part in self.parts)

    @cached_property
    def p(self) -> float:  # type: ignore[override]
        return max(tests.holm([part.p_support for part in self.parts]))

    @cached_property
    def p_against(self) -> float:  # type: ignore[override]
        return min(tests.holm([part.p_refute for part in self.parts]))

    @property
    def _weakest(self) -> Check:
        return max(self.parts, key=lambda part: part.p_support)

    @property
    def no_effect(self) -> float:  # type: ignore[override]
        return self._weakest.no_effect

    def effect(self) -> tuple[float, float, float]:
        return self._weakest.effect()

    def paper(self) -> tuple[float, float]:
        return self._weakest.paper()

    def needed(self, level: float) -> int | None:
        found = [part.needed(level) for part in self.parts]
        return max((n for n in found if n is not None), default=None) if None not in found else None

    def description(self) -> str:
        if len(self.parts) == 1:
            return self.parts[0].description()
        return f"{len(self.parts)} parts, the weakest: {self._weakest.description()}"

    def outline(self) -> str:
        kinds = list(dict.fromkeys(part.outline() for part in self.parts))
        return "every part: " + (", ".join(kinds) if len(kinds) < 3 else f"{kinds[0]} … {kinds[-1]}")

    def ours(self) -> str:
        named = [(getattr(part, "what", ""), part.ours()) for part in self.parts]
        return "; ".join(f"{text} {what}".strip() for what, text in named)


def _number(value: float) -> str:
    return f"{value:+.3g}"


def _bound(value: float) -> str:
    return f"{value:.3g}"


def _p(value: float) -> str:
    return f"{value:.2g}"
