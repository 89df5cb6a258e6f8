"""The networks in saved_models/ are those that `experiments/resnet20_cifar10_30_epochs` publishes."""

import json
from pathlib import Path

import numpy as np
import pytest

import keras_selectivity as ks

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "experiments" / "resnet20_cifar10_30_epochs" / "networks"
SHIPPED = {"-1": "alpha-1_seed0", "0": "alpha+0_seed0", "+0.4": "alpha+0.4_seed0"}


def shipped(alpha):
    return ROOT / "saved_models" / f"resnet20_cifar10_30epochs_alpha{alpha}_seed0"


def listed(alpha):
    networks = json.loads((PUBLISHED / "index.json").read_text())["networks"]
    return next(each for each in networks if each["name"] == SHIPPED[alpha])


@pytest.mark.parametrize("alpha", SHIPPED)
def test_models_open_and_name_their_protocol(alpha):
    exported = ks.load(shipped(alpha))
    assert exported.run["alpha"] == float(alpha) and exported.run["protocol"]["epochs"] == 30
    assert exported.run["protocol"]["best_epoch"] == listed(alpha)["best_epoch"]
    assert sum(exported.units.values()) == 688


def test_a_shipped_model_is_the_published_network_and_can_be_ablated():
    exported, published = ks.load(shipped("-1")), ks.load(PUBLISHED / f"{SHIPPED['-1']}.keras")
    images = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
    np.testing.assert_allclose(exported.logits(images), published.logits(images), atol=1e-5)
    ablation = ks.ablate(exported, images, np.arange(4), exported.layer_names[-1], points=[64], verbose=0)
    assert ablation.accuracy[-1] == 0.25  # without its last layer it says the same of every image


@pytest.mark.data
@pytest.mark.slow
def test_a_shipped_model_measures_as_published(cifar10):
    measured = ks.measure_selectivity(ks.load(shipped("-1")), tuple(cifar10.test), verbose=0)
    assert measured.accuracy == pytest.approx(listed("-1")["test_accuracy"], abs=2e-4)
    assert measured.mean == pytest.approx(listed("-1")["validation_selectivity"], abs=5e-3)
