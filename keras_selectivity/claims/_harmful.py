"""Claims of "Selectivity considered harmful" (S, arXiv 2003.01262) on selectivity and accuracy."""

from collections.abc import Callable

import numpy as np
import polars as pl

from keras_selectivity.claims._claim import ALL
from keras_selectivity.claims._claim import INFINITE
from keras_selectivity.claims._claim import R18
from keras_selectivity.claims._claim import R20
from keras_selectivity.claims._claim import R50
from keras_selectivity.claims._claim import VGG
from keras_selectivity.claims._claim import Claim
from keras_selectivity.claims._claim import both_sides
from keras_selectivity.claims._claim import contrast
from keras_selectivity.claims._claim import every
from keras_selectivity.claims._claim import signs
from keras_selectivity.claims._claim import unchanged
from keras_selectivity.claims._kinds import Check
from keras_selectivity.claims._kinds import Inside
from keras_selectivity.claims._kinds import Ratio
from keras_selectivity.claims._kinds import Shift
from keras_selectivity.claims._papers import ACCURACY
from keras_selectivity.claims._papers import at
from keras_selectivity.claims._rows import Rows
from keras_selectivity.claims._rows import Values
from keras_selectivity.claims._rows import more_alphas
from keras_selectivity.results import t95

# Half a point counts as no difference of accuracy
_NO_DIFFERENCE = 0.5


def _accuracy(rows: Rows) -> Values:
    return rows.accuracy()


def _ratio(rows: Rows, alpha: float, theirs: float) -> Check:
    """Selectivity at alpha = 0 over that at another, within seeds."""
    logs = rows.selectivity().log().contrast(alpha)
    return Ratio(-logs, float(np.log(theirs)), what=f"less selectivity at α = {alpha:g}")


def _level(rows: Rows, alpha: float, theirs: float, tolerance: float) -> Check:
    """Selectivity at an alpha, over all units, as the papers' captions say."""
    values = rows.values("mean_selectivity_over_units", evaluation="clean").level(alpha)
    return Inside(
        values, theirs - tolerance, theirs + tolerance, what=f"mean over all units at α = {alpha:g}"
    )


def _reduced(rows: Rows, alpha: float, ratio: float, loss: float, tolerance: float) -> Check:
    """Selectivity reduced by a factor at a loss of accuracy."""
    accuracy = Inside(
        rows.accuracy().contrast(alpha),
        loss - tolerance,
        loss + tolerance,
        " points",
        f"at α = {alpha:g}",
        True,
    )
    return every([_ratio(rows, alpha, ratio), accuracy], "")


def _moves(low: float, high: float) -> Callable[[Rows], Check]:
    """Every alpha of a range moves the accuracy of ResNet18 as in the authors' figure."""

    def check(rows: Rows) -> Check:
        values, theirs = rows.accuracy(), ACCURACY["resnet18"]
        parts: list[Check] = [
            Shift(values.contrast(a), float(at(theirs, a)) - theirs[0], " points", what=f"at α = {a:g}")
            for a in values.alphas(low, high)
        ]
        return every(parts, more_alphas(f"an α from {low:g} to {high:g}"))

    return check


def _learning_time(rows: Rows, low: float, high: float, margin: float) -> Check:
    epochs = rows.values("test_accuracy", x="epoch", reduce=_T95)
    share = epochs.relative()
    return unchanged(share, [a for a in share.alphas(low, high) if a], margin, " %")


def _epochs(accuracies: pl.Series) -> pl.Series:
    # Of a table without any, polars asks for the value of none
    return pl.Series([float(t95(accuracies.to_numpy()))] if len(accuracies) else [None], dtype=pl.Float64)


_T95 = pl.col("value").sort_by("epoch").map_batches(_epochs, pl.Float64, returns_scalar=True)

_SELECTIVITY = (
    *both_sides(
        ("selectivity falls below zero", "selectivity rises above zero"),
        "S",
        "4.1, 4.3, Figures A1, A5, A11, A13, A34",
        "Mean selectivity follows α {} zero.",
        lambda rows: rows.selectivity(),
        (0.1, 0.25),
        "",
        ALL,
        "0.155 at −2, 0.347 at 0, 0.879 at 2 (ResNet18)",
        learned=True,
    ),
    Claim(
        "baseline selectivity of ResNet18", "S", "4.1", "Without regularisation, units have a mean selectivity of 0.35.",
        "0.35, over all units", R18, lambda rows: _level(rows, 0.0, 0.35, 0.05), extends=False,
    ),
    Claim(
        "baseline selectivity of ResNet20", "S", "4.1", "Without regularisation, units have a mean selectivity of 0.22.",
        "0.22, over all units", R20, lambda rows: _level(rows, 0.0, 0.22, 0.05), extends=False,
    ),
    Claim(
        "baseline selectivity of VGG16", "S", "A.12",
        "Without regularisation, units of VGG16 are 1.6 times as selective as those of ResNet20.",
        "0.35, over all units", VGG, lambda rows: _level(rows, 0.0, 0.35, 0.05), extends=False,
    ),
    Claim(
        "selectivity of ResNet18 reduced at −1", "S", "4.1", "α = −1 reduces the selectivity of ResNet18, in the paper to 1/1.6.",
        "0.35 to 0.22, 1.6 times", R18, lambda rows: _ratio(rows, -1.0, 1.6),
    ),
    Claim(
        "selectivity of ResNet18 reduced at −3", "S", "4.1", "α = −3 reduces the selectivity of ResNet18, in the paper to a third.",
        "0.35 to 0.12, 3 times", R18, lambda rows: _ratio(rows, -3.0, 3.0),
    ),
    Claim(
        "selectivity of 0.10 at −3.5", "S", "4.1", "α = −3.5 leaves ResNet18 a mean selectivity of 0.10.",
        "0.10, over all units", R18, lambda rows: _level(rows, -3.5, 0.10, 0.03), extends=False,
    ),
    Claim(
        "selectivity of ResNet20 reduced at −1", "S", "4.1", "α = −1 reduces the selectivity of ResNet20, in the paper to a third.",
        "0.22 to 0.07, 3.1 times", R20, lambda rows: _ratio(rows, -1.0, 3.1),
    ),
    Claim(
        "selectivity reduced without loss", "S", "abstract, 5",
        "Selectivity of ResNet20 can be reduced, in the paper 2.5 times, without a loss of accuracy.",
        "2.5 times, 0 points; taken at α = −0.7, the last without a difference",
        R20, lambda rows: _reduced(rows, -0.7, 2.5, 0.0, _NO_DIFFERENCE),
    ),
    Claim(
        "selectivity of ResNet20 reduced for two points", "S", "abstract, 5",
        "Selectivity of ResNet20 can be reduced, in the paper almost to none, for about two points of accuracy.",
        "20 times, −2 points; at no α that is named, taken at −10", R20, lambda rows: _reduced(rows, -10.0, 20.0, -2.0, 1.0),
    ),
    Claim(
        "selectivity of VGG16 reduced for half a point", "S", "4.1, A.12",
        "Selectivity of VGG16 can be reduced, in the paper five times, for half a point of accuracy.",
        "5 times, −0.5 points; at no α that is named, taken at −0.7", VGG,
        lambda rows: _reduced(rows, -0.7, 5.0, -0.5, 0.5), extends=False,
    ),
    Claim(
        "selectivity of VGG16 reduced for a point", "S", "4.1, A.12",
        "Selectivity of VGG16 can be reduced, in the paper ten times, for about a point of accuracy.",
        "10 times, to 0.03, −1 point; at no α that is named, taken at −2", VGG,
        lambda rows: _reduced(rows, -2.0, 10.0, -1.0, 0.5), extends=False,
    ),
)  # fmt: skip

_LESS = (
    Claim(
        "accuracy gain", "S", "4.1, Figure 1", "α = −1 improves the accuracy of ResNet18.", "51.57 to 53.60 %, +2.03 points",
        R18, contrast(_accuracy, -1.0, 2.03),
    ),
    Claim(
        "accuracy gain at every mild α", "S", "4.1, Figure 1", "Every α from −2.5 to −0.1 improves the accuracy of ResNet18.",
        "p < 0.01; +0.7 points at −0.1", R18, _moves(-2.5, -0.1),
    ),
    Claim(
        "no gain at −3", "S", "4.1, Figure 1", "At α = −3 the accuracy of ResNet18 is that of α = 0 again.",
        "no difference", R18, lambda rows: unchanged(rows.accuracy(), [-3.0], _NO_DIFFERENCE),
    ),
    Claim(
        "harm beyond −3.5", "S", "4.1, Figure 1", "Below α = −3.5 the accuracy of ResNet18 suffers more and more.",
        "falls; taken as −2 points at −5", R18, contrast(_accuracy, -5.0, -2.0),
    ),
    Claim(
        "accuracy gain of ResNet50", "S", "abstract, A.18", "Less selectivity improves the accuracy of ResNet50.",
        "over 1 point; taken at α = −1", R50, contrast(_accuracy, -1.0, 1.0), extends=False,
    ),
    Claim(
        "accuracy kept", "S", "4.1, Figure A2", "Mildly less selectivity leaves the accuracy of ResNet20 as it is.",
        "no difference down to α = −0.7", R20,
        lambda rows: unchanged(rows.accuracy(), [a for a in rows.accuracy().alphas(-0.7, 0) if a], _NO_DIFFERENCE),
    ),
    Claim(
        "first loss at −1", "S", "4.1, Figure A2", "From α = −1 on, the accuracy of ResNet20 suffers.",
        "p = 0.03; taken as −0.5 points", R20, contrast(_accuracy, -1.0, -0.5),
    ),
    Claim(
        "accuracy lost at the extreme", "S", "4.1, Figure A2", "Extremely low selectivity costs ResNet20 accuracy.",
        "about −2 points; taken at α = −30", R20, contrast(_accuracy, -30.0, -2.0),
    ),
    Claim(
        "first loss of VGG16", "S", "4.1, A.12", "α = −0.1 reduces the accuracy of VGG16.",
        "p = 0.004; taken as −0.3 points", VGG, contrast(_accuracy, -0.1, -0.3), extends=False,
    ),
)  # fmt: skip

_MORE = (
    Claim(
        "more selectivity harms at once", "S", "4.3, Figure 3", "α = 0.1 reduces the accuracy of ResNet18.",
        "p < 6e-5; −0.8 points", R18, contrast(_accuracy, 0.1, -0.8),
    ),
    Claim(
        "more selectivity harms at every α", "S", "4.3, Figure 3", "Every positive α reduces the accuracy of ResNet18.",
        "p < 6e-5 for all; −0.8 points at 0.1", R18,
        _moves(0.1, INFINITE),
    ),
    Claim(
        "collapse at 5", "S", "4.3, Figure 3", "At α = 5 the accuracy of ResNet18 has fallen to a quarter.", "about 25 %", R18,
        lambda rows: Inside(rows.accuracy().level(5.0), 20, 30, " %", "at α = 5"), extends=False,
    ),
    Claim(
        "more selectivity harms", "S", "4.3, A.9", "α = 0.7 reduces the accuracy of ResNet20.", "−5 points", R20,
        contrast(_accuracy, 0.7, -5.0),
    ),
    Claim(
        "more selectivity harms VGG16", "S", "A.12", "α = 0.1 reduces the accuracy of VGG16.",
        "p = 0.02; taken as −0.3 points", VGG, contrast(_accuracy, 0.1, -0.3), extends=False,
    ),
    Claim(
        "more selectivity harms ResNet50", "S", "A.18", "More selectivity reduces the accuracy of ResNet50.",
        "reduced; taken as −2 points at α = 1", R50, contrast(_accuracy, 1.0, -2.0), extends=False,
    ),
    Claim(
        "harm is one-sided", "S", "4.3, Figure 4", "α = 2 leaves ResNet18 far less accuracy than α = −2 does.",
        "about −6 points", R18, lambda rows: signs(rows.accuracy(), 2.0, -6.0),
    ),
    Claim(
        "signs part at once", "S", "4.3, Figure 4", "α = 0.1 leaves ResNet18 less accuracy than α = −0.1 does.",
        "p < 6e-6; −1.5 points", R18, lambda rows: signs(rows.accuracy(), 0.1, -1.5),
    ),
    Claim(
        "harm is one-sided in ResNet20", "S", "A.9, A.17", "More selectivity harms ResNet20 more than less of it does.",
        "about −5 points at 0.7", R20, lambda rows: signs(rows.accuracy(), 0.7, -5.0),
    ),
    Claim(
        "signs part in VGG16", "S", "A.12, Figure A15", "From |α| = 0.3 on, more selectivity harms VGG16 more than less does.",
        "p = 1e-4; taken as −0.5 points", VGG, lambda rows: signs(rows.accuracy(), 0.3, -0.5), extends=False,
    ),
    Claim(
        "learning time of ResNet18", "S", "A.2", "ResNet18 takes at most half as long again to train for α from −2 to 1.",
        "35 ± 1 epochs to 95 % of the best test accuracy, up to 51", R18, lambda rows: _learning_time(rows, -2, 1, 50),
    ),
    Claim(
        "learning time", "S", "A.2", "ResNet20 takes as long to train for every α from −2 to 0.7.",
        "45 ± 15 epochs to 95 % of the best test accuracy, so within a third", R20,
        lambda rows: _learning_time(rows, -2, 0.7, 100 / 3),
    ),
)  # fmt: skip

CLAIMS = _SELECTIVITY + _LESS + _MORE
