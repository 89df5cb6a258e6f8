"""The README stays short, and its links lead somewhere from wherever it is shown."""

import ast
import re
from pathlib import Path

import keras_selectivity as ks

ROOT = Path(ks.__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
REPOSITORY = "keras-selectivity/keras_selectivity"


def test_it_is_short():
    assert len(TEXT.splitlines()) <= 100


def test_links_are_absolute_and_those_of_the_repository_lead_to_files():
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert links and all(link.startswith("https://") for link in links)
    inside = re.compile(
        rf"https://(?:github\.com/{REPOSITORY}/(?:blob|tree)|raw\.githubusercontent\.com/{REPOSITORY})/main/(.+)"
    )
    paths = [found[1] for link in links if (found := inside.match(link))]
    assert len(paths) >= 5 and all((ROOT / path).exists() for path in paths)


def test_its_commands_are_targets():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z-]+)", TEXT)) - {"needs"} <= set(targets)


def test_its_code_uses_names_that_there_are():
    code = ast.parse(re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1])
    used = {
        node.attr
        for node in ast.walk(code)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ks"
    }
    assert {"regularize", "measure_selectivity", "export"} <= used <= set(dir(ks))
