"""Claims of "Selectivity considered harmful" (S, arXiv 2003.01262)."""

from collections.abc import Callable

import numpy as np
import polars as pl

from keras_selectivity.claims import _verdicts as verdicts
from keras_selectivity.claims._claim import CIFAR
from keras_selectivity.claims._claim import TINY
from keras_selectivity.claims._claim import Claim
from keras_selectivity.claims._similarity import distance_ratios
from keras_selectivity.claims._values import accuracy
from keras_selectivity.claims._values import by_alpha
from keras_selectivity.claims._values import by_network
from keras_selectivity.claims._values import has_arm
from keras_selectivity.claims._values import layer_means
from keras_selectivity.claims._values import selectivity
from keras_selectivity.claims._verdicts import Finding
from keras_selectivity.results import Levels
from keras_selectivity.results import in_arm
from keras_selectivity.results import t95


def _ratio(table: Levels) -> Finding:
    """Selectivity at alpha = 0 over that at -1, of networks with the same seed order."""
    found = selectivity(table)
    if not (found.get(0.0) and found.get(-1.0)):
        return verdicts.nothing("networks with α = 0 and α = −1")
    ratios = np.mean(found[0.0]) / np.array(found[-1.0])
    return verdicts.level(ratios.tolist(), 2.5, np.inf, what="times less at α = −1")


def _mild(table: Levels) -> Finding:
    found = accuracy(table)
    return verdicts.unchanged(found, [a for a in found if -0.7 <= a < 0], 0.01)


def _smallest_positive(table: Levels, least: float) -> Finding:
    found = accuracy(table)
    above = [a for a in found if a >= least]
    if not above:
        return verdicts.nothing(f"networks with an α of at least {least:g}")
    return verdicts.difference(found, min(above), -1)


def _strongest_negative(table: Levels, most: float) -> Finding:
    found = accuracy(table)
    below = [a for a in found if a <= most]
    if not below:
        return verdicts.nothing(f"networks with an α of at most {most:g}")
    return verdicts.difference(found, min(below), -1)


def _learning_time(table: Levels) -> Finding:
    runs = by_network(table, "test_accuracy", "epoch", pl.col("value").sort_by("epoch").implode())
    epochs: dict[float, list[int]] = {}
    for alpha, accuracies in runs.select("alpha", "value").iter_rows():
        if alpha is not None and -2 <= alpha <= 0.7:
            epochs.setdefault(alpha, []).append(t95(accuracies))
    if len(epochs.get(0.0, [])) < verdicts.LEAST_SEEDS or len(epochs) < 2:
        return verdicts.nothing("test accuracy by epoch, three seeds of α = 0 and of others from −2 to 0.7")
    low, high = np.percentile(epochs[0.0], [25, 75])
    apart = [a for a, v in epochs.items() if np.percentile(v, 25) > high or np.percentile(v, 75) < low]
    text = ", ".join(f"{np.median(v):g} epochs at {a:g}" for a, v in epochs.items())
    verdict = verdicts.DISAGREES if apart else verdicts.AGREES
    return Finding(text, verdict, "quartile ranges overlap that of α = 0" if not apart else f"apart: {apart}")


def _rotated(table: Levels) -> Finding:
    ratios = distance_ratios(table.rows.filter(in_arm())).filter(pl.col("alpha") < 0)
    if ratios.is_empty():
        return verdicts.nothing("PWCCA distances, at least two seeds of a negative α and of α = 0")
    means = ratios.group_by("alpha", maintain_order=True).agg(
        pl.col("ratio").mean(), pl.len(), pl.col("p").first()
    )
    text = ", ".join(
        f"{ratio:.2f} at {alpha:g}" for alpha, ratio in means.select("alpha", "ratio").iter_rows()
    )
    if means["p"].has_nulls():
        return Finding(text, verdicts.UNDECIDED, "no p-value", "three seeds of every alpha, three layers")
    worst = max(means["p"])
    test = f"paired t-test over {means['len'][0]} layers, largest p = {worst:.2g}"
    if worst >= 0.05:
        return Finding(text, verdicts.UNDECIDED, test, "more seeds or layers")
    return Finding(text, verdicts.AGREES if (means["ratio"] > 1).all() else verdicts.DISAGREES, test)


def _off_axis(table: Levels) -> Finding:
    return verdicts.trend({a: v for a, v in layer_means(table, "off_axis_selectivity").items() if a <= 0}, 1)


def _dead(table: Levels) -> Finding:
    found = by_alpha(table, "dead_units", evaluation="clean")
    return verdicts.trend({a: v for a, v in found.items() if a >= 0}, 1)


def _few_dead(table: Levels) -> Finding:
    found = by_alpha(table, "dead_units", evaluation="clean")
    above = [a for a in found if a >= 1]
    if not above:
        return verdicts.nothing("networks with an α of at least 1, three seeds")
    return verdicts.level(
        found[max(above)], 0.0, 0.03, what=f"of the units at α = {max(above):g}", form="{:.1%}"
    )


def _responsive(table: Levels) -> Finding:
    """Share of units that respond to more than 80 % of the samples, at the alpha nearest to 0.7."""
    alphas = [a for a in accuracy(table) if 0.4 <= a <= 1]
    if not alphas:
        return verdicts.nothing("networks with an α from 0.4 to 1, three seeds, units = true")
    nearest = min(alphas, key=lambda a: abs(a - 0.7))
    units = table.units.filter(pl.col("measure") == "active_share", pl.col("alpha") == nearest, in_arm())
    shares = (
        units.select("model", "value")
        .collect(engine="streaming")
        .group_by("model", maintain_order=True)
        .agg((pl.col("value") > 0.8).mean())["value"]
    )
    return verdicts.level(shares.to_list(), 0.5, 1.0, what=f"of the units at α = {nearest:g}", form="{:.1%}")


def _unit_agreement(table: Levels) -> Finding:
    found = by_alpha(table, "spearman_selectivity_discriminability")
    return verdicts.level([v for values in found.values() for v in values], 0.7, 1.0, what="Spearman")


def _preferred(table: Levels) -> Finding:
    last = pl.col("value").sort_by("epoch").last()
    runs = by_network(table, "val_selectivity/preferred_changed_once", "epoch", last)
    shares = runs.filter(pl.col("alpha").is_not_null())["value"].to_list()
    return verdicts.level(shares, 0.95, 1.0, what="of the units", form="{:.1%}")


def _arm(arm: str, check: Callable[[Levels], Finding]) -> Callable[[Levels], Finding]:
    """A check of an arm, if there is one."""
    lacks = verdicts.nothing(f"an arm {arm!r} beside the main one, three seeds each")
    return lambda table: check(table) if has_arm(table, arm) else lacks


def _arm_harm(arm: str) -> Callable[[Levels], Finding]:
    return _arm(arm, lambda table: verdicts.asymmetry(accuracy(table, arm)))


def _arm_gain(arm: str, sign: int) -> Callable[[Levels], Finding]:
    """Accuracy of an arm at its best negative alpha against its (or the main arm's) alpha = 0."""

    def check(table: Levels) -> Finding:
        found = {0.0: accuracy(table).get(0.0, []), **accuracy(table, arm)}
        below = [a for a in found if a < 0]
        if not below:
            return verdicts.nothing(f"a negative α in the arm {arm!r}")
        best = max(below, key=lambda a: float(np.mean(found[a])))
        return verdicts.difference(found, best, sign, comparisons=len(below))

    return _arm(arm, check)


CLAIMS = (
    Claim(
        "selectivity follows alpha",
        "S",
        "4.1, Figures A1, A5",
        "Mean selectivity rises with α.",
        "0.22 at 0, 0.07 at −1 (ResNet20); 0.35, 0.22 (ResNet18)",
        lambda t: verdicts.trend(selectivity(t), 1),
    ),
    Claim(
        "selectivity reduced threefold",
        "S",
        "4.1",
        "α = −1 reduces the selectivity of ResNet20 to a third.",
        "3.1 times less",
        _ratio,
        CIFAR,
    ),
    Claim(
        "accuracy gain",
        "S",
        "4.1, Figure 1",
        "Less selectivity improves the accuracy of ResNet18 and ResNet50.",
        "+2.03 points at α = −1",
        lambda t: verdicts.difference(accuracy(t), -1.0, 1),
        TINY,
    ),
    Claim(
        "accuracy kept",
        "S",
        "4.1, Figure A2",
        "Mildly less selectivity leaves the accuracy on CIFAR-10 as it is.",
        "no difference down to α = −0.7",
        _mild,
        CIFAR,
    ),
    Claim(
        "accuracy lost at the extreme",
        "S",
        "4.1, Figure A2",
        "Extremely low selectivity costs accuracy on CIFAR-10.",
        "about −2 points, at α = −30 and below",
        lambda t: _strongest_negative(t, -30),
        CIFAR,
    ),
    Claim(
        "more selectivity harms",
        "S",
        "4.3, A.9",
        "Positive α reduces accuracy.",
        "−5 points at α = 0.7 (ResNet20)",
        lambda t: _smallest_positive(t, 0.7),
        CIFAR,
    ),
    Claim(
        "more selectivity harms at once",
        "S",
        "4.3, Figure 3",
        "Positive α reduces accuracy from 0.1 on.",
        "p ≤ 6e-5 at α = 0.1 (ResNet18)",
        lambda t: _smallest_positive(t, 0.1),
        TINY,
    ),
    Claim(
        "harm is one-sided",
        "S",
        "4.3, Figure 4",
        "More selectivity harms more than less of it.",
        "about 6 points between −2 and +2 (ResNet18)",
        lambda t: verdicts.asymmetry(accuracy(t)),
    ),
    Claim(
        "learning time",
        "S",
        "A.2",
        "Epochs to 95 % of the best test accuracy do not depend on α from −2 to 0.7.",
        "45 ± 15 epochs (ResNet20)",
        _learning_time,
        CIFAR,
    ),
    Claim(
        "not rotated away",
        "S",
        "4.2, Figures 2, A3",
        "Networks with α < 0 are farther from α = 0 than from each other.",
        "ratio above 1, p < 5e-6",
        _rotated,
    ),
    Claim(
        "off-axis selectivity falls",
        "S",
        "4.2, A.7",
        "The upper bound of off-axis selectivity falls with α below 0.",
        "decreases with |α|",
        _off_axis,
    ),
    Claim(
        "dead units",
        "S",
        "A.10, Figure A8",
        "Units die with growing α in ResNet20.",
        "rises with α",
        _dead,
        CIFAR,
    ),
    Claim(
        "few units die",
        "S",
        "A.10, Figure A7",
        "Hardly any units of ResNet18 die, whatever α.",
        "at most 3 %",
        _few_dead,
        TINY,
    ),
    Claim(
        "harm without sparseness",
        "S",
        "A.11, Figure A10",
        "Where accuracy has suffered, most units still respond to most samples.",
        "most units to over 80 % at α = 0.7 (ResNet20)",
        _responsive,
        CIFAR,
    ),
    Claim(
        "precision follows alpha",
        "S",
        "A.13, Figure A17",
        "Mean precision rises with α.",
        "rises",
        lambda t: verdicts.trend(layer_means(t, "mean_precision"), 1, least=-2, most=2),
    ),
    Claim(
        "information follows alpha",
        "S",
        "A.13, Figure A18",
        "Mutual information of units and classes rises with α in ResNet18.",
        "rises",
        lambda t: verdicts.trend(layer_means(t, "mean_mutual_information"), 1, least=-2, most=2),
        TINY,
    ),
    Claim(
        "d' agrees with selectivity",
        "S",
        "A.14",
        "Units rank alike by d′ and by the selectivity index.",
        "Spearman 0.90 (ResNet20), 0.83 (ResNet18)",
        _unit_agreement,
    ),
    Claim(
        "d' regularisation",
        "S",
        "A.14, Figures A18, A19",
        "Regularising d′ has the same one-sided effect.",
        "same asymmetry",
        _arm_harm("discriminability"),
    ),
    Claim(
        "first three layers",
        "S",
        "A.15",
        "Less selectivity in the first three layers alone is neutral or better.",
        "gain (ResNet18), neutral (ResNet20)",
        _arm_gain("first_three", 1),
    ),
    Claim(
        "last three layers",
        "S",
        "A.15",
        "Less selectivity in the last three layers alone reduces CIFAR-10 accuracy.",
        "decrease (ResNet20)",
        _arm_gain("last_three", -1),
        CIFAR,
    ),
    Claim(
        "preferred classes change",
        "S",
        "A.16, Figure A28",
        "Nearly all units change their preferred class in training.",
        "about 100 %",
        _preferred,
    ),
    Claim(
        "warm-up",
        "S",
        "A.16, Figures A30 to A34",
        "Growing α over five epochs changes nothing qualitatively.",
        "same result, slightly milder",
        _arm("warmup", lambda t: verdicts.trend(selectivity(t, "warmup"), 1)),
    ),
    Claim(
        "leaky units",
        "S",
        "A.10, Figure A9",
        "With leaky ReLUs, which cannot die, more selectivity still harms.",
        "accuracy not rescued",
        _arm_harm("leaky"),
    ),
)
