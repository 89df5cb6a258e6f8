"""Which figures there are, what they show and need."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import polars as pl

from keras_selectivity.reports import _study_figures as studies
from keras_selectivity.reports import _training_figures as training
from keras_selectivity.reports._captions import BARS
from keras_selectivity.reports._complete import ACCURACY
from keras_selectivity.reports._complete import SELECTIVITY
from keras_selectivity.reports._complete import of_epochs
from keras_selectivity.reports._complete import of_networks
from keras_selectivity.reports._kind import SELECTIVITY_BY_LAYER
from keras_selectivity.reports._kind import FigureKind
from keras_selectivity.reports._kind import layered
from keras_selectivity.reports._network_kinds import NETWORK_KINDS
from keras_selectivity.reports._papers import papers_of
from keras_selectivity.reports._series import STARS

_OTHER_ARMS = "Other arms of the study"

_GRID = (
    FigureKind(
        "accuracy_and_selectivity",
        "Accuracy and selectivity",
        training.overview,
        "clean selectivity",
        (ACCURACY, SELECTIVITY),
        (9, 3.2),
        "a: Test accuracy; b: mean class selectivity of the hidden units, mean over layers, against the regulariser's "
        "scale α.",
        unless="all alphas",
    ),
    layered("selectivity_by_layer", *SELECTIVITY_BY_LAYER),
    FigureKind(
        "accuracy",
        "Accuracy against α, and against selectivity",
        studies.accuracy,
        "two alphas",
        (ACCURACY, SELECTIVITY),
        (9, 3.4),
        "a: Test accuracy against α; b: against mean selectivity; the grey line follows α.",
        f"{BARS} From ten networks on, a violin shows their distribution.",
        f"Stars: t-tests against α = 0, Bonferroni-corrected; {STARS}.",
    ),
    FigureKind(
        "signs",
        "More against less selectivity",
        studies.signs,
        "both signs",
        (ACCURACY, SELECTIVITY),
        (5, 3.2),
        "Test accuracy of negative against positive α by magnitude; where there are both, negative stands on the left.",
        BARS,
        f"Stars: Wilcoxon rank-sum tests of α against −α, Bonferroni-corrected; {STARS}.",
    ),
    FigureKind(
        "training",
        "Training",
        training.training,
        "training",
        (of_epochs("selectivity"), of_epochs("val_accuracy")),
        (9, 3.2),
        "a: Selectivity of the training batches, which has a noise floor set by the batch size, and b: validation "
        "accuracy over the epochs. One line per network.",
        "",
        group="Training",
    ),
    FigureKind(
        "learning_time",
        "Learning time",
        studies.learning_time,
        "test accuracy by epoch",
        (of_epochs("test_accuracy"),),
        (5, 3.2),
        "First epoch whose test accuracy reaches 95 % of the run's best.",
        group="Training",
    ),
    FigureKind(
        "preferred_classes",
        "Changes of preferred class",
        studies.preferred_classes,
        "preferred classes by epoch",
        (of_epochs("val_selectivity/preferred_changed_once"), of_epochs("val_selectivity/preferred_changed")),
        (9, 3.2),
        "a: Units that change their preferred class at least once during training; b: the mean number of changes "
        "between epochs.",
        group="Training",
    ),
    FigureKind(
        "dead_units",
        "Dead units",
        studies.dead_units,
        "clean selectivity",
        (of_networks("dead_units", "clean"),),
        (5, 3.2),
        "Units that are zero for every test sample.",
    ),
    layered(
        "selectivity_of_alive",
        "Selectivity without dead units",
        "alive units",
        "mean_selectivity_of_alive",
        "mean selectivity index,\nwithout dead units",
        "units",
        "Mean selectivity (test split), dead units left out,",
        "layers",
        over_units=False,
    ),
    *NETWORK_KINDS,
    FigureKind(
        "leaky_slopes",
        "Leaky ReLUs",
        studies.leaky,
        "leaky arms",
        (ACCURACY, SELECTIVITY),
        (9, 3.2),
        "a: Test accuracy and b: mean selectivity (mean over layers) against α, of networks with ReLUs and with leaky "
        "ReLUs, which cannot die.",
        "Means with their 95 % interval over seeds.",
        arm=None,
        group=_OTHER_ARMS,
    ),
    FigureKind(
        "architectures",
        "Architectures",
        studies.architectures,
        "two networks",
        (ACCURACY, SELECTIVITY),
        (9, 3.2),
        "a: Test accuracy and b: mean selectivity (mean over layers) against α, by architecture.",
        "Means with their 95 % interval over seeds.",
        arm=None,
        group=_OTHER_ARMS,
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
        by_layer = layered("selectivity_by_layer", *SELECTIVITY_BY_LAYER, called, **options)
    found = [replace(kind, name=f"{arm}_{kind.name}") for kind in (by_layer, accuracy)]
    if arm == "discriminability":
        found.insert(
            0,
            layered(f"{arm}_by_layer", "d′ by layer", "units", f"mean_{arm}", "mean d′", "units", "Mean d′"),
        )
    title = _ARMS.get(arm, f"leaky ReLUs (arm {arm})" if arm.startswith("leaky") else f"arm {arm}")
    return [
        replace(
            kind,
            arm=arm,
            title=f"{kind.title}: {title}",
            caption=f"{kind.caption} Here: {title}.",
            group=_OTHER_ARMS,
        )
        for kind in found
    ]
