"""Makes Keras know the classes that our `.keras` files hold, whichever of the two is imported first."""

import importlib
import sys
from types import ModuleType
from typing import Any

from keras_selectivity._importing import Execute
from keras_selectivity._importing import around_import

# Registered name -> module of `keras_selectivity` that defines the class.
CLASSES = {
    "SelectivityModel": "training._selectivity_model",
    "UnitMeans": "training._unit_means",
    "BatchNormalization": "training._batch_normalization",
    "CoupledSGD": "training._optimizer",
    "LinearWarmup": "training._schedules",
    "EpochWindow": "training._schedules",
    "Adversarial": "training._methods",
    "AugMixConsistency": "training._methods",
    "Positions": "networks._vit",
}


class _Unloaded:
    """Stands for a class until Keras meets it in a file; loading the class registers it in this one's place."""

    def __init__(self, name: str, module: str) -> None:
        self._name, self._module = name, module

    def __getattr__(self, attribute: str) -> Any:
        module = importlib.import_module(f"keras_selectivity.{self._module}")
        return getattr(getattr(module, self._name), attribute)


def _register(keras: Any) -> None:
    known = keras.saving.get_custom_objects()
    for name, module in CLASSES.items():
        known.setdefault(f"keras_selectivity>{name}", _Unloaded(name, module))


def register() -> None:
    """Registers our classes with Keras, now or once it is imported."""
    if "keras" in sys.modules:
        _register(sys.modules["keras"])
    else:
        around_import("keras", _execute_and_register)


def _execute_and_register(execute: Execute, module: ModuleType) -> None:
    execute(module)
    _register(module)
