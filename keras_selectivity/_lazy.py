"""Re-export tables that import a module only when one of its names is first used."""

import importlib
from typing import Any


def attach(package: str, table: dict[str, str]) -> tuple[Any, Any, list[str]]:
    """Makes `__getattr__`, `__dir__` and `__all__` for a package.

    Args:
        package: The package's `__name__`.
        table: Public name -> module, relative to the package, that defines it. A name whose
            module has the same name stands for the module itself.

    Returns:
        `(__getattr__, __dir__, __all__)`.
    """

    def __getattr__(name: str) -> Any:
        if name not in table:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(f"{package}.{table[name]}")
        return module if table[name] == name else getattr(module, name)

    return __getattr__, lambda: sorted(table), sorted(table)
