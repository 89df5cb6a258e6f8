"""Which figures there are, what they show and need, and which figures of the papers they are."""

from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace

from matplotlib.figure import Figure

from keras_selectivity.reports import _representation_figures as representations
from keras_selectivity.reports import _robustness_figures as robustness
from keras_selectivity.reports import _study_figures as studies
from keras_selectivity.reports import _training_figures as training
from keras_selectivity.reports._complete import ACCURACY
from keras_selectivity.reports._complete import SELECTIVITY
from keras_selectivity.reports._complete import Values
from keras_selectivity.reports._complete import comparable_pairs
from keras_selectivity.reports._complete import every_severity
from keras_selectivity.reports._complete import of_epochs
from keras_selectivity.reports._complete import of_layers
from keras_selectivity.reports._complete import of_networks
from keras_selectivity.reports._complete import of_units
from keras_selectivity.results import MAIN
from keras_selectivity.results import Levels


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
        papers: Figures of the papers that it is, W for "On the relationship between class selectivity,
            dimensionality, and robustness", S for "Selectivity considered harmful".
        arm: Arm of the study that it is about.
    """

    name: str
    draw: Callable[[Figure, Levels], None]
    needs: str
    values: tuple[Values, ...]
    size: tuple[float, float]
    caption: str
    papers: tuple[str, ...] = ()
    arm: str = MAIN


_GRID = (
    FigureKind(
        "accuracy_and_selectivity",
        training.overview,
        "clean selectivity",
        (ACCURACY, SELECTIVITY),
        (9, 3.4),
        "Test accuracy and mean class selectivity of the hidden units against the regulariser's scale. One dot per "
        "network; mean and bootstrapped 95 % interval over seeds.",
    ),
    FigureKind(
        "selectivity_by_layer",
        training.by_layer,
        "clean selectivity",
        (of_layers("mean_selectivity", "clean"),),
        (9, 3.8),
        "Mean selectivity of the units of each layer on the test split, input side on the left, and its mean over layers; "
        "bands: bootstrapped 95 % interval over seeds.",
        ("S A1", "S A5", "S A11", "S A13", "S A32"),
    ),
    FigureKind(
        "accuracy",
        studies.accuracy,
        "two alphas",
        (ACCURACY, SELECTIVITY),
        (11, 3.6),
        "Test accuracy against α (mean and bootstrapped 95 % interval; t-tests against α = 0, Bonferroni-corrected), its "
        "distribution over seeds, and accuracy against mean selectivity.",
        ("W A1", "S 1", "S 3", "S A2", "S A6", "S A12", "S A14", "S A33"),
    ),
    FigureKind(
        "signs",
        studies.signs,
        "both signs",
        (ACCURACY, SELECTIVITY),
        (9, 3.6),
        "Test accuracy of negative (blue) against positive (red) α by magnitude (Wilcoxon rank-sum tests, "
        "Bonferroni-corrected), and against mean selectivity.",
        ("S 4", "S A15", "S A34"),
    ),
    FigureKind(
        "training",
        training.training,
        "training",
        (of_epochs("selectivity"), of_epochs("val_accuracy")),
        (9, 3.4),
        "Selectivity of the training batches, which has a noise floor set by the batch size, and validation accuracy over "
        "the epochs. One line per network.",
    ),
    FigureKind(
        "learning_time",
        studies.learning_time,
        "test accuracy by epoch",
        (of_epochs("test_accuracy"),),
        (5, 3.4),
        "First epoch whose test accuracy reaches 95 % of the run's best.",
    ),
    FigureKind(
        "preferred_classes",
        studies.preferred_classes,
        "preferred classes by epoch",
        (of_epochs("val_selectivity/preferred_changed_once"), of_epochs("val_selectivity/preferred_changed")),
        (9, 3.4),
        "Units that change their preferred class at least once during training, and the mean number of changes between "
        "epochs.",
        ("S A28", "S A29"),
    ),
    FigureKind(
        "dead_units",
        studies.dead_units,
        "clean selectivity",
        (of_networks("dead_units", "clean"),),
        (5, 3.4),
        "Units that are zero for every test sample.",
        ("S A7", "S A8"),
    ),
    FigureKind(
        "attacks",
        robustness.attacks,
        "pgd",
        (),
        (9, 3.4),
        "Test accuracy under FGSM against its strength, and under PGD against the number of its steps.",
        ("W 2", "W A7"),
    ),
    FigureKind(
        "jacobian",
        robustness.jacobian,
        "jacobian",
        tuple(of_networks(f"jacobian_norm_mean{end}") for end in ("", "_low", "_high")),
        (5, 3.4),
        "Frobenius norm of the Jacobian of the logits in the pixels, mean over samples; bars: bootstrapped 95 % interval "
        "over samples.",
        ("W 2", "W A7"),
    ),
    FigureKind(
        "corruption",
        robustness.corruption,
        "all corruptions",
        (of_networks("accuracy", "corruptions"), of_networks("relative_accuracy")),
        (9, 3.4),
        "Accuracy on corrupted images, mean over corruptions and severities, and its ratio to clean accuracy.",
        ("W 1", "W A4"),
    ),
    FigureKind(
        "corruption_severity5",
        robustness.severest,
        "all corruptions",
        (every_severity, ACCURACY),
        (9, 3.8),
        "Accuracy at severity 5 over clean accuracy, by corruption.",
        ("W 1", "W A4"),
    ),
    FigureKind(
        "corruption_each",
        robustness.each_corruption,
        "all corruptions",
        (every_severity,),
        (9, 3.8),
        "Accuracy by corruption, mean over severities.",
        ("W A2", "W A5"),
    ),
    FigureKind(
        "corruption_trade_off",
        robustness.trade_off,
        "all corruptions",
        (every_severity, ACCURACY),
        (6.5, 4),
        "Clean against corrupted accuracy, mean over corruptions; the border tells the severity.",
        ("W A3", "W A6"),
    ),
    FigureKind(
        "unit_gradients",
        robustness.unit_gradients,
        "unit_gradients",
        tuple(of_layers(f"unit_gradient_variation_over_{over}") for over in ("samples", "units")),
        (9, 4.2),
        "Coefficient of variation of the L2 norms of the input-unit gradients: over samples, mean over the units of a "
        "layer, and over the units of a layer.",
    ),
    FigureKind(
        "dimensionality",
        representations.dimensionality,
        "dimensionality",
        (of_layers("dimensionality"),),
        (9, 4),
        "Share of dimensions that principal components need to explain the variance, by layer: of clean activations, and "
        "of the difference that a corruption and that PGD makes.",
        ("W 3", "W A8"),
    ),
    FigureKind(
        "pwcca",
        representations.similarity,
        "pwcca",
        (comparable_pairs,),
        (9, 4),
        "Projection-weighted CCA distance between networks by layer, and its ratio to that between networks of the same α; "
        "small dots: layers, large: their mean; p: paired t-test over layers.",
        ("S 2", "S A3"),
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
        (9, 4),
        "Selectivity along the most selective orthonormal axes that were found, and along the units themselves; mean over "
        "layers, and by layer.",
        ("S 2", "S A4"),
    ),
    FigureKind(
        "units",
        representations.units,
        "units",
        tuple(
            of_layers(name, "units")
            for name in ("dead_units", "sparse_units", "mean_precision", "mean_mutual_information")
        ),
        (9, 3),
        "Dead units, sparse units (active for fewer than half of the samples), precision and mutual information, mean over "
        "layers.",
    ),
    FigureKind(
        "activity",
        studies.activity,
        "units",
        (of_units("active_share"),),
        (6, 3.4),
        "Share of test samples that activate a unit; boxes: quartiles over units, whiskers: twice their range.",
        ("S A10",),
    ),
    FigureKind(
        "precision",
        studies.precision,
        "units",
        (of_layers("mean_precision", "units"),),
        (9, 3.8),
        "Precision of the units: share of the most common class among their most activating samples.",
        ("S A17",),
    ),
    FigureKind(
        "information",
        studies.information,
        "units",
        (of_layers("mean_mutual_information", "units"),),
        (9, 3.8),
        "Mutual information between a unit's activation and the class.",
        ("S A18",),
    ),
    FigureKind(
        "unit_measures",
        representations.unit_scatter,
        "units",
        tuple(
            of_units(name)
            for name in ("dead", "selectivity", "discriminability", "precision", "mutual_information")
        ),
        (9, 3.2),
        "Every unit's class selectivity index against its d′, precision and mutual information; dead units left out.",
    ),
)

# Arm -> what it is, figures of its selectivity, figures of its accuracy.
_ARMS = {
    "leaky": ("leaky ReLUs, which cannot die", (), ("S A9",)),
    "discriminability": ("d′ regularised instead of the index", ("S A19",), ("S A19",)),
    "first_three": ("the first three layers regularised", ("S A20", "S A22"), ("S A21", "S A23")),
    "last_three": ("the last three layers regularised", ("S A24", "S A26"), ("S A25", "S A27")),
    "warmup": ("α growing over the first five epochs", ("S A30",), ("S A31",)),
    "vgg16": ("VGG16", ("S A16",), ()),
}


def kinds(arms: Iterable[str] = ()) -> list[FigureKind]:
    """All figures: those of the grid, and two of each arm.

    Args:
        arms: Names of arms, besides those that the papers have.

    Returns:
        A list of `FigureKind`.
    """
    grid = {kind.name: kind for kind in _GRID}
    found = list(_GRID)
    for arm in dict.fromkeys([*_ARMS, *arms]):
        title, selectivity, accuracy = _ARMS.get(arm, (f"arm {arm}", (), ()))
        for name, papers in (("selectivity_by_layer", selectivity), ("accuracy", accuracy)):
            kind = grid[name]
            found.append(
                replace(
                    kind,
                    name=f"{arm}_{name}",
                    papers=papers,
                    arm=arm,
                    caption=f"{kind.caption} Here: {title}.",
                )
            )
    return found
