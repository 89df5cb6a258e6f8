"""Which figures there are, and which of them the rows allow."""

from keras_selectivity.reports import _robustness_figures as robustness
from keras_selectivity.reports import _training_figures as training
from keras_selectivity.reports._drawing import save

# File name, what draws it, the measure or perturbation it needs, size in inches, caption.
_FIGURES = (
    ("accuracy_and_selectivity.png", training.overview, "mean_selectivity", (9, 3.4),
     "Test accuracy and mean class selectivity of the hidden units against the regulariser's scale. "
     "One dot a network, the line through the means over seeds."),
    ("selectivity_by_layer.png", training.by_layer, "mean_selectivity", (9, 3.4),
     "Mean selectivity of the units of each layer on the test split, input side on the left. One line a "
     "network."),
    ("training.png", training.training, "val_accuracy", (9, 3.4),
     "Selectivity of the training batches, which has a noise floor set by the batch size, and validation "
     "accuracy over the epochs. One line a network."),
    ("attacks.png", robustness.attacks, "pgd", (9, 3.4),
     "Test accuracy under FGSM against its strength, and under PGD against the number of its steps."),
    ("jacobian.png", robustness.jacobian, "jacobian_norm_mean", (5, 3.4),
     "Frobenius norm of the Jacobian of the logits in the pixels, mean over samples; bars: bootstrapped 95 % "
     "interval over samples."),
    ("corruption.png", robustness.corruption, "all ", (9, 3.4),
     "Accuracy on corrupted images, mean over corruptions and severities, and its ratio to clean accuracy."),
    ("corruption_severity5.png", robustness.severest, "all ", (9, 3.8),
     "Accuracy at severity 5 over clean accuracy, by corruption."),
    ("corruption_each.png", robustness.each_corruption, "all ", (9, 3.8),
     "Accuracy by corruption, mean over severities."),
    ("corruption_trade_off.png", robustness.trade_off, "all ", (6.5, 4),
     "Clean against corrupted accuracy, mean over corruptions; the border tells the severity."),
    ("unit_gradients.png", robustness.unit_gradients, "unit_gradient_mean", (9, 4.2),
     "Coefficient of variation of the L2 norms of the input-unit gradients: over samples, mean over the units of a "
     "layer, and over the units of a layer."),
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
    there = {row["measure"] for row in rows} | {row["perturbation"] or "" for row in rows}
    drawn = []
    for name, function, needs, size, caption in _FIGURES:
        if any(t.startswith(needs) if needs.endswith(" ") else t == needs for t in there):
            save(folder / name, function, rows, size)
            drawn.append((name, caption))
    return drawn
