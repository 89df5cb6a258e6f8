"""Does something around the import of a package that is too slow to be imported by us."""

import sys
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType

Execute = Callable[[ModuleType], None]


@dataclass(frozen=True)
class _Around:
    """An entry of `sys.meta_path` that waits for one package."""

    package: str
    around: Callable[[Execute, ModuleType], None]

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self.package:
            return None
        sys.meta_path.remove(self)  # while the others look, among which there may be one of this class
        try:
            found = (finder.find_spec(name, path, target) for finder in list(sys.meta_path))
            spec = next(filter(None, found), None)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module
            spec.loader.exec_module = lambda module: self.around(execute, module)  # type: ignore[method-assign]
        return spec


def around_import(package: str, around: Callable[[Execute, ModuleType], None]) -> None:
    """Has a package imported by `around(execute, module)`, once somebody imports it.

    Args:
        package: Name of a package that is not imported yet.
        around: Calls `execute(module)`, which runs the package's code, and does more before or after.
    """
    finder = _Around(package, around)
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
