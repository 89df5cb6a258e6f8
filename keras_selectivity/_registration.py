"""Makes Keras know the classes that our `.keras` files hold, whichever of the two is imported first."""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

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


class _AfterKeras:
    """An entry of `sys.meta_path` that waits for the import of Keras, which is too slow to be made by us."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "keras":
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                _register(module)

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


def _register(keras: Any) -> None:
    known = keras.saving.get_custom_objects()
    for name, module in CLASSES.items():
        known.setdefault(f"keras_selectivity>{name}", _Unloaded(name, module))


def register() -> None:
    """Registers our classes with Keras, now or once it is imported."""
    if "keras" in sys.modules:
        _register(sys.modules["keras"])
    else:
        sys.meta_path.insert(0, _AfterKeras())
