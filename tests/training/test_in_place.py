"""Networks whose units are tapped without a copy, and non-linearities inside a layer's call."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from computes import Computes
from keras import layers
from keras import ops

import keras_selectivity as ks
from keras_selectivity.training import collecting

X = np.random.default_rng(0).random((12, 8, 8, 3)).astype("float32")
Y = np.arange(12) % 3


@keras.saving.register_keras_serializable("tests", "Inner")
class Inner(layers.Layer):
    """Two rectifiers in its call, one of a layer between them, and one of a layer that is nobody's attribute."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.between = layers.Conv2D(4, 3, padding="same"), layers.Conv2D(5, 3, activation="gelu")

    def build(self, shape):
        self.last = layers.Conv2D(6, 3)  # not in the constructor, so that no copy has it
        self.first.build(shape)
        self.between.build((*shape[:-1], 4))
        self.last.build((*shape[:-1], 5))

    def call(self, x):
        x = ops.relu(self.first(x))
        return tf.nn.leaky_relu(self.last(self.between(x)), 0.1) - 0.5


@keras.saving.register_keras_serializable("tests", "Outer")
class Outer(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.hidden, self.head = Inner(), layers.Dense(7, activation="relu"), layers.Dense(3)

    def build(self, shape):
        self.inner.build(shape)
        self.hidden.build((None, 6))
        self.head.build((None, 7))

    def call(self, x):
        x = keras.activations.relu(ops.mean(self.inner(x), axis=(1, 2)) + 0.1)
        return self.head(self.hidden(x))


def outer():
    keras.utils.set_random_seed(0)
    model = Outer(name="outer")
    model.build((None, 8, 8, 3))
    model(X)
    return model


NAMES = ["inner/relu", "inner/leaky_relu", "relu", "hidden"]


def expected_means(model):
    """By hand, in NumPy, from the layers themselves."""
    first = np.maximum(model.inner.first(X), 0)
    last = np.asarray(model.inner.last(model.inner.between(first)))
    last = np.where(last > 0, last, 0.1 * last)
    pooled = np.maximum((last - 0.5).mean((1, 2)) + 0.1, 0)
    hidden = np.asarray(model.hidden(pooled))
    return [first.mean((1, 2)), last.mean((1, 2)), pooled, hidden]


def compiled(model):
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def fit(model, **options):
    return model.fit(X, Y, batch_size=6, epochs=2, shuffle=False, verbose=0, **options).history


def test_the_very_model_is_tapped():
    model = outer()
    before = np.asarray(model(X))
    regularized = ks.regularize(model, -1.0)
    assert regularized.network is model and regularized.strip() is model
    assert [tap.name for tap in regularized.taps] == NAMES
    assert [tap.shift for tap in regularized.taps] == [False, True, False, False]
    assert "created after the constructor" in str(regularized.report)
    assert list(regularized.report.skipped) == ["inner/between"]
    means = regularized.unit_means(X)
    for name, expected in zip(NAMES, expected_means(model), strict=True):
        np.testing.assert_allclose(means[name], expected, atol=1e-5)
    np.testing.assert_array_equal(model(X), before)
    assert not any("call" in vars(layer) for layer in (model, model.inner, model.hidden, model.inner.first))
    with collecting() as found:
        model(X)
    assert not found


def test_alpha_zero_is_the_plain_step_and_another_alpha_is_not():
    plain, same, other = compiled(outer()), outer(), outer()
    fit(plain)
    fit(compiled(ks.regularize(same, 0.0)))
    logs = fit(compiled(ks.regularize(other, -2.0)))
    for ours, theirs in zip(plain.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.allclose(plain.inner.first.kernel, other.inner.first.kernel)
    assert logs["loss"][0] == pytest.approx(logs["cross_entropy"][0] + 2 * logs["selectivity"][0], rel=1e-5)


def test_the_gradient_is_that_of_a_network_that_can_be_copied():
    """The same function of layers: wrapped in a copy, and tapped in place."""

    def network():
        keras.utils.set_random_seed(1)
        return keras.Sequential(
            [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, activation="relu"), layers.Conv2D(4, 3), layers.ReLU(),
             layers.GlobalAveragePooling2D(), layers.Dense(5, activation="elu"), layers.Dense(3)]
        )  # fmt: skip

    models = [ks.regularize(network(), -3.0, nonlinearities="all", copy=copy) for copy in (True, False)]
    for model in models:
        fit(compiled(model))
    assert [tap.units for tap in models[0].taps] == [tap.units for tap in models[1].taps] == [4, 4, 5]
    for ours, theirs in zip(*(model.strip().get_weights() for model in models), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_saving_and_exporting(tmp_path):
    model = outer()
    regularized = compiled(ks.regularize(model, -1.0))
    fit(regularized)
    regularized.save(tmp_path / "model.keras")
    ks.export(regularized, tmp_path / "exported")
    expected = dict(zip(NAMES, expected_means(model), strict=True))
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.report == regularized.report and loaded.in_place
    for found in (
        loaded.unit_means(X),
        ks.load(tmp_path / "exported").unit_means(X),
        ks.wrap(model).unit_means(X),
    ):
        assert list(found) == NAMES
        for name in NAMES:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5)
    np.testing.assert_allclose(loaded(X), model(X), atol=1e-6)


def test_units_in_a_call_can_be_ablated(tmp_path):
    model = outer()
    exported = ks.wrap(model)
    ablated = ks.ablate(exported, X, Y, "inner/relu", order=range(4), verbose=0)
    first = np.zeros((12, 8, 8, 4), np.float32)
    last = np.asarray(model.inner.last(model.inner.between(first)))
    pooled = np.maximum((np.where(last > 0, last, 0.1 * last) - 0.5).mean((1, 2)) + 0.1, 0)
    expected = np.asarray(model.head(model.hidden(pooled)))
    assert ablated.accuracy[-1] == np.mean(expected.argmax(1) == Y)


def test_a_layer_that_is_called_twice():
    class Twice(keras.Model):
        def __init__(self):
            super().__init__()
            self.block, self.head = Computes(lambda x: ops.relu(x) - 0.3), layers.Dense(3)

        def call(self, x):
            return self.head(self.block(self.block(layers.Flatten()(x))))

    model = Twice()
    model(X)
    regularized = ks.regularize(model, 1.0, copy=False)
    assert [tap.name for tap in regularized.taps] == ["block/relu#0", "block/relu#1"]


def test_taps_come_in_the_order_of_the_calls():
    """A layer is called before and after another: each call is ablated by itself."""
    inputs, act = keras.Input((8, 8, 3)), layers.ReLU(name="act")
    x = layers.Conv2D(5, 3, activation="relu", name="middle")(act(layers.Conv2D(4, 3)(inputs)))
    x = act(layers.Conv2D(3, 3, name="third")(x))
    model = keras.Model(inputs, layers.Dense(3, name="head")(layers.GlobalAveragePooling2D()(x)))
    exported = ks.wrap(model)
    assert exported.units == {"act#0": 4, "middle": 5, "act#1": 3}
    ablated = ks.ablate(exported, X, Y, "middle", order=range(5), verbose=0)
    third = np.maximum(np.asarray(model.get_layer("third").bias), 0)  # of nothing but zeros
    logits = np.asarray(model.get_layer("head")(np.tile(third, (12, 1)).astype("float32")))
    assert ablated.accuracy[-1] == np.mean(logits.argmax(1) == Y)


def test_an_activation_in_the_middle_is_not_the_layers_output():
    class Middle(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.activation, self.dense = keras.activations.relu, layers.Dense(6)

        def call(self, x):
            return self.dense(self.activation(x - 0.5))

    model = keras.Sequential([keras.Input((4,)), Middle(name="middle"), layers.Dense(3)])
    regularized = compiled(ks.regularize(model, 1.0))
    assert [(tap.name, tap.units) for tap in regularized.taps] == [("middle/relu", 4)]
    x = np.random.default_rng(1).random((12, 4)).astype("float32")
    np.testing.assert_allclose(regularized.unit_means(x)["middle/relu"], np.maximum(x - 0.5, 0), atol=1e-7)
    logs = regularized.fit(x, Y, epochs=1, verbose=0).history
    assert 0 <= logs["selectivity"][0] <= 1


def test_whatever_a_copy_raises_is_the_reason():
    class Odd(layers.Layer):
        def __init__(self, made_once, **kwargs):
            super().__init__(**kwargs)
            self.made_once = made_once

        def build(self, shape):
            self.made_once.pop()  # the copy has the same list, which is empty then

        def call(self, x):
            return ops.relu(x)

        def get_config(self):
            return {**super().get_config(), "made_once": self.made_once}

    model = keras.Sequential([keras.Input((4,)), Odd([1], name="odd"), layers.Dense(3)])
    regularized = ks.regularize(model, 1.0)
    assert regularized.in_place and "IndexError: " in str(regularized.report)
    with pytest.raises(IndexError):
        ks.regularize(model, 1.0, copy=True)


def test_fused_batch_norm_needs_a_copy():
    with pytest.raises(ks.InputError, match="takes a copy"):
        ks.regularize(outer(), 1.0, fused_batch_norm=True, copy=False)
