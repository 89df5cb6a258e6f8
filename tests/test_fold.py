"""Networks with batch norm folded against the networks themselves, and what is left alone."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_selectivity as ks
from keras_selectivity import networks
from keras_selectivity._fold import folded

SHAPE = (8, 8, 3)


def trained(network):
    """The network with statistics and weights that are none of the initial ones."""
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if weight.path.split("/")[-1] in ("gamma", "beta", "moving_mean", "moving_variance", "bias"):
            weight.assign(rng.uniform(0.3, 1.7, weight.shape))
    return network


def classifier(*body):
    return trained(keras.Sequential([keras.Input(SHAPE), *body, layers.Flatten(), layers.Dense(4)]))


CASES = {
    "convolution": classifier(
        layers.Conv2D(6, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU()
    ),
    "with bias": classifier(layers.Conv2D(6, 3), layers.BatchNormalization(epsilon=0.1), layers.ReLU()),
    "without scale": classifier(layers.Conv2D(6, 3), layers.BatchNormalization(scale=False, center=False)),
    "depthwise": classifier(layers.DepthwiseConv2D(3, depth_multiplier=2), layers.BatchNormalization()),
    "dense": classifier(layers.Flatten(), layers.Dense(7), layers.BatchNormalization(), layers.ReLU()),
    "ours": classifier(layers.Conv2D(6, 3), ks.BatchNormalization(), layers.ReLU()),
}


@pytest.mark.parametrize("name", CASES)
def test_outputs_stay_and_batch_norm_goes(name):
    network = CASES[name]
    fast, record = folded(network)
    assert record == {"folded": 1, "kept": []} and fast is not network
    assert len(fast.weights) < len(network.weights)
    images = np.random.default_rng(1).random((5, *SHAPE)).astype("float32")
    np.testing.assert_allclose(fast(images), network(images), rtol=1e-4, atol=1e-5)


def branching():
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3)(inputs)
    y = layers.BatchNormalization(name="read_twice")(x)
    return trained(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(layers.Add()([x, y])))))


KEPT = {
    "the layer has an activation": classifier(
        layers.Conv2D(6, 3, activation="relu"), layers.BatchNormalization()
    ),
    "nothing linear before it": classifier(layers.ReLU(), layers.BatchNormalization()),
    "over another axis": classifier(layers.Conv2D(6, 3), layers.BatchNormalization(axis=1)),
    "half precision": classifier(layers.Conv2D(6, 3, dtype="mixed_bfloat16"), layers.BatchNormalization()),
    "its input is read twice": branching(),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_cannot_be_folded_is_kept_and_said(name):
    fast, record = folded(KEPT[name])
    assert fast is KEPT[name] and record["folded"] == 0 and len(record["kept"]) == 1


def test_an_export_is_folded_and_its_units_are_the_layers(tmp_path):
    network = trained(networks.resnet8(classes=4, input_shape=SHAPE))
    ks.export(network, tmp_path / "model")
    exported = ks.load(tmp_path / "model")
    assert exported.run["batch_norms"] == {"folded": 7, "kept": []}
    images = np.random.default_rng(1).random((5, *SHAPE)).astype("float32")
    np.testing.assert_allclose(exported.logits(images), network(images), rtol=1e-4, atol=1e-4)
    last = exported.layer_names[-1]
    layer = keras.Model(network.input, network.get_layer(last).output)
    np.testing.assert_allclose(exported.activations(images)[last], layer(images), rtol=1e-5, atol=1e-5)


class OwnArguments(keras.Model):
    """A graph whose configuration does not describe it."""

    def __init__(self, width):
        inputs = keras.Input(SHAPE)
        x = layers.BatchNormalization()(layers.Conv2D(width, 3)(inputs))
        super().__init__(inputs, layers.Dense(3)(layers.Flatten()(x)))
        self.width = width


class Block(layers.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.inner = [layers.Conv2D(4, 3), layers.BatchNormalization()]

    def call(self, x, training=None):
        return self.inner[1](self.inner[0](x), training=training)


def odd(make, pick=lambda inputs, x: x):
    inputs = keras.Input(SHAPE)
    return trained(keras.Model(inputs, pick(inputs, make(inputs))))


def folding(x):
    return layers.BatchNormalization()(layers.Conv2D(3, 3, padding="same")(x))


def graph(x):
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, folding(inputs))(x)


def shared(x):
    convolution, norm = layers.Conv2D(3, 3, padding="same"), layers.BatchNormalization()
    return norm(convolution(norm(convolution(x))))


def undefined():
    network = odd(folding)
    network.layers[1].kernel.assign(np.full((3, 3, 3, 3), np.nan))
    return network


# Networks, and how many of their batch norms can be folded
ODD = {
    "a graph inside": (lambda: odd(lambda x: graph(folding(x))), 1),
    "layers that are called twice": (lambda: odd(shared), 0),
    "another layer's parts": (lambda: odd(lambda x: Block()(folding(x))), 1),
    "a separable convolution": (
        lambda: odd(lambda x: layers.BatchNormalization()(layers.SeparableConv2D(5, 3)(x))),
        0,
    ),
    "groups": (lambda: odd(lambda x: layers.BatchNormalization()(layers.Conv2D(6, 3, groups=3)(x))), 1),
    "one dimension": (
        lambda: odd(lambda x: layers.BatchNormalization()(layers.Conv1D(5, 3)(layers.Reshape((64, 3))(x)))),
        1,
    ),
    "two outputs": (lambda: odd(folding, lambda inputs, x: [layers.Flatten()(x), inputs]), 1),
    "outputs with names": (lambda: odd(folding, lambda inputs, x: {"a": layers.ReLU()(x), "b": x}), 1),
    "arguments of its own": (lambda: trained(OwnArguments(4)), 0),
    "undefined weights": (undefined, 0),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_networks_keep_their_outputs(name):
    make, number = ODD[name]
    network = make()
    before = [np.array(weight) for weight in network.get_weights()]
    fast, record = folded(network)
    assert record["folded"] == number
    images = np.random.default_rng(1).random((5, *SHAPE)).astype("float32")
    for found, expected in zip(*(keras.tree.flatten(each(images)) for each in (fast, network)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    for weight, found in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, found)
