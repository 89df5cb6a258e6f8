"""Which figures there are, what they show and need."""

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl

from keras_selectivity.reports import _representation_figures as representations
from keras_selectivity.reports import _robustness_figures as robustness
from keras_selectivity.reports import _study_figures as studies
from keras_selectivity.reports import _training_figures as training
from keras_selectivity.reports._captions import BANDS
from keras_selectivity.reports._captions import BARS
from keras_selectivity.reports._captions import BOTH
from keras_selectivity.reports._complete import ACCURACY
from keras_selectivity.reports._complete import SELECTIVITY
from keras_selectivity.reports._complete import Values
from keras_selectivity.reports._complete import comparable_pairs
from keras_selectivity.reports._complete import dependence_on_selectivity
from keras_selectivity.reports._complete import every_severity
from keras_selectivity.reports._complete import of_epochs
from keras_selectivity.reports._complete import of_layers
from keras_selectivity.reports._complete import of_networks
from keras_selectivity.reports._complete import of_units
from keras_selectivity.reports._drawing import Draw
from keras_selectivity.reports._papers import Panels
from keras_selectivity.reports._papers import papers_of
from keras_selectivity.reports._series import STARS
from keras_selectivity.results import MAIN


@dataclass(frozen=True)
class FigureKind:
    """A figure that a table may allow.

    Attributes:
        name: Name of its files.
        draw: Function of a matplotlib figure and a table.
        needs: What must be in the table, a key of what `draw` finds there.
        values: What it shows of every network: if a network has one, it must have all.
        size: Inches.
        caption: What it shows.
        interval: What is said where an alpha has several networks.
        test: What is said where there are enough for a test.
        papers: What it is of the papers' figures.
        arm: Arm of the study that it is about, or `None` for several.
    """

    name: str
    draw: Draw
    needs: str
    values: tuple[Values, ...]
    size: tuple[float, float]
    caption: str
    interval: str = BARS
    test: str = ""
    papers: tuple[Panels, ...] = ()
    arm: str | None = MAIN


_OVER_UNITS = "layers (as the regulariser weighs them) and, where their number is known, over all units (as the papers draw it)"


def _layered(
    name: str,
    needs: str,
    measure: str,
    label: str,
    evaluation: str,
    shown: str,
    means: str = _OVER_UNITS,
    **options: Any,
) -> FigureKind:
    """A figure of a measure of layers."""
    return FigureKind(
        name,
        partial(training.layered, measure=measure, label=label, evaluation=evaluation, **options),
        needs,
        (of_layers(measure, evaluation),),
        (9.5, 3.4),
        f"a: {shown} of the units of each layer. b: Its mean over {means} against α.",
        BOTH,
    )


_SELECTIVITY_BY_LAYER = (
    "clean selectivity",
    "mean_selectivity",
    "mean selectivity index",
    "clean",
    "Mean selectivity (test split)",
)

_GRID = (
    FigureKind(
        "accuracy_and_selectivity",
        training.overview,
        "clean selectivity",
        (ACCURACY, SELECTIVITY),
        (9, 3.2),
        "a: Test accuracy; b: mean class selectivity of the hidden units, mean over layers, against the regulariser's "
        "scale α.",
    ),
    _layered("selectivity_by_layer", *_SELECTIVITY_BY_LAYER),
    FigureKind(
        "accuracy",
        studies.accuracy,
        "two alphas",
        (ACCURACY, SELECTIVITY),
        (12, 3.4),
        "a: Test accuracy against α; b: against mean selectivity.",
        f"{BARS} c: Its distribution over seeds: every network and the median; from ten networks on, a violin and "
        "a box of quartiles.",
        f"Stars: t-tests against α = 0, Bonferroni-corrected; {STARS}.",
    ),
    FigureKind(
        "signs",
        studies.signs,
        "both signs",
        (ACCURACY, SELECTIVITY),
        (9, 3.4),
        "a: Test accuracy of negative (blue) against positive (red) α by magnitude; b: against mean selectivity, every "
        "network.",
        BARS,
        f"Stars: Wilcoxon rank-sum tests of α against −α, Bonferroni-corrected; {STARS}.",
    ),
    FigureKind(
        "training",
        training.training,
        "training",
        (of_epochs("selectivity"), of_epochs("val_accuracy")),
        (9, 3.2),
        "a: Selectivity of the training batches, which has a noise floor set by the batch size, and b: validation "
        "accuracy over the epochs. One line per network.",
        "",
    ),
    FigureKind(
        "learning_time",
        studies.learning_time,
        "test accuracy by epoch",
        (of_epochs("test_accuracy"),),
        (5, 3.2),
        "First epoch whose test accuracy reaches 95 % of the run's best.",
    ),
    FigureKind(
        "preferred_classes",
        studies.preferred_classes,
        "preferred classes by epoch",
        (of_epochs("val_selectivity/preferred_changed_once"), of_epochs("val_selectivity/preferred_changed")),
        (9, 3.2),
        "a: Units that change their preferred class at least once during training; b: the mean number of changes "
        "between epochs.",
    ),
    FigureKind(
        "dead_units",
        studies.dead_units,
        "clean selectivity",
        (of_networks("dead_units", "clean"),),
        (5, 3.2),
        "Units that are zero for every test sample.",
    ),
    _layered(
        "selectivity_of_alive",
        "alive units",
        "mean_selectivity_of_alive",
        "mean selectivity index,\nwithout dead units",
        "units",
        "Mean selectivity (test split), dead units left out,",
        "layers",
        over_units=False,
    ),
    FigureKind(
        "attacks",
        robustness.attacks,
        "pgd",
        (of_networks("accuracy", "pgd"), of_networks("accuracy", "fgsm")),
        (9, 3.4),
        "Test accuracy a: under FGSM against its strength, b: under PGD against the number of its steps.",
        BANDS,
    ),
    FigureKind(
        "jacobian",
        robustness.jacobian,
        "jacobian",
        tuple(of_networks(f"jacobian_norm_mean{end}") for end in ("", "_low", "_high")),
        (5, 3.2),
        "Frobenius norm of the Jacobian of the logits in the pixels, mean over samples; bar of a single network: "
        "uncertainty (95 %) of its mean over samples.",
    ),
    FigureKind(
        "corruption",
        robustness.corruption,
        "all corruptions",
        (of_networks("accuracy", "corruptions"), of_networks("relative_accuracy")),
        (9, 3.2),
        "a: Accuracy on corrupted images, mean over corruptions and severities; b: its ratio to clean accuracy.",
    ),
    FigureKind(
        "corruption_severity5",
        robustness.severest,
        "all corruptions",
        (every_severity, ACCURACY),
        (9, 3.6),
        "Accuracy at severity 5 over clean accuracy, by corruption, for three example α: 0, and the nearest there are "
        "to −2 and 2.",
        "Means with their 95 % interval over seeds.",
    ),
    FigureKind(
        "corruption_each",
        robustness.each_corruption,
        "all corruptions",
        (every_severity,),
        (11, 3.8),
        "Accuracy by corruption, mean over severities; within a corruption, α grows to the right.",
        "Means with their 95 % interval over seeds.",
    ),
    FigureKind(
        "corruption_trade_off",
        robustness.trade_off,
        "all corruptions",
        (every_severity, ACCURACY),
        (7, 4.4),
        "Clean against corrupted accuracy, mean over corruptions; fill: α, border: severity.",
    ),
    FigureKind(
        "mediation",
        robustness.mediated,
        "two alphas",
        (dependence_on_selectivity,),
        (8, 3.4),
        "How robustness depends on measured selectivity: slopes of regressions within seeds, standardised, of "
        "selectivity alone, and with what else α changes held fixed. Networks that failed to learn are left out. "
        "Exploratory: the papers have no such figure.",
        "Bars: 95 % interval over seeds (jackknife).",
    ),
    FigureKind(
        "unit_gradients",
        robustness.unit_gradients,
        "unit_gradients",
        tuple(of_layers(f"unit_gradient_variation_over_{over}") for over in ("samples", "units")),
        (9, 3.4),
        "Coefficient of variation (CV) of the L2 norms of the input-unit gradients, a: over samples, mean over the units "
        "of a layer; b: over the units of a layer.",
        BANDS,
    ),
    FigureKind(
        "dimensionality",
        representations.dimensionality,
        "dimensionality",
        (of_layers("dimensionality"),),
        (10, 3.4),
        "Share of dimensions that principal components need to explain the variance, by layer: of clean activations, and "
        "of the difference that a corruption and that PGD makes.",
        BANDS,
    ),
    FigureKind(
        "pwcca",
        representations.similarity,
        "pwcca",
        (comparable_pairs,),
        (9, 3.4),
        "a: Projection-weighted CCA distance by layer of networks to those with α = 0, and to those of their own α, for "
        "example α.",
        f"b: Ratio of both, mean over layers. {BOTH} A network's distance is the mean of those to the others.",
        f"Stars: t-tests of the ratio against 1, Bonferroni-corrected; {STARS}.",
    ),
    FigureKind(
        "off_axis",
        representations.off_axis,
        "off_axis",
        tuple(
            of_layers(name)
            for name in (
                "off_axis_selectivity",
                "axis_aligned_selectivity_shifted",
                "axis_aligned_selectivity",
            )
        ),
        (9.5, 3.4),
        "a: Selectivity along the most selective orthonormal axes that were found (off-axis), and along the units "
        "themselves (axis-aligned; shifted: activations less their minimum, as off-axis), mean over layers; b: off-axis, "
        "by layer.",
        BOTH,
    ),
    FigureKind(
        "units",
        representations.units,
        "units",
        tuple(
            of_layers(name, "units")
            for name in ("dead_units", "sparse_units", "mean_precision", "mean_mutual_information")
        ),
        (9, 5.6),
        "a: Dead units, b: sparse units (active for fewer than half of the samples), c: precision and d: mutual "
        "information, mean over layers.",
    ),
    FigureKind(
        "activity",
        studies.activity,
        "units",
        (of_units("active_share"),),
        (6, 3.2),
        "Share of test samples that activate a unit; boxes: quartiles over units, whiskers: twice their range.",
        "",
    ),
    _layered(
        "precision",
        "units",
        "mean_precision",
        "mean precision",
        "units",
        "Mean precision (share of the most common class among a unit's most activating samples)",
    ),
    _layered(
        "information",
        "units",
        "mean_mutual_information",
        "mutual information (bits)",
        "units",
        "Mean mutual information between activation and class",
    ),
    FigureKind(
        "unit_measures",
        representations.unit_scatter,
        "units",
        tuple(
            of_units(name)
            for name in ("dead", "selectivity", "discriminability", "precision", "mutual_information")
        ),
        (9.5, 3.2),
        "Every unit's class selectivity index against a: its d′, b: precision, c: mutual information; dead units left "
        "out.",
        "",
    ),
    FigureKind(
        "leaky_slopes",
        studies.leaky,
        "leaky arms",
        (ACCURACY, SELECTIVITY),
        (9, 3.2),
        "a: Test accuracy and b: mean selectivity (mean over layers) against α, of networks with ReLUs and with leaky "
        "ReLUs, which cannot die.",
        "Means with their 95 % interval over seeds.",
        arm=None,
    ),
    FigureKind(
        "architectures",
        studies.architectures,
        "two networks",
        (ACCURACY, SELECTIVITY),
        (9, 3.2),
        "a: Test accuracy and b: mean selectivity (mean over layers) against α, by architecture.",
        "Means with their 95 % interval over seeds.",
        arm=None,
    ),
)

_ARMS = {
    "discriminability": "d′ regularised instead of the index",
    "first_three": "the first three layers regularised",
    "last_three": "the last three layers regularised",
    "warmup": "α growing over the first five epochs",
}
# Arms that regularise a part of the layers: which, in order from the input side
_PARTS = {
    "first_three": (pl.col("value").head(3), "the first three layers"),
    "last_three": (pl.col("value").tail(3), "the last three layers"),
}


def kinds(arms: Iterable[str] = ()) -> list[FigureKind]:
    """All figures: those of the grid and of several arms, and some of each arm.

    Args:
        arms: Names of arms, besides those that the papers have.

    Returns:
        A list of `FigureKind`.
    """
    found = list(_GRID)
    for arm in dict.fromkeys([*_ARMS, *arms]):
        found += _of_arm(arm)
    return [replace(kind, papers=papers_of(kind.name)) for kind in found]


def _of_arm(arm: str) -> list[FigureKind]:
    grid = {kind.name: kind for kind in _GRID}
    by_layer, accuracy = grid["selectivity_by_layer"], grid["accuracy"]
    if arm in _PARTS:
        part, called = _PARTS[arm]
        options: dict[str, Any] = {"part": part, "called": called, "over_units": False}
        by_layer = _layered("selectivity_by_layer", *_SELECTIVITY_BY_LAYER, called, **options)
    found = [replace(kind, name=f"{arm}_{kind.name}") for kind in (by_layer, accuracy)]
    if arm == "discriminability":
        found.insert(0, _layered(f"{arm}_by_layer", "units", f"mean_{arm}", "mean d′", "units", "Mean d′"))
    title = _ARMS.get(arm, f"leaky ReLUs (arm {arm})" if arm.startswith("leaky") else f"arm {arm}")
    return [replace(kind, arm=arm, caption=f"{kind.caption} Here: {title}.") for kind in found]
