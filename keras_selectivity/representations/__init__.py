"""What a trained network's units and layers represent."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "measure_selectivity": "_unit_selectivity",
        "SelectivityMeasurement": "_unit_selectivity",
        "LayerSelectivity": "_unit_selectivity",
        "MEASURES": "_units",
        "LayerUnits": "_units",
        "measure_units": "_units",
        "collect_units": "_units",
        "rank_correlations": "_units",
        "Ablation": "_ablation",
        "ablate": "_ablation",
        "Spectrum": "_dimensionality",
        "RunningCovariance": "_dimensionality",
        "spectrum": "_dimensionality",
        "dimensionality": "_dimensionality",
        "layer_spectra": "_layer_spectra",
        "pwcca_distance": "_pwcca",
        "pwcca_baseline": "_pwcca",
        "OffAxisSelectivity": "_off_axis",
        "off_axis_selectivity": "_off_axis",
    },
)
