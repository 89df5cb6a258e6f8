"""What `make test-min` installs is what setup.cfg calls the oldest."""

import configparser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]


def requirements():
    """Floors by package, of the package and of its extras."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    texts = [parser["options"]["install_requires"], *parser["options.extras_require"].values()]
    lines = [line for text in texts for line in text.splitlines() if line and not line.startswith("#")]
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
