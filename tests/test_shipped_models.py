"""The networks in saved_models/ and the published rows must tell the same."""

from pathlib import Path

import pytest

import keras_selectivity as ks
from keras_selectivity.results import read

ROOT = Path(__file__).parents[1]
ROWS = read(ROOT / "experiments" / "first_light_cifar10" / "results.csv").to_dicts()


def value(alpha, measure):
    (found,) = [
        r["value"]
        for r in ROWS
        if (r["alpha"], r["measure"], r["layer"], r["epoch"]) == (alpha, measure, None, None)
    ]
    return found


def test_selectivity_falls_and_rises_with_alpha():
    assert value(-1, "mean_selectivity") < value(0, "mean_selectivity") < value(1, "mean_selectivity")


@pytest.mark.parametrize("alpha", [-1, 0, 1])
def test_models_open_and_name_their_protocol(alpha):
    name = f"resnet20_cifar10_15epochs_alpha{alpha:+d}_seed0".replace("+0", "0")
    exported = ks.load(ROOT / "saved_models" / name)
    assert exported.run["alpha"] == alpha and exported.run["protocol"]["epochs"] == 15
    assert sum(exported.units.values()) == 688


@pytest.mark.data
@pytest.mark.slow
def test_a_shipped_model_measures_as_published(cifar10):
    exported = ks.load(ROOT / "saved_models" / "resnet20_cifar10_15epochs_alpha-1_seed0")
    measured = ks.measure_selectivity(exported, tuple(cifar10.test), verbose=0)
    assert measured.accuracy == pytest.approx(value(-1, "accuracy"), abs=2e-4)
    assert measured.mean == pytest.approx(value(-1, "mean_selectivity"), abs=1e-4)
