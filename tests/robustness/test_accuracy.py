"""Accuracy, and the warning about networks that are sure of themselves and no better than chance."""

import warnings

import keras
import numpy as np
import pytest
from conftest import real_data
from keras import layers

import keras_selectivity as ks
from keras_selectivity import robustness

LEVELS = np.array([32, 96, 160, 224])


@pytest.fixture(name="data")
def _data():
    """Gray images of four levels of brightness, and the level of each."""
    labels = np.arange(200) % 4
    noise = np.random.default_rng(0).integers(-20, 21, (200, 8, 8, 3))
    return (LEVELS[labels][:, None, None, None] + noise).astype("uint8"), labels


def nearest_level():
    """Takes pixels from 0 to 255: logits are minus the squared distance to each level."""
    inputs = keras.Input((8, 8, 3))
    mean = layers.GlobalAveragePooling2D()(layers.ReLU()(inputs))
    network = keras.Model(inputs, layers.Dense(4)(mean))
    network.set_weights([np.tile(2 * LEVELS / 3, (3, 1)) / 100, -(LEVELS**2) / 100])
    return network


def found(function, data, network):
    if function == "accuracy":
        return robustness.accuracy(network, *data, verbose=0)
    return ks.measure_selectivity(network, data, verbose=0).accuracy


@pytest.mark.parametrize("function", ["accuracy", "measure_selectivity"])
def test_confident_predictions_at_chance_are_warned_of(data, function):
    with pytest.warns(UserWarning, match=r"right for 25.0% of 200 images.*confidence of 100%.*pixel_range="):
        assert found(function, data, nearest_level()) == 0.25


@pytest.mark.parametrize("function", ["accuracy", "measure_selectivity"])
@pytest.mark.parametrize("case", ["right range", "not confident", "few images"])
def test_nothing_else_is_warned_of(data, function, case):
    network, expected = nearest_level(), 0.25
    if case == "right range":
        network, expected = ks.wrap(network, (0, 255)), 1.0
    elif case == "not confident":
        network.set_weights([w / 1e4 for w in network.get_weights()])
    else:
        data = tuple(values[:20] for values in data)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The network is right")
        assert found(function, data, network) == expected


def test_perturbed_images_are_not_warned_of(data):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The network is right")
        assert robustness.accuracy(nearest_level(), *data, perturbed=True, verbose=0) == 0.25


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.filterwarnings("ignore:The structure of `inputs`")  # the old file lists its only input
def test_a_foreign_network_at_the_wrong_range_is_warned_of():
    """The MLPerf Tiny ResNet8 takes pixels from 0 to 255."""
    foreign = keras.models.load_model(real_data("reference/mlperf_tiny_resnet8.h5"), compile=False)
    test = ks.datasets.subset(ks.datasets.load("cifar10", real_data("tensorflow_datasets")).test, 500, 0)
    with pytest.warns(UserWarning, match="no better than chance"):
        robustness.accuracy(foreign, test.images, test.labels, verbose=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The network is right")
        exported = ks.wrap(foreign, (0, 255))
        assert robustness.accuracy(exported, test.images, test.labels, verbose=0) > 0.8
