"""Every family of networks can be regularised: alpha = 0 is the plain step, a term changes it, a file keeps it."""

import importlib.util
from pathlib import Path

import pytest
from zoo.checks import check
from zoo.families import APPLICATIONS
from zoo.families import HUB
from zoo.families import OWN

import keras_selectivity as ks

# Keras Hub's tasks have a compile of their own, and build layers late.
pytestmark = pytest.mark.filterwarnings("ignore:`compile:UserWarning", "ignore:`build:UserWarning")


@pytest.mark.parametrize("build", OWN.values(), ids=OWN)
def test_own(build, tmp_path):
    check(build, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("keras_hub") is None, reason="needs keras-hub")
@pytest.mark.parametrize("build", HUB.values(), ids=HUB)
def test_keras_hub(build, tmp_path):
    check(build, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "left_out"), [(APPLICATIONS["MobileNetV3"], 18), (APPLICATIONS["ConvNeXt"], 0)]
)
def test_keras_applications(build, left_out):
    """Squeeze-and-excite blocks hold two non-linearities each; the copy computes what the network does."""
    report = ks.regularize(build(), -1.0).report
    assert len(report.found) == (5 if left_out else 18)
    assert sum("squeeze-and-excite" in reason for reason in report.skipped.values()) == left_out


def test_the_table_lists_them():
    text = (Path(ks.__file__).parents[1] / "docs" / "networks.md").read_text()
    rows = text.partition("<!-- table of networks -->")[2].partition("<!-- end")[0].splitlines()
    listed = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    expected = [
        *OWN,
        *(f"Keras Hub: {name}" for name in HUB),
        *(f"keras.applications: {name}" for name in APPLICATIONS),
    ]
    assert listed[3:] == expected, "run docs/make_networks.py"
