"""What the rows of a network say about it: how it was trained, and with which software it was measured."""

import json
from typing import Any

# What has columns of its own, and what is a result
_NOT_TRAINING = ("alpha", "seed", "best_epoch")


def alpha_of(network: Any) -> float | None:
    """The scale of the regulariser that a network was trained with, or `None` if that is unknown."""
    trained = network.run.get("protocol") or {}
    alpha = trained.get("alpha", network.run.get("alpha"))
    return alpha.get("alpha") if isinstance(alpha, dict) else alpha


def about(name: str, network: Any) -> dict[str, Any]:
    """Columns that tell which network was measured, and with what.

    Args:
        name: What the results call it.
        network: An `Exported`.
    """
    from keras_selectivity.saved_model import versions

    trained = network.run.get("protocol") or {}
    return {
        "model": name,
        "fingerprint": network.fingerprint,
        "network": trained.get("network"),
        "alpha": alpha_of(network),
        "seed": network.run.get("seed"),
        "epochs": trained.get("epochs"),
        "samples_trained_on": trained.get("samples_trained_on"),
        "batch_size": trained.get("batch_size"),
        "training": _training(trained),
        **{key: value for key, value in versions().items() if key != "numpy"},
    }


def _training(trained: dict[str, Any]) -> str | None:
    """Everything else that the record of a training says, as one text that the networks of a study share."""
    settings = {key: value for key, value in trained.items() if key not in _NOT_TRAINING}
    if isinstance(trained.get("alpha"), dict):  # a schedule, of which the column has the final value
        settings["alpha_schedule"] = {key: value for key, value in trained["alpha"].items() if key != "alpha"}
    return json.dumps(settings, sort_keys=True) if settings else None
