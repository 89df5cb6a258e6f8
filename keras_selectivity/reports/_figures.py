"""Which figures there are, and which of them the rows allow."""

from keras_selectivity.reports import _representation_figures as representations
from keras_selectivity.reports import _robustness_figures as robustness
from keras_selectivity.reports import _training_figures as training
from keras_selectivity.reports._drawing import save
from keras_selectivity.reports._rows import evaluation_of

# File name, what draws it, what it needs (see `_there`), size in inches, caption.
_FIGURES = (
    ("accuracy_and_selectivity.png", training.overview, "clean selectivity", (9, 3.4),
     "Test accuracy and mean class selectivity of the hidden units against the regulariser's scale. "
     "One dot a network, the line through the means over seeds."),
    ("selectivity_by_layer.png", training.by_layer, "clean selectivity", (9, 3.4),
     "Mean selectivity of the units of each layer on the test split, input side on the left. One line a "
     "network."),
    ("training.png", training.training, "training", (9, 3.4),
     "Selectivity of the training batches, which has a noise floor set by the batch size, and validation "
     "accuracy over the epochs. One line a network."),
    ("attacks.png", robustness.attacks, "pgd", (9, 3.4),
     "Test accuracy under FGSM against its strength, and under PGD against the number of its steps."),
    ("jacobian.png", robustness.jacobian, "jacobian", (5, 3.4),
     "Frobenius norm of the Jacobian of the logits in the pixels, mean over samples; bars: bootstrapped 95 % "
     "interval over samples."),
    ("corruption.png", robustness.corruption, "all corruptions", (9, 3.4),
     "Accuracy on corrupted images, mean over corruptions and severities, and its ratio to clean accuracy."),
    ("corruption_severity5.png", robustness.severest, "all corruptions", (9, 3.8),
     "Accuracy at severity 5 over clean accuracy, by corruption."),
    ("corruption_each.png", robustness.each_corruption, "all corruptions", (9, 3.8),
     "Accuracy by corruption, mean over severities."),
    ("corruption_trade_off.png", robustness.trade_off, "all corruptions", (6.5, 4),
     "Clean against corrupted accuracy, mean over corruptions; the border tells the severity."),
    ("unit_gradients.png", robustness.unit_gradients, "unit gradients", (9, 4.2),
     "Coefficient of variation of the L2 norms of the input-unit gradients: over samples, mean over the units of a "
     "layer, and over the units of a layer."),
    ("dimensionality.png", representations.dimensionality, "dimensionality", (9, 4),
     "Share of dimensions that principal components need to explain the variance, by layer: of clean activations, and "
     "of the difference that a corruption and that PGD makes."),
    ("pwcca.png", representations.similarity, "pwcca", (9, 4),
     "Projection-weighted CCA distance between networks by layer, and its ratio to that between networks of the same "
     "α; small dots: layers, large: their mean; p: paired t-test over layers."),
    ("off_axis.png", representations.off_axis, "off-axis", (9, 4),
     "Selectivity along the most selective orthonormal axes that were found, and along the units themselves; mean over "
     "layers, and by layer."),
    ("units.png", representations.units, "units", (9, 3),
     "Dead units, sparse units (active for fewer than half of the samples), precision and mutual information, mean "
     "over layers."),
    ("unit_measures.png", representations.unit_scatter, "units", (9, 3.2),
     "Every unit's class selectivity index against its d′, precision and mutual information; dead units left out."),
)  # fmt: skip


def draw(rows, folder):
    """Draws every figure that the rows allow.

    Args:
        rows: What `read_results` returns.
        folder: Folder for the PNG files.

    Returns:
        A list of `(file name, caption)`.

    Raises:
        InputError: The rows mix protocols.
    """
    there = _there(rows)
    drawn = []
    for name, function, needs, size, caption in _FIGURES:
        if needs in there:
            save(folder / name, function, rows, size)
            drawn.append((name, caption))
    return drawn


def _there(rows):
    """What the rows hold: names of evaluations, and parts of them that figures need."""
    found = {evaluation_of(row) for row in rows if row["protocol"]}
    if any(row["measure"] == "mean_selectivity" for row in rows):
        found.add("clean selectivity")
    if any(row["measure"] == "val_accuracy" for row in rows):
        found.add("training")
    if any((row["perturbation"] or "").startswith("all ") for row in rows):
        found.add("all corruptions")
    return found
