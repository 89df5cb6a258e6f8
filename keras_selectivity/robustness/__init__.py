"""Attacks, corruption, and gradients of a trained network with respect to its input."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "fgsm": "_fgsm",
        "fgsm_accuracy": "_fgsm",
        "FGSMAccuracy": "_fgsm",
        "pgd": "_pgd",
        "pgd_accuracy": "_pgd",
        "PGDAccuracy": "_pgd",
        "surviving": "_pgd",
        "distances": "_pgd",
        "gradient_masking": "_masking",
        "GradientMasking": "_masking",
        "transfer_images": "_masking",
        "accuracy": "_accuracy",
        "jacobian_norm": "_jacobian",
        "input_unit_gradients": "_unit_gradients",
        "LayerUnitGradients": "_unit_gradients",
    },
)
