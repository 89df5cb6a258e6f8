"""Claims of the archival version (A, arXiv 2010.07693), of the authors' own summary of it (P), and of ours beyond them
(O)."""

from collections.abc import Callable

from keras_selectivity.claims._claim import ALL
from keras_selectivity.claims._claim import Claim
from keras_selectivity.claims._claim import both_sides
from keras_selectivity.claims._kinds import Check
from keras_selectivity.claims._kinds import Shift
from keras_selectivity.claims._robustness import worst_case
from keras_selectivity.claims._rows import Rows


def _against_main(arm: str, theirs: float) -> Callable[[Rows], Check]:
    """Selectivity of an arm at alpha = 0 against that of the main arm, within seeds."""

    def check(rows: Rows) -> Check:
        values = rows.selectivity(arm).contrast(0.0, rows.selectivity())
        return Shift(values, theirs, what=f"{arm} against plain training")

    return check


CLAIMS = (
    *both_sides(
        ("gradients vary less over samples below zero", "gradients vary more over samples above zero"), "A", "introduction",
        "The variation of input-unit gradients over samples follows α {} zero.",
        lambda rows: rows.layers("unit_gradient_variation_over_samples").relative(), (10.0, 10.0), " %", learned=True,
    ),
    *both_sides(
        ("gradients vary less over units below zero", "gradients vary more over units above zero"), "A", "introduction",
        "The variation of input-unit gradients over units follows α {} zero.",
        lambda rows: rows.layers("unit_gradient_variation_over_units").relative(), (10.0, 10.0), " %", learned=True,
    ),
    *both_sides(
        ("weaker against the worst case below zero", "robust to the worst case above zero"), "O", "beyond the papers",
        "Accuracy under AutoAttack or APGD, which find what FGSM and PGD miss, rises with α {} zero.",
        worst_case, (5.0, 5.0), " points", learned=True, adversarial=True,
    ),
    Claim(
        "AugMix lowers selectivity", "P", "summary", "Training for robustness against corruption reduces selectivity.",
        "reduced; taken as −0.02", ALL, _against_main("augmix", -0.02),
    ),
    Claim(
        "PGD training raises selectivity", "P", "summary", "Training for robustness against attack increases selectivity.",
        "increased; taken as +0.02", ALL, _against_main("pgd", 0.02),
    ),
    Claim(
        "FGSM training raises selectivity", "P", "summary", "So does its fast variant of one step.",
        "increased; taken as +0.02", ALL, _against_main("fgsm", 0.02),
    ),
)  # fmt: skip
