"""Class-selectivity regularisation and analysis for Keras classifiers."""

from keras_selectivity._lazy import attach
from keras_selectivity._registration import register

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        # Arithmetic
        "selectivity_index": "selectivity",
        "class_discriminability": "selectivity",
        "ClassStatistics": "selectivity",
        # Training
        "UnitMeans": "training",
        "SelectivityModel": "training",
        "regularize": "training",
        "LinearWarmup": "training",
        "EpochWindow": "training",
        "CoupledSGD": "training",
        "BatchNormalization": "training",
        "SelectivityMonitor": "training",
        "preferred_class_changes": "training",
        # Trained networks, on disk or in memory
        "export": "saved_model",
        "load": "saved_model",
        "wrap": "_wrap",
        # Measuring
        "measure_selectivity": "representations",
        "measure_units": "representations",
        "ablate": "representations",
        "dimensionality": "representations",
        "layer_spectra": "representations",
        "pwcca_distance": "representations",
        "off_axis_selectivity": "representations",
        "corrupt": "datasets",
        "fgsm": "robustness",
        "pgd": "robustness",
        "jacobian_norm": "robustness",
        "input_unit_gradients": "robustness",
        # Rooms
        "training": "training",
        "results": "results",
        "claims": "claims",
        "studies": "studies",
        "testing": "testing",
        "datasets": "datasets",
        "networks": "networks",
        "robustness": "robustness",
        "representations": "representations",
        "measurements": "measurements",
        "InputError": "_errors",
    },
)

register()
