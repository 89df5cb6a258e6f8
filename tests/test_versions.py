"""What `make test-min` installs is what pyproject.toml calls the oldest; a version is told in one place."""

import tomllib
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

import keras_selectivity as ks

ROOT = Path(__file__).parents[1]


def requirements():
    """Floors by package, of the package and of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [line for group in project["optional-dependencies"].values() for line in group]
    lines += project["dependencies"]
    return {r.name: s.version for r in map(Requirement, lines) for s in r.specifier if s.operator == ">="}


def test_the_oldest_versions_are_those_of_the_ranges():
    lines = (ROOT / "constraints-min.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    floors = requirements()
    assert pinned.keys() == floors.keys()
    for name, floor in floors.items():
        # The first release of a range may bear more digits, or have been withdrawn.
        assert Version(pinned[name]) >= Version(floor), name
        assert pinned[name].startswith(floor), name


def test_the_core_trains_without_tensorflow():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = {Requirement(line).name for line in project["dependencies"]}
    assert "keras" in core and not any(name.startswith("tensorflow") for name in core)


def test_the_version_is_the_same_everywhere():
    assert version("keras_selectivity") == ks.__version__
    assert f"\nversion: {ks.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {ks.__version__} (" in (ROOT / "CHANGELOG.md").read_text()
