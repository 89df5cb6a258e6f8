"""Claims of "On the relationship between class selectivity, dimensionality, and robustness" (W, arXiv 2007.04440)."""

from collections.abc import Callable
from collections.abc import Iterable

import numpy as np
import polars as pl

from keras_selectivity._released import BENCHMARK
from keras_selectivity._released import RELEASED
from keras_selectivity.claims._claim import BOTH
from keras_selectivity.claims._claim import LESS
from keras_selectivity.claims._claim import R18
from keras_selectivity.claims._claim import R20
from keras_selectivity.claims._claim import Claim
from keras_selectivity.claims._claim import both_sides
from keras_selectivity.claims._claim import slope
from keras_selectivity.claims._kinds import Check
from keras_selectivity.claims._kinds import Counted
from keras_selectivity.claims._kinds import Shift
from keras_selectivity.claims._rows import Lacking
from keras_selectivity.claims._rows import Rows
from keras_selectivity.claims._rows import Values
from keras_selectivity.claims._tests import LEAST_SEEDS

# W speaks of the first nine layers of ResNet18, and of all of ResNet20.
_EARLY = {"resnet18": 9}
# What the mean over a release is called: CIFAR-10-C has 19 corruptions, Tiny ImageNet-C has the benchmark's 15, also
# where the four of its second archive, or generated ones, were measured beside them.
_RELEASED = {
    "cifar10": ("all 19 corruptions",),
    "tiny_imagenet": ("benchmark corruptions", "all 15 corruptions"),
}
# So many seeds are enough to choose an alpha with half of them, and to test it with the others.
_HALVES = 6
_CHOSEN = -1.0
# A mean over severities is one of all five, or none.
_EVERY_SEVERITY = pl.when(pl.len() == 5).then(pl.col("value").mean())


def corrupted(rows: Rows, measure: str = "accuracy") -> Values:
    """A measure's mean over the corruptions of the papers' release and all severities, in points.

    Of another data set's release, over all that there are.
    """
    known = rows.perturbations(measure)
    every = [name for name in known if name.startswith("all ")]
    wanted = _RELEASED.get(rows.dataset or "", sorted(every, key=lambda name: -int(name.split()[1])))
    name = next((name for name in wanted if name in known), None)
    if name is None:
        raise Lacking("Add [evaluation.corruptions], all of them, to the study file and run it.")
    return rows.values(measure, perturbation=name).points()


def _early(rows: Rows) -> slice:
    networks = rows.table.rows["network"].unique().drop_nulls().to_list()
    return slice(_EARLY.get(networks[0]) if len(networks) == 1 else None)


def dimensions(rows: Rows, perturbation: str | None, early: bool = False) -> Values:
    """Share of dimensions, mean over layers."""
    return rows.layers(
        "dimensionality", layers=_early(rows) if early else slice(None), perturbation=perturbation
    )


def _corruption(rows: Rows) -> str:
    """The corruption whose change the dimensionality is of."""
    found = [name for name in rows.perturbations("dimensionality") if name != "pgd"]
    if not found:
        raise Lacking(
            "Add [evaluation.dimensionality] to the study file and run `keras-selectivity study run STUDY.toml`."
        )
    return min(found)


def _over_alphas(values: Values) -> Values:
    """The mean of every seed over its alphas from -2 to 2, as if of alpha = 0."""
    alphas = values.alphas(-2, 2)
    seeds = sorted({seed for alpha in alphas for seed in values.cells[alpha]})
    means = {
        seed: float(np.mean([values.cells[a][seed] for a in alphas if seed in values.cells[a]]))
        for seed in seeds
    }
    return Values({0.0: means})


def _more_dimensions(rows: Rows, first: str, second: str | None, theirs: float, early: bool = False) -> Check:
    found = dimensions(rows, first, early).minus(dimensions(rows, second, early))
    return Shift(
        _over_alphas(found).level(0.0), theirs, what="differences within networks, mean of a seed over its α"
    )


def _increase(rows: Rows) -> Values:
    """What an attack adds to the dimensions of the early layers, relative to clean activations."""
    return dimensions(rows, "pgd", True).minus(dimensions(rows, None, True))


def fgsm(rows: Rows) -> Values:
    attacked = pl.col("value").filter(pl.col("epsilon") > 0).mean()
    return rows.values(
        "accuracy", x="epsilon", reduce=attacked, perturbation=_as_in_the_papers(rows, "fgsm")
    ).points()


def pgd(rows: Rows) -> Values:
    return rows.values("accuracy", perturbation=_as_in_the_papers(rows, "pgd"), steps=25).points()


def _as_in_the_papers(rows: Rows, attack: str) -> str:
    """The attack along the cross-entropy's gradient in float32, where its rows are told from the exact one's."""
    own = f"{attack} by cross-entropy"
    return own if own in rows.perturbations("accuracy") else attack


def worst_case(rows: Rows) -> Values:
    """Accuracy under AutoAttack or, without it, under both or one of its APGD, mean over radii."""
    names = [name for name in ("autoattack", "apgd", "apgd-ce") if name in rows.perturbations("accuracy")]
    mean = pl.col("value").mean()
    return rows.values(
        "accuracy", x="epsilon", reduce=mean, perturbation=(names or ["autoattack"])[0]
    ).points()


def _by_corruption(rows: Rows, names: Iterable[str], relative: bool) -> dict[str, Values]:
    """Accuracy by corruption, mean over severities; perhaps in per cent of clean accuracy."""
    clean = rows.accuracy()
    found = {}
    for name in names:
        values = rows.values("accuracy", x="severity", reduce=_EVERY_SEVERITY, perturbation=name).points()
        if relative:
            cells = {
                alpha: {
                    seed: 100 * value / clean.cells[alpha][seed]
                    for seed, value in of.items()
                    if clean.cells.get(alpha, {}).get(seed)
                }
                for alpha, of in values.cells.items()
            }
            values = Values(cells)
        found[name] = values
    return found


def _chosen(rows: Rows, corrupted: Values) -> tuple[float, list[int]]:
    """The alpha to test, and the seeds to test it with: chosen without them, or beforehand.

    With six seeds and more, the alpha from -2 to -0.1 whose corrupted accuracy is best among every other seed; with
    fewer, -1 and all seeds.
    """
    seeds = sorted(corrupted.at(0.0))
    if len(seeds) < _HALVES:
        return _CHOSEN, seeds
    alphas = [a for a in corrupted.alphas(-2, -0.1) if set(seeds) <= set(corrupted.cells[a])]
    if not alphas:
        return _CHOSEN, seeds
    best = max(alphas, key=lambda a: float(np.mean([corrupted.cells[a][seed] for seed in seeds[::2]])))
    return best, seeds[1::2]


def _counted(asked: int, release: tuple[str, ...], relative: bool, theirs: float) -> Callable[[Rows], Check]:
    """How many corruptions of a release improve at one alpha, whatever others there are."""

    def check(rows: Rows) -> Check:
        missing = sorted(set(release) - set(rows.perturbations("accuracy")))
        if missing:
            raise Lacking(
                f"Add [evaluation.corruptions] with all {len(release)} corruptions to the study file, and run it; "
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing."
            )
        found = _by_corruption(rows, release, relative)
        alpha, seeds = _chosen(rows, corrupted(rows))
        seeds = [
            s for s in seeds if all(s in v.cells.get(a, {}) for v in found.values() for a in (alpha, 0.0))
        ]
        if len(seeds) < LEAST_SEEDS:
            raise Lacking(
                f"At least {LEAST_SEEDS} seeds of α = {alpha:g} and of α = 0, with every corruption."
            )
        differences = np.array(
            [[v.cells[alpha][s] - v.cells[0.0][s] for v in found.values()] for s in seeds], float
        )
        how = (
            "chosen on the other seeds" if len(seeds) < len(corrupted(rows).at(0.0)) else "chosen beforehand"
        )
        unit = " corruptions"
        return Counted(differences, asked, theirs / 3, theirs, unit, f"α = {alpha:g}, {how}", True)

    return check


def _best(rows: Rows) -> Check:
    values = corrupted(rows)
    alpha, seeds = _chosen(rows, values)
    part = Values({a: {s: v for s, v in of.items() if s in seeds} for a, of in values.cells.items()})
    return Shift(part.contrast(alpha), 4.0, " points", what=f"at α = {alpha:g}", halves=True)


CLAIMS = (
    *both_sides(
        ("robust to corruption below zero", "weaker against corruption above zero"), "W", "3.1, Figures 1a, A4a",
        "Accuracy on corrupted images (CIFAR-10-C: mean over 19 corruptions, Tiny ImageNet-C: over 15) falls with α {} zero.", corrupted, (-2.0, -4.0), " points", learned=True,
    ),
    Claim(
        "corrupted accuracy gain", "W", "3.1, Figure 1a", "Less selectivity improves the corrupted accuracy of ResNet18.",
        "up to +4 points", R18, _best, True,
    ),
    *both_sides(
        ("robust relative to clean accuracy below zero", "weaker relative to clean accuracy above zero"), "W",
        "3.1, Figures 1b, A4b", "The ratio of corrupted to clean accuracy (of the same corruptions) falls with α {} zero.",
        lambda rows: corrupted(rows, "relative_accuracy"), (-1.5, -1.5), " points", learned=True,
    ),
    Claim(
        "most corruptions", "W", "3.1, note 4", "Relative to clean accuracy, 15 of 19 corruptions harm ResNet20 less at an α < 0.",
        "15 of 19; taken as +3 points in the mean", R20, _counted(15, RELEASED, True, 3.0), True,
    ),
    Claim(
        "all corruptions", "W", "3.1, note 4, Figure A5", "All 19 corruptions harm ResNet20 less at an α < 0.",
        "19 of 19; taken as +3 points in the mean", R20, _counted(19, RELEASED, False, 3.0), True,
    ),
    Claim(
        "most corruptions of Tiny ImageNet-C", "W", "3.1, note 4",
        "Relative to clean accuracy, 12 of 15 corruptions harm ResNet18 less at an α < 0.",
        "12 of 15; taken as +5 points in the mean", R18, _counted(12, BENCHMARK, True, 5.0), True,
    ),
    Claim(
        "all corruptions of Tiny ImageNet-C", "W", "3.1, note 4, Figure A2", "All 15 corruptions harm ResNet18 less at an α < 0.",
        "15 of 15; +4 points in the mean", R18, _counted(15, BENCHMARK, False, 4.0), True,
    ),
    *both_sides(
        ("weaker against FGSM below zero", "robust to FGSM above zero"), "W", "3.2, Figures 2a, A7a",
        "Accuracy under FGSM rises with α {} zero.", fgsm, (5.0, 5.0), " points", learned=True, adversarial=True,
    ),
    *both_sides(
        ("weaker against PGD below zero", "robust to PGD above zero"), "W", "3.2, Figures 2b, A7b",
        "Accuracy under 25 steps of PGD rises with α {} zero.", pgd, (5.0, 5.0), " points", learned=True, adversarial=True,
    ),
    *both_sides(
        ("larger Jacobian below zero", "smaller Jacobian above zero"), "W", "3.2, Figures 2c, A7c",
        "The norm of the input-output Jacobian falls with α {} zero.",
        lambda rows: rows.values("jacobian_norm_mean").relative(), (-20.0, -20.0), " %", learned=True,
    ),
    *both_sides(
        ("higher dimensionality below zero", "lower dimensionality above zero"), "W", "3.3, Figures 3a, A8a",
        "Dimensionality of early layers (the first nine of ResNet18, all of ResNet20) falls with α {} zero.",
        lambda rows: dimensions(rows, None, True).relative(), (-20.0, -20.0), " %", learned=True,
    ),
    Claim(
        "corruption changes more dimensions", "W", "3.3, Figures 3b, A8b",
        "The clean − corrupted difference has more dimensions than the clean activations.",
        "higher; taken as 0.1 of the dimensions", BOTH, lambda rows: _more_dimensions(rows, _corruption(rows), None, 0.1), True,
    ),
    *both_sides(
        ("change by corruption grows below zero", "change by corruption shrinks above zero"), "W", "3.3, Figures 3b, A8b",
        "Dimensionality of the clean − corrupted difference falls with α {} zero.",
        lambda rows: dimensions(rows, _corruption(rows)).relative(), (-10.0, -10.0), " %", learned=True,
    ),
    *both_sides(
        ("change by attack grows below zero", "change by attack shrinks above zero"), "W", "3.3, Figures 3c, A8c",
        "Dimensionality of the clean − adversarial difference falls with α {} zero.",
        lambda rows: dimensions(rows, "pgd").relative(), (-10.0, -10.0), " %", learned=True, adversarial=True,
    ),
    Claim(
        "attack changes more dimensions", "W", "3.3, Figures 3c, A8c",
        "In early layers an attack changes more dimensions than a corruption does.",
        "much larger; taken as 0.1 of the dimensions", BOTH,
        lambda rows: _more_dimensions(rows, "pgd", _corruption(rows), 0.1, True), True, True,
    ),
    Claim(
        "attack adds more at low selectivity", "W", "abstract, 3.3",
        "What an attack adds to the dimensionality of early layers is larger at low selectivity.",
        "larger; taken as −0.03 of the dimensions per unit of α", BOTH, slope(_increase, LESS, -0.03, ""), True, True,
    ),
)  # fmt: skip
