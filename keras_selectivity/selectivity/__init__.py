"""Class-conditional statistics and selectivity metrics: arithmetic only, no models or files."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "EPSILON": "_index",
        "selectivity_index": "_index",
        "class_discriminability": "_index",
        "mean_over_layers": "_index",
        "METRICS": "_batch",
        "class_weights": "_batch",
        "Reduction": "_batch",
        "batch_selectivity": "_batch",
        "ClassStatistics": "_streaming",
        "precision": "_unit_measures",
        "mutual_information": "_unit_measures",
        "active_share": "_unit_measures",
    },
)
