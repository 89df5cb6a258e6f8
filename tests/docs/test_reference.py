"""The reference documents every public name, and the navigation leads to every page of it."""

import importlib
import pkgutil
import sys
from pathlib import Path

import pytest

import keras_selectivity as ks

pytest.importorskip("mkdocs")
griffe = pytest.importorskip("griffe")
ROOT = Path(ks.__file__).parents[1]
sys.path.append(str(ROOT / "docs" / "hooks"))
api = importlib.import_module("api")
PAGES = api.pages()


def packages():
    """The packages that offer names by a stub, found by importing all of them."""
    names = [
        "keras_selectivity",
        *(m.name for m in pkgutil.walk_packages(ks.__path__, "keras_selectivity.") if m.ispkg),
    ]
    for name in names:
        module = importlib.import_module(name)
        if "__all__" in vars(module):
            yield name, module.__all__


@pytest.mark.parametrize(("package", "names"), list(packages()))
def test_every_public_name_is_documented(package, names):
    everything = "\n".join(PAGES.values())
    page = PAGES[f"reference/{package.removeprefix('keras_selectivity.').replace('.', '/')}.md"]
    for name in names:
        if package == "keras_selectivity":
            assert f"`ks.{name}`" in page and (f".{name}\n" in everything + "\n" or f"]({name}.md)" in page)
        else:
            assert f"::: {package}.{name}\n" in page + "\n"


def test_a_public_name_without_a_docstring_stops_the_build(monkeypatch):
    monkeypatch.setitem(api.MODULES, "keras_selectivity.results._columns", ("SCHEMA",))
    with pytest.raises(api.PluginError, match=r"_columns\.SCHEMA"):
        api.pages()


def test_the_navigation_leads_to_every_page():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(uri in navigation for uri in PAGES)
