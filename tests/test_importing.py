"""What is done around the import of a package that somebody else imports."""

import importlib
import sys

import pytest

from keras_selectivity._importing import around_import


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that nobody has imported; `sys.meta_path` and `sys.modules` are as before afterwards."""
    (tmp_path / "somebodys.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield "somebodys"
    sys.modules.pop("somebodys", None)


def test_several_things_are_done_once_each(package):
    done = []

    def first(execute, module):
        done.append("before")
        execute(module)
        done.append(module.value)

    def second(execute, module):
        execute(module)
        done.append("second")

    for around in (first, second, first):  # asking twice is asking once
        around_import(package, around)
    assert importlib.import_module(package).value == 1
    assert done == ["before", 1, "second"]


def test_a_failed_import_can_be_tried_again(package, tmp_path):
    calls = []

    def around(execute, module):
        calls.append(module.__name__)
        execute(module)

    around_import(package, around)
    (tmp_path / "somebodys.py").write_text("raise ImportError('not yet')\n")
    with pytest.raises(ImportError, match="not yet"):
        importlib.import_module(package)
    (tmp_path / "somebodys.py").write_text("value = 22\n")
    importlib.invalidate_caches()
    assert importlib.import_module(package).value == 22
    assert calls == [package, package]
