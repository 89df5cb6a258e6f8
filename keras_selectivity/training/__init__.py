"""Selectivity regularisation in `model.fit`: unit means, the train step, schedules, callbacks."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "UnitMeans": "_unit_means",
        "collecting": "_unit_means",
        "full_output": "_unit_means",
        "spatial_mean": "_unit_means",
        "Report": "_instrument",
        "Tapped": "_instrument",
        "instrument": "_instrument",
        "example_inputs": "_rebuild",
        "probe": "_instrument",
        "strip": "_instrument",
        "with_logits": "_logits",
        "two_sided": "_logits",
        "SelectivityModel": "_selectivity_model",
        "regularize": "_regularize",
        "AlphaSchedule": "_schedules",
        "LinearWarmup": "_schedules",
        "EpochWindow": "_schedules",
        "checked_alpha": "_schedules",
        "CoupledSGD": "_optimizer",
        "SelectivityMonitor": "_monitor",
        "AccuracyMonitor": "_monitor",
        "preferred_class_changes": "_monitor",
        "tensorboard_logs": "_monitor",
        "replicate": "_replicas",
        "RunCheckpoint": "_checkpoint",
        "restore": "_checkpoint",
        "load_checkpoint": "_checkpoint",
        "Recipe": "_recipe",
        "Adversarial": "_methods",
        "AugMixConsistency": "_methods",
    },
)
