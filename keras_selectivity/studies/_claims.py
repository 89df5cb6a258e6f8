"""The papers' claims, each as a check of tidy rows.

S is "Selectivity considered harmful" (arXiv 2003.01262), W "On the relationship between class
selectivity, dimensionality, and robustness" (arXiv 2007.04440), A its archival version (arXiv
2010.07693), P the authors' own summary of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_selectivity.studies import _verdicts as verdicts
from keras_selectivity.studies._protocol import departures
from keras_selectivity.studies._rows import of_arm
from keras_selectivity.studies._rows import per_alpha
from keras_selectivity.studies._rows import per_layer
from keras_selectivity.studies._rows import reportable
from keras_selectivity.studies._similarity import distance_ratios
from keras_selectivity.studies._statistics import paired_t_test
from keras_selectivity.studies._statistics import t95
from keras_selectivity.studies._statistics import t_test

_EARLY = 9  # layers that W calls early in ResNet18


@dataclass(frozen=True)
class Claim:
    """A claim of a paper.

    Attributes:
        name: Short name.
        paper: `"S"`, `"W"`, `"A"` or `"P"`.
        where: Section, figure or table.
        statement: The claim, in our words.
        theirs: The paper's number.
        check: Function of rows that returns a `Finding`.
        datasets: Data sets that it is about.
    """

    name: str
    paper: str
    where: str
    statement: str
    theirs: str
    check: Callable
    datasets: tuple = ("cifar10", "tiny_imagenet")


def check_claims(rows):
    """Checks every claim of the papers against rows.

    Args:
        rows: Tidy rows of a study, see `read_results`.

    Returns:
        A list of dicts: `name`, `paper`, `where`, `statement`, `theirs`, `ours`, `test`, `verdict`,
        `needed` and `departures`, in what the rows depart from the paper's protocol (empty if in nothing).

    Raises:
        InputError: The rows mix protocols, or hold no accuracy on a test split.
    """
    rows, _ = reportable(rows)
    datasets = {row["dataset"] for row in rows}
    departed = departures(rows)
    found = []
    for claim in CLAIMS:
        if datasets & set(claim.datasets):
            try:
                finding = claim.check(rows)
            except (LookupError, ArithmeticError, StopIteration):
                finding = verdicts.nothing("rows that are complete: some of its measurements are missing")
        else:
            finding = verdicts.nothing(f"networks trained on {' or '.join(claim.datasets)}")
        named = ("name", "paper", "where", "statement", "theirs")
        found.append(
            {
                **{key: getattr(claim, key) for key in named},
                **vars(finding),
                "departures": departed if finding.ours else [],
            }
        )
    return found


def _selectivity(rows, arm="main"):
    return per_alpha(rows, "mean_selectivity", arm=arm, evaluation="clean")


def _accuracy(rows, arm="main"):
    return per_alpha(rows, "accuracy", arm=arm, evaluation="clean")


def _corrupted(rows, measure="accuracy"):
    title = next((r["perturbation"] for r in rows if (r["perturbation"] or "").startswith("all ")), "")
    return per_alpha(rows, measure, perturbation=title)


def _ratio(rows):
    """Selectivity at alpha = 0 over that at -1, of networks with the same seed order."""
    found = _selectivity(rows)
    if not (found.get(0.0) and found.get(-1.0)):
        return verdicts.nothing("networks with α = 0 and α = −1")
    return verdicts.level(
        np.mean(found[0.0]) / np.array(found[-1.0]), 2.5, np.inf, what="times less at α = −1"
    )


def _mild(rows):
    found = _accuracy(rows)
    return verdicts.unchanged(found, [a for a in found if -0.7 <= a < 0], 0.01)


def _smallest_positive(rows, least):
    found = _accuracy(rows)
    above = [a for a in found if a >= least]
    if not above:
        return verdicts.nothing(f"networks with an α of at least {least:g}")
    return verdicts.difference(found, min(above), -1)


def _strongest_negative(rows, most):
    found = _accuracy(rows)
    below = [a for a in found if a <= most]
    if not below:
        return verdicts.nothing(f"networks with an α of at most {most:g}")
    return verdicts.difference(found, min(below), -1)


def _learning_time(rows):
    epochs = {}
    for alpha, runs in per_alpha(rows, "test_accuracy", x="epoch").items():
        epochs[alpha] = [t95([run[e] for e in sorted(run)]) for run in runs]
    inside = {a: v for a, v in epochs.items() if -2 <= a <= 0.7}
    if len(inside.get(0.0, [])) < verdicts.LEAST_SEEDS or len(inside) < 2:
        return verdicts.nothing("test accuracy by epoch, three seeds of α = 0 and of others from −2 to 0.7")
    low, high = np.percentile(inside[0.0], [25, 75])
    apart = [a for a, v in inside.items() if np.percentile(v, 25) > high or np.percentile(v, 75) < low]
    text = ", ".join(f"{np.median(v):g} epochs at {a:g}" for a, v in inside.items())
    verdict = verdicts.DISAGREES if apart else verdicts.AGREES
    return verdicts.Finding(
        text, verdict, "quartile ranges overlap that of α = 0" if not apart else f"apart: {apart}"
    )


def _rotated(rows):
    ratios = {a: found for a, found in distance_ratios(of_arm(rows)).items() if a < 0}
    if not ratios:
        return verdicts.nothing("PWCCA distances, at least two seeds of a negative α and of α = 0")
    text = ", ".join(
        f"{np.mean(list(by_layer.values())):.2f} at {a:g}" for a, (by_layer, _) in ratios.items()
    )
    if any(p is None for _, p in ratios.values()):
        return verdicts.Finding(
            text, verdicts.UNDECIDED, "no p-value", "three seeds of every alpha, three layers"
        )
    worst = max(p for _, p in ratios.values())
    above = all(np.mean(list(by_layer.values())) > 1 for by_layer, _ in ratios.values())
    test = f"paired t-test over {len(next(iter(ratios.values()))[0])} layers, largest p = {worst:.2g}"
    if worst >= 0.05:
        return verdicts.Finding(text, verdicts.UNDECIDED, test, "more seeds or layers")
    return verdicts.Finding(text, verdicts.AGREES if above else verdicts.DISAGREES, test)


def _off_axis(rows):
    found = per_layer(rows, "off_axis_selectivity")
    means = {a: [np.mean(list(run.values())) for run in runs] for a, runs in found.items() if a <= 0}
    return verdicts.trend(means, 1)


def _dead(rows):
    found = per_alpha(rows, "dead_units", evaluation="clean")
    return verdicts.trend({a: v for a, v in found.items() if a >= 0}, 1)


def _layer_means(rows, measure, layers=None, **columns):
    """Mean of a measure over (the first) layers, by alpha."""
    found = per_layer(rows, measure, **columns)
    return {a: [np.mean(list(run.values())[:layers]) for run in runs] for a, runs in found.items()}


def _unit_agreement(rows):
    found = per_alpha(rows, "spearman_selectivity_discriminability")
    return verdicts.level([v for values in found.values() for v in values], 0.7, 1.0, what="Spearman")


def _corruptions_improved(rows, relative):
    clean = _accuracy(rows)
    alphas = [a for a in clean if -2 <= a < 0]
    names = dict.fromkeys(
        r["perturbation"] for r in rows if r["severity"] is not None and r["measure"] == "accuracy"
    )
    if not alphas or 0.0 not in clean or len(names) < 15:
        return verdicts.nothing("all corruptions at α = 0 and at an α from −2 to 0")
    if min(len(clean[a]) for a in (*alphas, 0.0)) < verdicts.LEAST_SEEDS:
        return verdicts.nothing(f"{verdicts.LEAST_SEEDS} seeds")
    better = []
    for name in names:
        found = per_alpha(rows, "accuracy", x="severity", perturbation=name)
        means = {
            a: np.mean([np.mean(list(run.values())) / (c if relative else 1) for run, c in zip(found[a], clean[a], strict=True)])
            for a in (*alphas, 0.0)
        }  # fmt: skip
        if max(means[a] for a in alphas) > means[0.0]:
            better.append(name)
    return verdicts.share(better, (12 if len(names) == 15 else 15) if relative else len(names), len(names))


def _fgsm(rows):
    found = per_alpha(rows, "accuracy", x="epsilon", perturbation="fgsm")
    return verdicts.trend(
        {a: [np.mean([v for e, v in run.items() if e > 0]) for run in runs] for a, runs in found.items()}, 1
    )


def _difference_dimensionality(rows):
    names = {r["perturbation"] for r in rows if r["measure"] == "dimensionality"} - {None, "pgd"}
    return next(iter(names), "")


def _higher_than_clean(rows, perturbation, reference, layers=None):
    found = _layer_means(rows, "dimensionality", layers, perturbation=perturbation)
    other = _layer_means(rows, "dimensionality", layers, perturbation=reference)
    pairs = [(x, y) for a in found if a in other for x, y in zip(found[a], other[a], strict=True)]
    if not pairs or min(map(len, found.values())) < verdicts.LEAST_SEEDS:
        return verdicts.nothing(
            "dimensionality of clean, corrupted and adversarial activations, three seeds of every alpha"
        )
    test = paired_t_test(*zip(*pairs, strict=True))
    text = f"{np.mean([x for x, _ in pairs]):.3f} against {np.mean([y for _, y in pairs]):.3f}"
    return verdicts.decide(text, test, test.statistic)


def _few_dead(rows):
    found = per_alpha(rows, "dead_units", evaluation="clean")
    above = [a for a in found if a >= 1]
    if not above:
        return verdicts.nothing("networks with an α of at least 1, three seeds")
    return verdicts.level(
        found[max(above)], 0.0, 0.03, what=f"of the units at α = {max(above):g}", form="{:.1%}"
    )


def _responsive(rows):
    """Share of units that respond to more than 80 % of the samples, at the alpha nearest to 0.7."""
    alphas = [a for a in _accuracy(rows) if 0.4 <= a <= 1]
    if not alphas:
        return verdicts.nothing("networks with an α from 0.4 to 1, three seeds, [evaluation.units]")
    nearest = min(alphas, key=lambda a: abs(a - 0.7))
    units = {}
    for row in of_arm(rows):
        if row["measure"] == "active_share" and row["unit"] is not None and row["alpha"] == nearest:
            units.setdefault(row["model"], []).append(row["value"] > 0.8)
    shares = [float(np.mean(found)) for found in units.values()]
    return verdicts.level(shares, 0.5, 1.0, what=f"of the units at α = {nearest:g}", form="{:.1%}")


def _preferred(rows):
    runs = per_alpha(rows, "val_selectivity/preferred_changed_once", x="epoch")
    last = [run[max(run)] for values in runs.values() for run in values]
    return verdicts.level(last, 0.95, 1.0, what="of the units", form="{:.1%}")


def _arm(rows, arm, check):
    there = of_arm(rows, arm)
    return (
        check(there) if there else verdicts.nothing(f"an arm {arm!r} beside the main one, three seeds each")
    )


def _arm_trend(arm):
    return lambda rows: _arm(rows, arm, lambda _: verdicts.trend(_selectivity(rows, arm), 1))


def _arm_harm(arm):
    def check(rows):
        found = _accuracy(rows, arm)
        return verdicts.asymmetry(found)

    return lambda rows: _arm(rows, arm, lambda _: check(rows))


def _arm_gain(arm, sign):
    """Accuracy of an arm at its best negative alpha against its (or the main arm's) alpha = 0."""

    def check(rows):
        found = {0.0: _accuracy(rows).get(0.0, []), **_accuracy(rows, arm)}
        below = [a for a in found if a < 0]
        if not below:
            return verdicts.nothing(f"a negative α in the arm {arm!r}")
        return verdicts.difference(
            found, max(below, key=lambda a: np.mean(found[a])), sign, comparisons=len(below)
        )

    return lambda rows: _arm(rows, arm, lambda _: check(rows))


def _against_main(arm, sign):
    """Selectivity of an arm at alpha = 0 against that of the main arm."""

    def check(rows):
        values, baseline = _selectivity(rows, arm).get(0.0, []), _selectivity(rows).get(0.0, [])
        if not values or not baseline:
            return verdicts.nothing(f"α = 0 in the arm {arm!r} and in the main one")
        test = t_test(values, baseline)
        return verdicts.decide(
            f"{np.mean(values):.3f} against {np.mean(baseline):.3f}", test, test.statistic * sign
        )

    return lambda rows: _arm(rows, arm, lambda _: check(rows))


_CIFAR, _TINY = ("cifar10",), ("tiny_imagenet",)
CLAIMS = (
    Claim("selectivity follows alpha", "S", "4.1, Figures A1, A5", "Mean selectivity rises with α.",
          "0.22 at 0, 0.07 at −1 (ResNet20); 0.35, 0.22 (ResNet18)", lambda r: verdicts.trend(_selectivity(r), 1)),
    Claim("selectivity reduced threefold", "S", "4.1", "α = −1 reduces the selectivity of ResNet20 to a third.",
          "3.1 times less", _ratio, _CIFAR),
    Claim("accuracy gain", "S", "4.1, Figure 1", "Less selectivity improves the accuracy of ResNet18 and ResNet50.",
          "+2.03 points at α = −1", lambda r: verdicts.difference(_accuracy(r), -1.0, 1), _TINY),
    Claim("accuracy kept", "S", "4.1, Figure A2", "Mildly less selectivity leaves the accuracy on CIFAR-10 as it is.",
          "no difference down to α = −0.7", _mild, _CIFAR),
    Claim("accuracy lost at the extreme", "S", "4.1, Figure A2", "Extremely low selectivity costs accuracy on CIFAR-10.",
          "about −2 points, at α = −30 and below", lambda r: _strongest_negative(r, -30), _CIFAR),
    Claim("more selectivity harms", "S", "4.3, A.9", "Positive α reduces accuracy.",
          "−5 points at α = 0.7 (ResNet20)", lambda r: _smallest_positive(r, 0.7), _CIFAR),
    Claim("more selectivity harms at once", "S", "4.3, Figure 3", "Positive α reduces accuracy from 0.1 on.",
          "p ≤ 6e-5 at α = 0.1 (ResNet18)", lambda r: _smallest_positive(r, 0.1), _TINY),
    Claim("harm is one-sided", "S", "4.3, Figure 4", "More selectivity harms more than less of it.",
          "about 6 points between −2 and +2 (ResNet18)", lambda r: verdicts.asymmetry(_accuracy(r))),
    Claim("learning time", "S", "A.2", "Epochs to 95 % of the best test accuracy do not depend on α from −2 to 0.7.",
          "45 ± 15 epochs (ResNet20)", _learning_time, _CIFAR),
    Claim("not rotated away", "S", "4.2, Figures 2, A3", "Networks with α < 0 are farther from α = 0 than from each other.",
          "ratio above 1, p < 5e-6", _rotated),
    Claim("off-axis selectivity falls", "S", "4.2, A.7", "The upper bound of off-axis selectivity falls with α below 0.",
          "decreases with |α|", _off_axis),
    Claim("dead units", "S", "A.10, Figure A8", "Units die with growing α in ResNet20.", "rises with α", _dead, _CIFAR),
    Claim("few units die", "S", "A.10, Figure A7", "Hardly any units of ResNet18 die, whatever α.", "at most 3 %",
          _few_dead, _TINY),
    Claim("harm without sparseness", "S", "A.11, Figure A10", "Where accuracy has suffered, most units still respond to most "
          "samples.", "most units to over 80 % at α = 0.7 (ResNet20)", _responsive, _CIFAR),
    Claim("precision follows alpha", "S", "A.13, Figure A17", "Mean precision rises with α.", "rises",
          lambda r: verdicts.trend(_layer_means(r, "mean_precision"), 1, least=-2, most=2)),
    Claim("information follows alpha", "S", "A.13, Figure A18", "Mutual information of units and classes rises with α in "
          "ResNet18.", "rises", lambda r: verdicts.trend(_layer_means(r, "mean_mutual_information"), 1, least=-2, most=2),
          _TINY),
    Claim("d' agrees with selectivity", "S", "A.14", "Units rank alike by d′ and by the selectivity index.",
          "Spearman 0.90 (ResNet20), 0.83 (ResNet18)", _unit_agreement),
    Claim("d' regularisation", "S", "A.14, Figures A18, A19", "Regularising d′ has the same one-sided effect.",
          "same asymmetry", _arm_harm("discriminability")),
    Claim("first three layers", "S", "A.15", "Less selectivity in the first three layers alone is neutral or better.",
          "gain (ResNet18), neutral (ResNet20)", _arm_gain("first_three", 1)),
    Claim("last three layers", "S", "A.15", "Less selectivity in the last three layers alone reduces CIFAR-10 accuracy.",
          "decrease (ResNet20)", _arm_gain("last_three", -1), _CIFAR),
    Claim("preferred classes change", "S", "A.16, Figure A28", "Nearly all units change their preferred class in training.",
          "about 100 %", _preferred),
    Claim("warm-up", "S", "A.16, Figures A30 to A34", "Growing α over five epochs changes nothing qualitatively.",
          "same result, slightly milder", _arm_trend("warmup")),
    Claim("leaky units", "S", "A.10, Figure A9", "With leaky ReLUs, which cannot die, more selectivity still harms.",
          "accuracy not rescued", _arm_harm("leaky")),
    Claim("sturdier against corruption", "W", "3.1, Figures 1a, A4a", "Accuracy on corrupted images falls with α.",
          "up to +4 points (ResNet18)", lambda r: verdicts.trend(_corrupted(r), -1, least=-2, most=2)),
    Claim("sturdier relative to clean accuracy", "W", "3.1, Figures 1b, A4b", "The ratio of corrupted to clean accuracy "
          "falls with α.", "falls", lambda r: verdicts.trend(_corrupted(r, "relative_accuracy"), -1, least=-2, most=2)),
    Claim("most corruptions", "W", "3.1, note 4", "Normalised accuracy improves for most corruptions at some α < 0.",
          "15 of 19 (CIFAR-10-C), 12 of 15 (Tiny ImageNet-C)", lambda r: _corruptions_improved(r, True)),
    Claim("all corruptions", "W", "3.1, note 4", "Accuracy improves for all corruptions at some α < 0.", "all",
          lambda r: _corruptions_improved(r, False)),
    Claim("weaker against FGSM", "W", "3.2, Figures 2a, A7a", "Accuracy under FGSM rises with α.", "rises", _fgsm),
    Claim("weaker against PGD", "W", "3.2, Figures 2b, A7b", "Accuracy under 25 steps of PGD rises with α.", "rises",
          lambda r: verdicts.trend(per_alpha(r, "accuracy", perturbation="pgd", steps=25), 1, least=-2, most=2)),
    Claim("larger Jacobian", "W", "3.2, Figures 2c, A7c", "The norm of the input-output Jacobian falls with α.", "falls",
          lambda r: verdicts.trend(per_alpha(r, "jacobian_norm_mean"), -1, least=-2, most=2)),
    Claim("higher dimensionality", "W", "3.3, Figures 3a, A8a", "Dimensionality of early layers falls with α.", "falls",
          lambda r: verdicts.trend(_layer_means(r, "dimensionality", _EARLY, perturbation=None), -1, least=-2, most=2)),
    Claim("corruption changes more dimensions", "W", "3.3, Figures 3b, A8b", "The clean − corrupted difference has more "
          "dimensions than the clean activations.", "higher",
          lambda r: _higher_than_clean(r, _difference_dimensionality(r), None)),
    Claim("change by corruption", "W", "3.3, Figures 3b, A8b", "Dimensionality of the clean − corrupted difference falls "
          "with α.", "falls", lambda r: verdicts.trend(
              _layer_means(r, "dimensionality", perturbation=_difference_dimensionality(r)), -1, least=-2, most=2)),
    Claim("change by attack", "W", "3.3, Figures 3c, A8c", "Dimensionality of the clean − adversarial difference falls "
          "with α.", "falls",
          lambda r: verdicts.trend(_layer_means(r, "dimensionality", perturbation="pgd"), -1, least=-2, most=2)),
    Claim("attack changes more dimensions", "W", "3.3, Figures 3c, A8c", "In early layers an attack changes more "
          "dimensions than a corruption does.", "much larger",
          lambda r: _higher_than_clean(r, "pgd", _difference_dimensionality(r), 3)),
    Claim("gradients vary over samples", "A", "introduction", "Input-unit gradients vary more over samples with α.",
          "proportional to selectivity",
          lambda r: verdicts.trend(_layer_means(r, "unit_gradient_variation_over_samples"), 1, least=-2, most=2)),
    Claim("gradients vary over units", "A", "introduction", "Input-unit gradients vary more over units with α.",
          "proportional to selectivity",
          lambda r: verdicts.trend(_layer_means(r, "unit_gradient_variation_over_units"), 1, least=-2, most=2)),
    Claim("AugMix lowers selectivity", "P", "summary", "Training for robustness against corruption reduces selectivity.",
          "reduced", _against_main("augmix", -1)),
    Claim("PGD training raises selectivity", "P", "summary", "Training for robustness against attack increases selectivity.",
          "increased", _against_main("pgd", 1)),
    Claim("FGSM training raises selectivity", "P", "summary", "So does its fast variant of one step.", "increased",
          _against_main("fgsm", 1)),
)  # fmt: skip
