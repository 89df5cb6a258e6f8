"""Claims of "On the relationship between class selectivity, dimensionality, and robustness" (W, arXiv 2007.04440)."""

import numpy as np
import polars as pl

from keras_selectivity.claims import _verdicts as verdicts
from keras_selectivity.claims._claim import Claim
from keras_selectivity.claims._values import accuracy
from keras_selectivity.claims._values import by_alpha
from keras_selectivity.claims._values import by_network
from keras_selectivity.claims._values import layer_means
from keras_selectivity.claims._verdicts import ByAlpha
from keras_selectivity.claims._verdicts import Finding
from keras_selectivity.results import MAIN
from keras_selectivity.results import Levels
from keras_selectivity.results import paired_t_test
from keras_selectivity.results import per_alpha
from keras_selectivity.results import pick

_EARLY = 9  # layers that W calls early in ResNet18


def _corrupted(table: Levels, measure: str = "accuracy") -> ByAlpha:
    titles = [
        name
        for name in table.rows["perturbation"].unique(maintain_order=True)
        if (name or "").startswith("all ")
    ]
    return by_alpha(table, measure, perturbation=titles[0] if titles else "")


def _corruptions_improved(table: Levels, relative: bool) -> Finding:
    clean = accuracy(table)
    alphas = [a for a in clean if -2 <= a < 0]
    of_severity = table.rows.filter(pl.col("severity").is_not_null(), pl.col("measure") == "accuracy")
    names = of_severity["perturbation"].unique(maintain_order=True).to_list()
    if not alphas or 0.0 not in clean or len(names) < 15:
        return verdicts.nothing("all corruptions at α = 0 and at an α from −2 to 0")
    if min(len(clean[a]) for a in (*alphas, 0.0)) < verdicts.LEAST_SEEDS:
        return verdicts.nothing(f"{verdicts.LEAST_SEEDS} seeds")
    of_clean = pick(table.rows, "accuracy", arm=MAIN, evaluation="clean").select("model", clean="value")
    better = []
    for name in names:
        found = by_network(table, "accuracy", "severity", pl.col("value").mean(), perturbation=name)
        found = found.join(of_clean, on="model", maintain_order="left")
        ratio = pl.col("value") / pl.col("clean") if relative else pl.col("value")
        runs = per_alpha(found.with_columns(value=ratio))
        if any(len(runs.get(a, [])) != len(clean[a]) for a in (*alphas, 0.0)):
            return verdicts.nothing("rows that are complete: some of its measurements are missing")
        if max(np.mean(runs[a]) for a in alphas) > np.mean(runs[0.0]):
            better.append(name)
    return verdicts.share(better, (12 if len(names) == 15 else 15) if relative else len(names), len(names))


def _fgsm(table: Levels) -> Finding:
    attacked = pl.col("value").filter(pl.col("epsilon") > 0).mean()
    found = by_network(table, "accuracy", "epsilon", attacked, perturbation="fgsm")
    return verdicts.trend(per_alpha(found), 1)


def _corruption_of(table: Levels) -> str:
    """The corruption whose change the dimensionality is of."""
    of = table.rows.filter(pl.col("measure") == "dimensionality")["perturbation"].unique().drop_nulls()
    return min((name for name in of if name != "pgd"), default="")


def _higher_than_clean(
    table: Levels, perturbation: str, reference: str | None, layers: int | None = None
) -> Finding:
    mean = pl.col("value").head(layers).mean() if layers else pl.col("value").mean()
    found, other = (
        by_network(table, "dimensionality", "layer", mean, perturbation=name).drop_nulls("alpha")
        for name in (perturbation, reference)
    )
    pairs = found.join(other, on="model", maintain_order="left")
    seeds = found.group_by("alpha").len()["len"]
    if pairs.is_empty() or min(seeds) < verdicts.LEAST_SEEDS:
        return verdicts.nothing(
            "dimensionality of clean, corrupted and adversarial activations, three seeds of every alpha"
        )
    test = paired_t_test(pairs["value"].to_list(), pairs["value_right"].to_list())
    text = f"{np.mean(pairs['value'].to_list()):.3f} against {np.mean(pairs['value_right'].to_list()):.3f}"
    return verdicts.decide(text, test, test.statistic)


CLAIMS = (
    Claim(
        "sturdier against corruption",
        "W",
        "3.1, Figures 1a, A4a",
        "Accuracy on corrupted images falls with α.",
        "up to +4 points (ResNet18)",
        lambda t: verdicts.trend(_corrupted(t), -1, least=-2, most=2),
    ),
    Claim(
        "sturdier relative to clean accuracy",
        "W",
        "3.1, Figures 1b, A4b",
        "The ratio of corrupted to clean accuracy falls with α.",
        "falls",
        lambda t: verdicts.trend(_corrupted(t, "relative_accuracy"), -1, least=-2, most=2),
    ),
    Claim(
        "most corruptions",
        "W",
        "3.1, note 4",
        "Normalised accuracy improves for most corruptions at some α < 0.",
        "15 of 19 (CIFAR-10-C), 12 of 15 (Tiny ImageNet-C)",
        lambda t: _corruptions_improved(t, True),
    ),
    Claim(
        "all corruptions",
        "W",
        "3.1, note 4",
        "Accuracy improves for all corruptions at some α < 0.",
        "all",
        lambda t: _corruptions_improved(t, False),
    ),
    Claim(
        "weaker against FGSM",
        "W",
        "3.2, Figures 2a, A7a",
        "Accuracy under FGSM rises with α.",
        "rises",
        _fgsm,
    ),
    Claim(
        "weaker against PGD",
        "W",
        "3.2, Figures 2b, A7b",
        "Accuracy under 25 steps of PGD rises with α.",
        "rises",
        lambda t: verdicts.trend(by_alpha(t, "accuracy", perturbation="pgd", steps=25), 1, least=-2, most=2),
    ),
    Claim(
        "larger Jacobian",
        "W",
        "3.2, Figures 2c, A7c",
        "The norm of the input-output Jacobian falls with α.",
        "falls",
        lambda t: verdicts.trend(by_alpha(t, "jacobian_norm_mean"), -1, least=-2, most=2),
    ),
    Claim(
        "higher dimensionality",
        "W",
        "3.3, Figures 3a, A8a",
        "Dimensionality of early layers falls with α.",
        "falls",
        lambda t: verdicts.trend(
            layer_means(t, "dimensionality", _EARLY, perturbation=None), -1, least=-2, most=2
        ),
    ),
    Claim(
        "corruption changes more dimensions",
        "W",
        "3.3, Figures 3b, A8b",
        "The clean − corrupted difference has more dimensions than the clean activations.",
        "higher",
        lambda t: _higher_than_clean(t, _corruption_of(t), None),
    ),
    Claim(
        "change by corruption",
        "W",
        "3.3, Figures 3b, A8b",
        "Dimensionality of the clean − corrupted difference falls with α.",
        "falls",
        lambda t: verdicts.trend(
            layer_means(t, "dimensionality", perturbation=_corruption_of(t)), -1, least=-2, most=2
        ),
    ),
    Claim(
        "change by attack",
        "W",
        "3.3, Figures 3c, A8c",
        "Dimensionality of the clean − adversarial difference falls with α.",
        "falls",
        lambda t: verdicts.trend(layer_means(t, "dimensionality", perturbation="pgd"), -1, least=-2, most=2),
    ),
    Claim(
        "attack changes more dimensions",
        "W",
        "3.3, Figures 3c, A8c",
        "In early layers an attack changes more dimensions than a corruption does.",
        "much larger",
        lambda t: _higher_than_clean(t, "pgd", _corruption_of(t), 3),
    ),
)
