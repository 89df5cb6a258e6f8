"""Does something around the import of a package that is too slow to be imported by us."""

import sys
from collections.abc import Callable
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

Execute = Callable[[ModuleType], None]


class _Around:
    """An entry of `sys.meta_path` that waits for one package."""

    def __init__(self, package: str, around: Callable[[Execute, ModuleType], None]) -> None:
        self._package, self._around = package, around

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._package:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module
            spec.loader.exec_module = lambda module: self._around(execute, module)  # type: ignore[method-assign]
        return spec


def around_import(package: str, around: Callable[[Execute, ModuleType], None]) -> None:
    """Has a package imported by `around(execute, module)`, once somebody imports it.

    Args:
        package: Name of a package that is not imported yet.
        around: Calls `execute(module)`, which runs the package's code, and does more before or after.
    """
    sys.meta_path.insert(0, _Around(package, around))
