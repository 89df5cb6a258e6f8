"""Non-linearities that no layer shows are reported, and units lie where their layer has its channels."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from computes import Computes
from keras import layers
from keras import ops

import keras_selectivity as ks

X = np.random.default_rng(0).random((3, 8, 8, 3)).astype("float32")


def network(*between):
    body = [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, activation="relu", name="seen"), *between]
    return keras.Sequential([*body, layers.Flatten(), layers.Dense(3)])


FUNCTIONS = {
    "maximum": (lambda x: ops.maximum(x, 0), "hidden", "1 Maximum inside its call"),
    "zero_first": (lambda x: tf.maximum(0.0, x), "hidden", "1 Maximum inside its call"),
    "imported_by_itself": (tf.nn.relu, "hidden", "1 Relu inside its call"),
    "relu6": (tf.nn.relu6, "hidden", "1 Relu6 inside its call"),
    "in_a_function": (tf.function(tf.nn.relu), "hidden", "1 Relu inside its call"),
    "in_a_loop": (
        lambda x: tf.while_loop(lambda n, _: n < 2, lambda n, x: (n + 1, tf.nn.relu(x)), (0, x))[1],
        "hidden/relu", "relu inside a loop or a compiled function of its call",
    ),
    "smooth": (ops.tanh, "hidden", "tanh is not a rectifier"),
    "gate": (lambda x: x * ops.sigmoid(x), "hidden/sigmoid", "sigmoid is a gate"),
}  # fmt: skip


@pytest.mark.parametrize(("function", "name", "reason"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_cannot_be_tapped_is_reported(function, name, reason):
    regularized = ks.regularize(network(Computes(function, name="hidden")), 1.0)
    assert [tap.name for tap in regularized.taps] == ["seen"]
    assert list(regularized.report.skipped) == [name]
    assert regularized.report.skipped[name].startswith(reason)


@pytest.mark.parametrize(
    "function", [lambda x: ops.maximum(x, 0.5), ops.abs, lambda x: x * 0], ids=["a_half", "abs", "times_zero"]
)
def test_what_is_no_rectifier_is_not(function):
    assert not ks.regularize(network(Computes(function)), 1.0).report.skipped


def test_operations_and_wrappers_are_taken():
    inputs = keras.Input((8, 8, 3))
    x = keras.activations.relu(layers.Conv2D(2, 3)(inputs))
    x = keras.activations.relu(layers.Conv2D(2, 3)(x), negative_slope=0.3, max_value=2.0)
    x = layers.SpectralNormalization(layers.Conv2D(4, 3, activation="relu"), name="spectral")(x)
    x = ops.maximum(x, 0)
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))
    regularized = ks.regularize(model, 1.0)
    assert [tap.shift for tap in regularized.taps] == [False, True, False]
    assert regularized.taps[-1].name == "spectral"
    (skipped,) = regularized.report.skipped  # Keras numbers its operations over the whole process
    assert skipped.startswith("maximum")
    np.testing.assert_allclose(regularized(X), model(X), atol=1e-6)


def channels_first_pool(between=()):
    first = dict(data_format="channels_first")
    inputs = keras.Input((5, 8, 8))
    x = layers.ReLU(name="a")(layers.AveragePooling2D(2, **first)(inputs))
    for layer in between:
        x = layer(x)
    x = layers.ReLU(name="b")(layers.BatchNormalization(axis=1)(x))
    x = layers.GlobalAveragePooling2D(**first)(x)
    return keras.Model(inputs, layers.Dense(3)(layers.Dense(6, activation="relu", name="c")(x)))


def test_units_lie_where_the_layer_has_its_channels(tmp_path):
    images = np.random.default_rng(0).normal(size=(7, 5, 8, 8)).astype("float32")
    model = channels_first_pool()
    regularized = ks.regularize(model, 1.0)
    assert [(t.name, t.units) for t in regularized.taps] == [("a", 5), ("b", 5), ("c", 6)]
    expected = np.asarray(keras.Model(model.input, model.get_layer("a").output)(images)).mean((2, 3))
    regularized.save(tmp_path / "model.keras")
    for each in (regularized, keras.saving.load_model(tmp_path / "model.keras")):
        np.testing.assert_allclose(each.unit_means(images)["a"], expected, atol=1e-6)


def test_channels_that_move():
    inputs = keras.Input((8, 6, 4))
    x = layers.ReLU(name="first")(layers.Permute((3, 1, 2))(inputs))
    x = layers.ReLU(name="last")(layers.Permute((2, 3, 1))(x))
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))
    assert [t.units for t in ks.regularize(model, 1.0).taps] == [4, 4]


def test_features_are_last_whatever_the_setting():
    keras.config.set_image_data_format("channels_first")
    try:
        model = keras.Sequential([keras.Input((7, 5)), layers.Dense(6, activation="relu"), layers.ReLU(),
                                  layers.Flatten(), layers.Dense(3)])  # fmt: skip
        assert [t.units for t in ks.regularize(model, 1.0).taps] == [6, 6]
    finally:
        keras.config.set_image_data_format("channels_last")


JAX = """
import keras, numpy as np, keras_selectivity as ks
from keras import layers, ops
class Hidden(layers.Layer):
    def call(self, x):
        return ops.maximum(ops.relu(x), 0) + ops.tanh(x)
model = keras.Sequential([keras.Input((4,)), layers.Dense(5, activation="relu"), layers.PReLU(), Hidden(name="h"),
                          layers.Dropout(0.5), layers.Dense(3)])
regularized = ks.regularize(model, 1.0)
print([tap.name for tap in regularized.taps], list(regularized.report.skipped))
"""


@pytest.mark.slow
def test_on_jax():
    found = subprocess.run(
        [sys.executable, "-c", JAX],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(ks.__file__).parents[1])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "['dense', 'p_re_lu', 'h/relu'] ['h/tanh', 'h']" in found.stdout
