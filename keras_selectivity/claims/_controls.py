"""Claims of "Selectivity considered harmful" (S, arXiv 2003.01262) on its controls: other bases, units, measures,
layers."""

from collections.abc import Callable

import numpy as np
import polars as pl

from keras_selectivity.claims._claim import BOTH
from keras_selectivity.claims._claim import INFINITE
from keras_selectivity.claims._claim import MORE
from keras_selectivity.claims._claim import R18
from keras_selectivity.claims._claim import R20
from keras_selectivity.claims._claim import Claim
from keras_selectivity.claims._claim import both_sides
from keras_selectivity.claims._claim import every
from keras_selectivity.claims._claim import nearest
from keras_selectivity.claims._claim import signs
from keras_selectivity.claims._claim import slope
from keras_selectivity.claims._claim import unchanged
from keras_selectivity.claims._kinds import Check
from keras_selectivity.claims._kinds import Inside
from keras_selectivity.claims._kinds import Ratio
from keras_selectivity.claims._kinds import Shift
from keras_selectivity.claims._rows import Lacking
from keras_selectivity.claims._rows import Rows
from keras_selectivity.claims._rows import Values
from keras_selectivity.claims._rows import more_alphas
from keras_selectivity.claims._similarity import ratio_by_seed
from keras_selectivity.results import in_arm


def _ratios(rows: Rows) -> Values:
    """Log ratio of PWCCA distances, by alpha and seed, of negative alphas."""
    main = rows.table.rows.filter(in_arm(), ~pl.col("model").is_in(list(rows.excluded)))
    found = {alpha: of for alpha, of in ratio_by_seed(main).items() if alpha < 0}
    if not found:
        raise Lacking(
            "Add [evaluation.pwcca] to a study of at least three seeds of α = 0 and of a negative α, and run it."
        )
    return Values(found)


def _not_rotated(rows: Rows, least: float) -> Check:
    values = _ratios(rows)
    parts: list[Check] = [
        Ratio(values.level(a), float(np.log(1.2)), what=f"at α = {a:g}") for a in values.alphas(high=least)
    ]
    return every(parts, more_alphas(f"an α of at most {least:g}, and their PWCCA distances"))


def _farther(rows: Rows) -> Check:
    """Slopes by seed; at alpha = 0 the ratio is 1 by definition."""
    values = _ratios(rows)
    seeds = {seed for of in values.cells.values() for seed in of}
    whole = Values({**values.cells, 0.0: dict.fromkeys(seeds, 0.0)})
    return Shift(
        whole.slope(-2, 0), -0.1, " per unit of α", what="slopes of the log ratio over α from −2 to 0"
    )


def _off_axis(rows: Rows) -> Values:
    return rows.layers("off_axis_selectivity").relative()


def _above_the_axes(rows: Rows) -> Check:
    off, on = (rows.layers(name) for name in ("off_axis_selectivity", "axis_aligned_selectivity"))
    return every(
        [Shift(off.contrast(a, on), 0.05, what=f"at α = {a:g}") for a in off.alphas(high=0)],
        more_alphas("an α of at most 0"),
    )


def _last_two(rows: Rows) -> Check:
    """The bound in the last two layers within a tenth of that at alpha = 0."""
    values = rows.layers("off_axis_selectivity", layers=slice(-2, None)).relative()
    return unchanged(values, [a for a in values.alphas(-2, 0) if a], 10, " %")


def _dead(rows: Rows) -> Values:
    return rows.values("dead_units", evaluation="clean").points()


def _few_dead(rows: Rows) -> Check:
    values = _dead(rows)
    alphas = values.alphas(0.1)
    return every(
        [Inside(values.level(a), -INFINITE, 3, " %", f"at α = {a:g}") for a in alphas],
        more_alphas("a positive α"),
    )


def _sparse(rows: Rows) -> Check:
    """At most a tenth below alpha = 10, more from there on."""
    values = rows.layers("sparse_units").points()
    below, above = [a for a in values.alphas() if 0 < a < 10], values.alphas(10)
    if not above:
        raise Lacking(more_alphas("an α of at least 10"))
    parts = [Inside(values.level(a), -INFINITE, 10, " %", f"at α = {a:g}") for a in below]
    return every([*parts, *(Inside(values.level(a), 10, INFINITE, " %", f"at α = {a:g}") for a in above)], "")


def _responsive(rows: Rows) -> Check:
    """Share of units that respond to more than 80 % of the samples, at the alpha nearest to 0.7."""
    accuracy = rows.accuracy()
    alpha = nearest(accuracy, 0.4, 1, 0.7)
    units = rows.table.units.filter(pl.col("measure") == "active_share", pl.col("alpha") == alpha, in_arm())
    shares = (
        units.select("model", "seed", "value")
        .collect(engine="streaming")
        .filter(~pl.col("model").is_in(list(rows.excluded)))
        .group_by("model", maintain_order=True)
        .agg(pl.col("seed").first(), share=100 * (pl.col("value") > 0.8).mean())
    )
    if shares.is_empty():
        raise Lacking("Add [evaluation.units] with its rows of units to the study file, and run it.")
    values = Values({alpha: dict(shares.select("seed", "share").iter_rows())})
    return Inside(values.level(alpha), 50, INFINITE, " % of the units", f"at α = {alpha:g}")


def _correlation(rows: Rows, theirs: float) -> Check:
    values = rows.values("spearman_selectivity_discriminability").level(0.0)
    return Inside(values, theirs - 0.1, theirs + 0.1, what="Spearman's ρ over units at α = 0")


def _arm_signs(arm: str, theirs: float) -> Callable[[Rows], Check]:
    """+alpha against -alpha at the largest magnitude up to 1 that an arm has."""

    def check(rows: Rows) -> Check:
        values = rows.accuracy(arm)
        both = [a for a in values.alphas(0.1, 1) if -a in values.cells]
        if not both:
            raise Lacking(more_alphas(f"an α of both signs up to 1, in the arm {arm!r}"))
        return signs(values, max(both), theirs)

    return check


def _with_zero(rows: Rows, arm: str, get: Callable[..., Values] | None = None) -> Values:
    """Accuracy (or another measure) of an arm; at alpha = 0 what is regularised does not matter: the main arm's will
    do."""
    get = get or rows.accuracy
    values = get(arm)
    if 0.0 in values.cells:
        return values
    return Values({**values.cells, 0.0: get().at(0.0)})


def _discriminability(rows: Rows) -> Callable[..., Values]:
    return lambda *arm: rows.layers("mean_discriminability", *arm)


def _no_gain(rows: Rows) -> Check:
    values = _with_zero(rows, "discriminability")
    return every(
        [
            Inside(values.contrast(a), -INFINITE, 0.5, " points", f"at α = {a:g}", signed=True)
            for a in values.alphas(-1, -0.1)
        ],
        more_alphas("an α from −1 to −0.1, in the arm 'discriminability'"),
    )


def _arm_contrast(arm: str, low: float, high: float, to: float, theirs: float) -> Callable[[Rows], Check]:
    """Accuracy of an arm at the alpha of a range that is nearest to one, against alpha = 0."""

    def check(rows: Rows) -> Check:
        values = _with_zero(rows, arm)
        alpha = nearest(values, low, high, to)
        return Shift(values.contrast(alpha), theirs, " points", what=f"at α = {alpha:g}")

    return check


def _arm_neutral(arm: str, low: float, high: float, margin: float) -> Callable[[Rows], Check]:
    def check(rows: Rows) -> Check:
        values = _with_zero(rows, arm)
        return unchanged(values, [a for a in values.alphas(low, high) if a], margin)

    return check


def _small_gain(rows: Rows) -> Check:
    """A gain at -0.2 that is below half a point, and gone at -0.4."""
    values = _with_zero(rows, "last_three")
    gain = Shift(values.contrast(-0.2), 0.4, " points", what="at α = −0.2")
    bound = Inside(values.contrast(-0.2), -INFINITE, 0.5, " points", "at α = −0.2", signed=True)
    return every([gain, bound, unchanged(values, [-0.4], 0.5)], "")


def _leaky(rows: Rows) -> Check:
    """Every slope's accuracy at the alpha nearest to 0.7, against its own alpha = 0."""
    arms = [arm for arm in rows.arms if arm.startswith("leaky")]
    parts: list[Check] = []
    for arm in arms:
        values = rows.accuracy(arm)
        alpha = nearest(values, 0.4, 1, 0.7)
        parts.append(Shift(values.contrast(alpha), -5.0, " points", what=f"{arm} at α = {alpha:g}"))
    return every(
        parts,
        "Add arms leaky_0.01, leaky_0.1 and leaky_0.3, each with α = 0 and 0.7, to the study file, and run it.",
    )


def _no_dead_leaky(rows: Rows) -> Check:
    arms = [arm for arm in rows.arms if arm.startswith("leaky")]
    parts: list[Check] = []
    for arm in arms:
        values = rows.values("dead_units", arm, evaluation="clean").points()
        parts += [
            Inside(values.level(a), -INFINITE, 0.5, " %", f"{arm} at α = {a:g}") for a in values.alphas(0.1)
        ]
    return every(parts, "Add arms leaky_0.01, leaky_0.1 and leaky_0.3 to the study file, and run it.")


def _changed_once(rows: Rows) -> Check:
    last = pl.col("value").sort_by("epoch").last()
    values = rows.values("val_selectivity/preferred_changed_once", x="epoch", reduce=last).points()
    return every(
        [Inside(values.level(a), 95, INFINITE, " % of the units", f"at α = {a:g}") for a in values.alphas(0)],
        more_alphas("an α of at least 0"),
    )


def _changes(rows: Rows) -> Values:
    """Mean number of changes per unit, in per cent of that at alpha = 0."""
    return rows.values(
        "val_selectivity/preferred_changed", x="epoch", reduce=pl.col("value").sum()
    ).relative()


CLAIMS = (
    Claim(
        "not rotated away", "S", "4.2, Figure 2",
        "From α = −0.2 down, ResNet18 is farther from α = 0 than its equals are from each other.",
        "ratio above 1, p < 1.3e-5, but for α = −0.1; taken as 1.2", R18, lambda rows: _not_rotated(rows, -0.2), True,
    ),
    Claim(
        "not rotated away in ResNet20", "S", "4.2, Figure A3",
        "At every negative α, ResNet20 is farther from α = 0 than its equals are from each other.",
        "ratio above 1, p < 5e-6; taken as 1.2", R20, lambda rows: _not_rotated(rows, -0.1), True,
    ),
    Claim(
        "farther with |α|", "S", "4.2, Figures 2, A3", "The ratio of distances grows with |α|.",
        "grows; taken as 10 % per unit of α", BOTH, _farther, True,
    ),
    Claim(
        "off-axis selectivity falls", "S", "4.2, A.7, Figures 2, A4",
        "The upper bound of off-axis selectivity falls with α below zero.",
        "falls; taken as 20 % per unit of α", BOTH, slope(_off_axis, (-2, 0), 20, " %"), True,
    ),
    Claim(
        "off-axis selectivity above the axes'", "S", "4.2, A.7",
        "The most selective axes are always more selective than the units.",
        "always; taken as 0.05", BOTH, _above_the_axes, True,
    ),
    Claim(
        "off-axis selectivity alike in the last layers", "S", "4.2, Figure A4",
        "In the last two layers the upper bound is alike for every α.",
        "very similar; taken as within 10 %", BOTH, _last_two, True,
    ),
    Claim(
        "dead units", "S", "A.10, Figure A8", "Units of ResNet20 die with growing α.",
        "in proportion to α; taken as 5 points per unit of α", R20, slope(_dead, MORE, 5, " points"),
    ),
    Claim(
        "few units die", "S", "A.10, Figure A7", "Hardly any units of ResNet18 die, whatever α.", "at most 3 %", R18, _few_dead,
    ),
    Claim(
        "selectivity without dead units", "S", "A.10, Figure A8",
        "Without its dead units, the selectivity of ResNet20 follows α above zero.",
        "more consistent; taken as +0.25 per unit of α", R20,
        slope(lambda rows: rows.layers("mean_selectivity_of_alive"), MORE, 0.25, ""), True,
    ),
    Claim(
        "sparse units", "S", "A.11, Figure A10",
        "Units of ResNet18 that are silent for half of the samples are rare for α below 10.",
        "over 10 % only for α of at least 10", R18, _sparse,
    ),
    Claim(
        "harm without sparseness", "S", "A.11, Figure A10", "Where accuracy has suffered, most units still respond to most samples.",
        "most units to over 80 % at α = 0.7", BOTH, _responsive,
    ),
    *both_sides(
        ("precision falls below zero", "precision rises above zero"), "S", "A.13, Figure A17", "Mean precision follows α {} zero.",
        lambda rows: rows.layers("mean_precision").relative(), (20, 20), " %", learned=True,
    ),
    *both_sides(
        ("information falls below zero", "information rises above zero"), "S", "A.13, Figure A18",
        "Mutual information of units and classes follows α {} zero.",
        lambda rows: rows.layers("mean_mutual_information").relative(), (20, 20), " %", R18, learned=True,
    ),
    Claim(
        "d' agrees with selectivity", "S", "A.14", "Units of ResNet20 rank alike by d′ and by the selectivity index.",
        "Spearman's ρ = 0.90, of a network", R20, lambda rows: _correlation(rows, 0.90),
    ),
    Claim(
        "d' agrees with selectivity in ResNet18", "S", "A.14",
        "Units of ResNet18 rank alike by d′ and by the selectivity index.",
        "Spearman's ρ = 0.83, of a network", R18, lambda rows: _correlation(rows, 0.83),
    ),
    *both_sides(
        ("d' falls below zero", "d' rises above zero"), "S", "A.14, Figure A19", "Regularising d′ moves d′ with α {} zero.",
        lambda rows: _with_zero(rows, "discriminability", _discriminability(rows)).relative(), (20, 20), " %", learned=True,
    ),
    Claim(
        "d' harm is one-sided", "S", "A.14", "Increasing d′ harms more than decreasing it.",
        "the same asymmetry; taken as −3 points", BOTH, _arm_signs("discriminability", -3.0),
    ),
    Claim(
        "d' without a gain", "S", "A.14", "Decreasing d′ does not improve the accuracy of ResNet18.", "no improvement", R18, _no_gain,
    ),
    Claim(
        "first three layers, gain", "S", "A.15, Figure A21",
        "Less selectivity in the first three layers alone improves the accuracy of ResNet18.",
        "improves; taken as +1 point at α = −1", R18, _arm_contrast("first_three", -2, -0.2, -1, 1.0),
    ),
    Claim(
        "first three layers, neutral", "S", "A.15, Figure A21",
        "Less selectivity in the first three layers alone leaves the accuracy of ResNet20 as it is.",
        "little to no effect", R20, _arm_neutral("first_three", -1, 0, 0.5),
    ),
    Claim(
        "first three layers, harm", "S", "A.15, Figure A23", "More selectivity in the first three layers alone harms.",
        "at once; taken as −0.5 points at the least α up to 0.4", BOTH, _arm_contrast("first_three", 0.1, 0.4, 0.1, -0.5),
    ),
    Claim(
        "last three layers, small gain", "S", "A.15, Figure A25",
        "Less selectivity in the last three layers alone helps ResNet18 by less than half a point, and only mildly less.",
        "under 0.5 points at −0.2, gone at −0.4", R18, _small_gain,
    ),
    Claim(
        "last three layers", "S", "A.15, Figure A25", "Less selectivity in the last three layers alone harms ResNet20.",
        "decrease; taken as −0.5 points at α = −1", R20, _arm_contrast("last_three", -2, -0.2, -1, -0.5),
    ),
    Claim(
        "last three layers, harm", "S", "A.15, Figure A27", "More selectivity in the last three layers alone harms.",
        "at once; taken as −0.5 points at the least α up to 0.4", BOTH, _arm_contrast("last_three", 0.1, 0.4, 0.1, -0.5),
    ),
    Claim(
        "preferred classes change", "S", "A.16, Figure A28",
        "Nearly all units change their preferred class in training, for every α from 0 on.", "about 100 %", BOTH, _changed_once,
    ),
    Claim(
        "fewer changes from 0.3 on", "S", "A.16, Figure A29",
        "From α = 0.3 on, units of ResNet18 change their preferred class less often.",
        "falls; taken as −20 % per unit of α", R18, slope(_changes, MORE, -20, " %"),
    ),
    Claim(
        "as many changes up to 0.2", "S", "A.16, Figure A29",
        "At α = 0.1 and 0.2, units of ResNet18 change their preferred class as often as at 0.",
        "roughly equal; taken as within 10 %", R18, lambda rows: unchanged(_changes(rows), _changes(rows).alphas(0.1, 0.2), 10, " %"),
    ),
    *both_sides(
        ("warm-up, selectivity falls below zero", "warm-up, selectivity rises above zero"), "S", "A.16, Figure A30",
        "With α growing over five epochs, selectivity still follows α {} zero.",
        lambda rows: _with_zero(rows, "warmup", rows.selectivity), (0.1, 0.25), "", learned=True,
    ),
    Claim(
        "warm-up, accuracy", "S", "A.16, Figure A31", "With α growing over five epochs, more selectivity still harms.",
        "same result, slightly milder; taken as −3 points", BOTH, _arm_signs("warmup", -3.0),
    ),
    Claim(
        "leaky units do not die", "S", "A.10", "With leaky ReLUs of any slope, no units die.", "none", R20, _no_dead_leaky,
    ),
    Claim(
        "leaky units", "S", "A.10, Figure A9", "With leaky ReLUs of any slope, more selectivity still harms ResNet20.",
        "accuracy not rescued; taken as −5 points at α = 0.7", R20, _leaky,
    ),
)  # fmt: skip
