"""The stubs that name what packages offer: every name loads, is what the stub says, and is shipped."""

import ast
import importlib
import shutil
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

import keras_selectivity as ks

ROOT = Path(ks.__file__).parents[1]
STUBS = {
    ".".join(path.parent.relative_to(ROOT).parts): path for path in sorted(ROOT.glob("keras_selectivity/**/*.pyi"))
}  # fmt: skip


def named(path):
    """`(module, name, alias)` of every import of a stub; the module is `None` for a submodule itself."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name, alias.asname) for alias in node.names)


@pytest.mark.parametrize("package", STUBS)
def test_every_name_is_what_the_stub_says(package):
    loaded, found = importlib.import_module(package), list(named(STUBS[package]))
    assert found and dir(loaded) == sorted(name for _, name, _ in found)
    for module, name, alias in found:
        assert alias == name  # without it, a type checker takes the name for private
        value = getattr(loaded, name)
        if module is None:
            assert isinstance(value, types.ModuleType) and value.__name__ == f"{package}.{name}"
        else:
            assert value is getattr(importlib.import_module(f"{package}.{module}"), name)
    with pytest.raises(AttributeError):
        _ = loaded.no_such_name


def test_packages_and_stubs_are_the_same():
    lazy = {
        path for path in ROOT.glob("keras_selectivity/**/__init__.py") if "attach_stub" in path.read_text()
    }
    assert {path.with_suffix(".pyi") for path in lazy} == set(STUBS.values())


@pytest.mark.slow
def test_a_wheel_holds_the_package_and_nothing_else(tmp_path):
    pytest.importorskip("setuptools")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "keras_selectivity", tmp_path / "keras_selectivity")
    build = "import setuptools.build_meta as b, sys; b.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(tmp_path / "dist")], cwd=tmp_path, check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    package = [path for path in (ROOT / "keras_selectivity").rglob("*") if path.is_file()]
    besides = {
        path.relative_to(ROOT).as_posix() for path in package if path.suffix not in (".py", ".pyc", ".md")
    }
    assert {"keras_selectivity/py.typed", "keras_selectivity/__init__.pyi"} < besides < shipped
    assert all(name.startswith(("keras_selectivity/", "keras_selectivity-")) for name in shipped)
