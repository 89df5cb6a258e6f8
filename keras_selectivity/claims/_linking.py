"""Claims of the archival version (A, arXiv 2010.07693) and of the authors' own summary of it (P)."""

from collections.abc import Callable

import numpy as np

from keras_selectivity.claims import _verdicts as verdicts
from keras_selectivity.claims._claim import Claim
from keras_selectivity.claims._values import has_arm
from keras_selectivity.claims._values import layer_means
from keras_selectivity.claims._values import selectivity
from keras_selectivity.claims._verdicts import Finding
from keras_selectivity.results import Levels
from keras_selectivity.results import t_test


def _against_main(arm: str, sign: int) -> Callable[[Levels], Finding]:
    """Selectivity of an arm at alpha = 0 against that of the main arm."""

    def check(table: Levels) -> Finding:
        if not has_arm(table, arm):
            return verdicts.nothing(f"an arm {arm!r} beside the main one, three seeds each")
        values, baseline = selectivity(table, arm).get(0.0, []), selectivity(table).get(0.0, [])
        if not values or not baseline:
            return verdicts.nothing(f"α = 0 in the arm {arm!r} and in the main one")
        test = t_test(values, baseline)
        return verdicts.decide(
            f"{np.mean(values):.3f} against {np.mean(baseline):.3f}", test, test.statistic * sign
        )

    return check


CLAIMS = (
    Claim(
        "gradients vary over samples",
        "A",
        "introduction",
        "Input-unit gradients vary more over samples with α.",
        "proportional to selectivity",
        lambda t: verdicts.trend(layer_means(t, "unit_gradient_variation_over_samples"), 1, least=-2, most=2),
    ),
    Claim(
        "gradients vary over units",
        "A",
        "introduction",
        "Input-unit gradients vary more over units with α.",
        "proportional to selectivity",
        lambda t: verdicts.trend(layer_means(t, "unit_gradient_variation_over_units"), 1, least=-2, most=2),
    ),
    Claim(
        "AugMix lowers selectivity",
        "P",
        "summary",
        "Training for robustness against corruption reduces selectivity.",
        "reduced",
        _against_main("augmix", -1),
    ),
    Claim(
        "PGD training raises selectivity",
        "P",
        "summary",
        "Training for robustness against attack increases selectivity.",
        "increased",
        _against_main("pgd", 1),
    ),
    Claim(
        "FGSM training raises selectivity",
        "P",
        "summary",
        "So does its fast variant of one step.",
        "increased",
        _against_main("fgsm", 1),
    ),
)
