"""Which figures there are, which figures of the papers they are, and which of them the rows allow."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace

from keras_selectivity._errors import InputError
from keras_selectivity.reports import _representation_figures as representations
from keras_selectivity.reports import _robustness_figures as robustness
from keras_selectivity.reports import _study_figures as studies
from keras_selectivity.reports import _training_figures as training
from keras_selectivity.reports._drawing import save
from keras_selectivity.studies._rows import evaluation_of
from keras_selectivity.studies._rows import of_arm


@dataclass(frozen=True)
class FigureKind:
    """A figure that rows may allow.

    Attributes:
        name: Name of its files.
        draw: Function of a matplotlib figure and rows.
        needs: What must be among the rows, see `_there`.
        size: Inches.
        caption: What it shows.
        papers: Figures of the papers that it is, W for "On the relationship between class selectivity,
            dimensionality, and robustness", S for "Selectivity considered harmful".
        arm: Arm of the study that it is about.
    """

    name: str
    draw: Callable
    needs: str
    size: tuple
    caption: str
    papers: tuple = ()
    arm: str = "main"


_GRID = (
    FigureKind("accuracy_and_selectivity", training.overview, "clean selectivity", (9, 3.4),
     "Test accuracy and mean class selectivity of the hidden units against the regulariser's scale. One dot a "
     "network; mean and bootstrapped 95 % interval over seeds."),
    FigureKind("selectivity_by_layer", training.by_layer, "clean selectivity", (9, 3.8),
     "Mean selectivity of the units of each layer on the test split, input side on the left, and its mean over layers; "
     "bands: bootstrapped 95 % interval over seeds.",
     ("S A1", "S A5", "S A11", "S A13", "S A32")),
    FigureKind("accuracy", studies.accuracy, "two alphas", (11, 3.6),
     "Test accuracy against α (mean and bootstrapped 95 % interval; t-tests against α = 0, Bonferroni-corrected), its "
     "distribution over seeds, and accuracy against mean selectivity.",
     ("W A1", "S 1", "S 3", "S A2", "S A6", "S A12", "S A14", "S A33")),
    FigureKind("signs", studies.signs, "both signs", (9, 3.6),
     "Test accuracy of negative (blue) against positive (red) α by magnitude (Wilcoxon rank-sum tests, "
     "Bonferroni-corrected), and against mean selectivity.", ("S 4", "S A15", "S A34")),
    FigureKind("training", training.training, "training", (9, 3.4),
     "Selectivity of the training batches, which has a noise floor set by the batch size, and validation accuracy over "
     "the epochs. One line a network."),
    FigureKind("learning_time", studies.learning_time, "test accuracy by epoch", (5, 3.4),
     "First epoch whose test accuracy reaches 95 % of the run's best."),
    FigureKind("preferred_classes", studies.preferred_classes, "preferred classes by epoch", (9, 3.4),
     "Units that change their preferred class at least once during training, and the mean number of changes between "
     "epochs.", ("S A28", "S A29")),
    FigureKind("dead_units", studies.dead_units, "clean selectivity", (5, 3.4),
     "Units that are zero for every test sample.", ("S A7", "S A8")),
    FigureKind("attacks", robustness.attacks, "pgd", (9, 3.4),
     "Test accuracy under FGSM against its strength, and under PGD against the number of its steps.", ("W 2", "W A7")),
    FigureKind("jacobian", robustness.jacobian, "jacobian", (5, 3.4),
     "Frobenius norm of the Jacobian of the logits in the pixels, mean over samples; bars: bootstrapped 95 % interval "
     "over samples.", ("W 2", "W A7")),
    FigureKind("corruption", robustness.corruption, "all corruptions", (9, 3.4),
     "Accuracy on corrupted images, mean over corruptions and severities, and its ratio to clean accuracy.",
     ("W 1", "W A4")),
    FigureKind("corruption_severity5", robustness.severest, "all corruptions", (9, 3.8),
     "Accuracy at severity 5 over clean accuracy, by corruption.", ("W 1", "W A4")),
    FigureKind("corruption_each", robustness.each_corruption, "all corruptions", (9, 3.8),
     "Accuracy by corruption, mean over severities.", ("W A2", "W A5")),
    FigureKind("corruption_trade_off", robustness.trade_off, "all corruptions", (6.5, 4),
     "Clean against corrupted accuracy, mean over corruptions; the border tells the severity.", ("W A3", "W A6")),
    FigureKind("unit_gradients", robustness.unit_gradients, "unit gradients", (9, 4.2),
     "Coefficient of variation of the L2 norms of the input-unit gradients: over samples, mean over the units of a "
     "layer, and over the units of a layer."),
    FigureKind("dimensionality", representations.dimensionality, "dimensionality", (9, 4),
     "Share of dimensions that principal components need to explain the variance, by layer: of clean activations, and "
     "of the difference that a corruption and that PGD makes.", ("W 3", "W A8")),
    FigureKind("pwcca", representations.similarity, "pwcca", (9, 4),
     "Projection-weighted CCA distance between networks by layer, and its ratio to that between networks of the same α; "
     "small dots: layers, large: their mean; p: paired t-test over layers.", ("S 2", "S A3")),
    FigureKind("off_axis", representations.off_axis, "off-axis", (9, 4),
     "Selectivity along the most selective orthonormal axes that were found, and along the units themselves; mean over "
     "layers, and by layer.", ("S 2", "S A4")),
    FigureKind("units", representations.units, "units", (9, 3),
     "Dead units, sparse units (active for fewer than half of the samples), precision and mutual information, mean over "
     "layers."),
    FigureKind("activity", studies.activity, "units", (6, 3.4),
     "Share of test samples that activate a unit; boxes: quartiles over units, whiskers: twice their range.", ("S A10",)),
    FigureKind("precision", studies.precision, "units", (9, 3.8),
     "Precision of the units: share of the most common class among their most activating samples.", ("S A17",)),
    FigureKind("information", studies.information, "units", (9, 3.8),
     "Mutual information between a unit's activation and the class.", ("S A18",)),
    FigureKind("unit_measures", representations.unit_scatter, "units", (9, 3.2),
     "Every unit's class selectivity index against its d′, precision and mutual information; dead units left out."),
)  # fmt: skip

# Arm -> what it is, figures of its selectivity, figures of its accuracy.
_ARMS = {
    "leaky": ("leaky ReLUs, which cannot die", (), ("S A9",)),
    "discriminability": ("d′ regularised instead of the index", ("S A19",), ("S A19",)),
    "first_three": ("the first three layers regularised", ("S A20", "S A22"), ("S A21", "S A23")),
    "last_three": ("the last three layers regularised", ("S A24", "S A26"), ("S A25", "S A27")),
    "warmup": ("α growing over the first five epochs", ("S A30",), ("S A31",)),
    "vgg16": ("VGG16", ("S A16",), ()),
}
# What has to be done for rows that a figure needs.
_SOURCES = {
    "clean selectivity": "evaluate",
    "two alphas": "runs with at least two α",
    "both signs": "runs with an α of either sign",
    "training": "study run",
    "test accuracy by epoch": "study run",
    "preferred classes by epoch": "study run",
    "pgd": "[evaluation.fgsm] and [evaluation.pgd]",
    "jacobian": "[evaluation.jacobian]",
    "all corruptions": "[evaluation.corruptions], all of them",
    "unit gradients": "[evaluation.unit_gradients]",
    "dimensionality": "[evaluation.dimensionality]",
    "pwcca": "[evaluation.pwcca]",
    "off-axis": "[evaluation.off_axis]",
    "units": "[evaluation.units]",
}


def kinds(arms=()):
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


def draw(rows, folder, formats=("png",)):
    """Draws every figure that the rows allow.

    Args:
        rows: What `read_results` returns.
        folder: Folder for the files.
        formats: Endings of the files, of those that matplotlib writes.

    Returns:
        `(drawn, missing)`: a list of `FigureKind`, and a list of `(FigureKind, what it takes)`.

    Raises:
        InputError: The rows mix protocols.
    """
    drawn, missing, seen = [], [], {}
    rows = [_as_text(row) for row in rows if row["value"] is not None]
    for kind in kinds(dict.fromkeys(row["arm"] for row in rows if row["arm"] not in (None, "main"))):
        mine = of_arm(rows, kind.arm)
        if kind.arm not in seen:
            seen[kind.arm] = _there(mine)
        if not mine:
            missing.append((kind, f"an arm {kind.arm!r} in the study"))
        elif kind.needs in seen[kind.arm]:
            # For what is drawn, an arm is the whole study.
            mine = [{**row, "arm": "main"} for row in mine]
            try:
                save([folder / f"{kind.name}.{ending}" for ending in formats], kind.draw, mine, kind.size)
                drawn.append(kind)
            except (LookupError, ValueError, ArithmeticError, StopIteration) as error:
                if isinstance(error, InputError):
                    raise
                missing.append((kind, "rows that are complete: some of its measurements are missing"))
        else:
            missing.append((kind, _SOURCES[kind.needs]))
    return drawn, missing


def _as_text(row):
    """A row whose names are drawn as they are: matplotlib sets what stands between two dollar signs as a formula."""
    names = {
        name: row[name] for name in ("model", "other", "layer", "perturbation") if "$" in (row[name] or "")
    }
    return {**row, **{name: text.replace("$", r"\$") for name, text in names.items()}}


def _there(rows):
    """What the rows hold: names of evaluations, and parts of them that figures need."""
    found = {evaluation_of(row) for row in rows if row["protocol"]}
    measures = {row["measure"] for row in rows}
    for measure, name in (
        ("mean_selectivity", "clean selectivity"),
        ("val_accuracy", "training"),
        ("test_accuracy", "test accuracy by epoch"),
        ("val_selectivity/preferred_changed_once", "preferred classes by epoch"),
    ):
        if measure in measures:
            found.add(name)
    alphas = {row["alpha"] for row in rows if row["alpha"] is not None}
    if len(alphas) > 1 and "clean selectivity" in found:
        found.add("two alphas")
        if min(alphas) < 0 < max(alphas):
            found.add("both signs")
    if any((row["perturbation"] or "").startswith("all ") for row in rows):
        found.add("all corruptions")
    return found
