"""Measures of what a trained network's units represent."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "measure_selectivity": "_unit_selectivity",
        "SelectivityMeasurement": "_unit_selectivity",
        "LayerSelectivity": "_unit_selectivity",
    },
)
