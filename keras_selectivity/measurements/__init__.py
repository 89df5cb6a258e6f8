"""Measurements of trained networks, one file each, and what runs them piece by piece."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Measurement": "_measurement",
        "Quantity": "_measurement",
        "Column": "_measurement",
        "Piece": "_measurement",
        "row": "_measurement",
        "Context": "_context",
        "Samples": "_context",
        "Evaluation": "_evaluation",
        "evaluate": "_measure",
        "evaluate_files": "_measure",
        "measure": "_measure",
        "about": "_networks",
        "check_measurement": "_conformance",
        "measurements": "_registry",
        "find": "_registry",
        "register": "_registry",
        "Clean": "_clean",
        "Units": "_units",
        "FGSM": "_fgsm",
        "PGD": "_pgd",
        "Masking": "_masking",
        "Corruptions": "_corruptions",
        "Jacobian": "_jacobian",
        "UnitGradients": "_unit_gradients",
        "Dimensionality": "_dimensionality",
        "PWCCA": "_pwcca",
        "OffAxis": "_off_axis",
        "Ablation": "_ablation",
    },
)
