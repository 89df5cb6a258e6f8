import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import tiny_network
from keras import layers

import keras_selectivity as ks
from keras_selectivity.training import collecting

X = np.random.default_rng(0).random((5, 8, 8, 3)).astype("float32")


def names(model):
    return [tap.name for tap in model.taps]


def check_same_function(model, regularized):
    """Same outputs as the original, and again after stripping."""
    np.testing.assert_allclose(regularized(X), model(X), atol=1e-6)
    plain = regularized.strip()
    np.testing.assert_allclose(plain(X), model(X), atol=1e-6)
    with collecting() as found:
        plain(X)
    assert not found
    return plain


@keras.saving.register_keras_serializable("tests", "Block")
class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(4, 3, padding="same", activation="relu")
        self.stages = [layers.BatchNormalization(), layers.ReLU()]
        self.acts = {"leaky": layers.LeakyReLU()}
        self.scale = None

    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, x):
        x = self.conv(x) - 0.1
        for stage in self.stages:
            x = stage(x)
        return self.acts["leaky"](x * self.scale - 0.2)

    def get_config(self):
        return super().get_config()


@keras.saving.register_keras_serializable("tests", "Subclassed")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.block = Block()
        self.body = keras.Sequential([layers.Flatten(), layers.Dense(6), layers.ReLU(name="inner")])
        self.head = layers.Dense(3)

    def call(self, x):
        return self.head(self.body(self.block(x)))


def subclassed():
    model = Subclassed()
    model(X)
    model.block.scale.assign(1.3)
    return model


def test_functional_residual_network():
    model = tiny_network()
    regularized = ks.regularize(model, -1.0)
    assert [(t.name, t.units, t.shift) for t in regularized.taps] == [
        ("relu_a", 4, False), ("relu_b", 4, False), ("conv_c", 6, False),
    ]  # fmt: skip
    check_same_function(model, regularized)
    with collecting() as found:
        model(X)
    assert not found, "the original was changed"


def test_unit_means_are_the_spatial_means_of_the_layers_outputs():
    model = tiny_network()
    probe = keras.Model(model.input, [model.get_layer(n).output for n in ("relu_a", "relu_b", "conv_c")])
    means = ks.regularize(model, 0.0).unit_means(X)
    for name, output in zip(means, probe(X), strict=True):
        np.testing.assert_allclose(means[name], np.asarray(output, np.float64).mean(axis=(1, 2)), atol=1e-6)


def test_sequential_with_fused_activations_of_every_spelling():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(2, 3, activation="relu", name="text"),
            layers.Conv2D(2, 3, activation=tf.nn.relu, name="tensorflow"),
            layers.Conv2D(2, 3, activation=keras.ops.relu, name="ops"),
            layers.Conv2D(2, 1, activation=layers.ReLU(), name="layer"),
            layers.Activation("leaky_relu", name="leaky"),
            layers.ReLU(max_value=6.0, name="six"),
            layers.ReLU(negative_slope=0.2, name="sloped"),
            layers.PReLU(name="learned"),
            layers.Dense(3, activation="gelu", name="smooth"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="output"),
        ]
    )
    regularized = ks.regularize(model, 1.0)
    assert names(regularized) == ["text", "tensorflow", "ops", "layer", "leaky", "six", "sloped", "learned"]
    assert [t.shift for t in regularized.taps] == [False] * 4 + [True, False, True, True]
    assert list(regularized.report.skipped) == ["smooth"]
    assert "smooth  gelu is not a rectifier" in str(regularized.report)
    check_same_function(model, regularized)


def test_operations_of_a_functional_graph():
    inputs = keras.Input((8, 8, 3))
    x = keras.ops.relu(layers.Conv2D(2, 3)(inputs))
    x = keras.ops.leaky_relu(layers.Conv2D(2, 3)(x), negative_slope=0.3)
    x = keras.ops.relu6(layers.Conv2D(2, 3)(x) * 20)
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))
    regularized = ks.regularize(model, 1.0)
    assert [t.shift for t in regularized.taps] == [False, True, False]
    check_same_function(model, regularized)


def test_subclassed_model_with_lists_dicts_and_own_weights():
    model = subclassed()
    regularized = ks.regularize(model, -1.0)
    assert names(regularized) == ["block/conv", "block/stages.1", "block/acts.leaky", "body/inner"]
    check_same_function(model, regularized)


def test_subclassed_model_saves_and_loads(tmp_path):
    regularized = ks.regularize(subclassed(), -1.0)
    regularized.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert names(loaded) == names(regularized)
    np.testing.assert_allclose(loaded(X), regularized(X), atol=1e-6)


def test_nested_models_have_paths():
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(2, 3), layers.ReLU(name="act")], name="stem"
    )
    inputs = keras.Input((8, 8, 3))
    x = layers.ReLU(name="act")(layers.Conv2D(2, 3)(inner(inputs)))
    x = Block(name="block")(x)
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))
    regularized = ks.regularize(model, 1.0)
    expected = ["stem/act", "act", "block/conv", "block/stages.1", "block/acts.leaky"]
    assert names(regularized) == expected
    check_same_function(model, regularized)


def test_a_layer_called_twice_is_two_layers():
    inputs = keras.Input((8, 8, 3))
    act, conv = layers.ReLU(name="act"), layers.Conv2D(3, 3, padding="same")
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(act(conv(act(conv(inputs)))))))
    regularized = ks.regularize(model, 1.0)
    assert names(regularized) == ["act#0", "act#1"]
    assert names(ks.regularize(model, 1.0, layers=["act#1"])) == ["act#0", "act#1"]
    assert ks.regularize(model, 1.0, layers=["act#1"]).regularized == ["act#1"]
    check_same_function(model, regularized)


def test_the_output_layer_is_never_included():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(4, activation="relu", name="a"),
                              layers.Dense(3, activation="relu", name="out")])  # fmt: skip
    regularized = ks.regularize(model, 1.0)
    assert names(regularized) == ["a"]
    assert regularized.report.skipped == {"out": "the network's output"}
    with pytest.raises(ks.InputError, match="'out' is the network's output layer"):
        ks.regularize(model, 1.0, layers=["out"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("MobileNetV2", 35), ("ResNet50V2", 49), ("DenseNet121", 121)])
def test_keras_applications(name, count):
    """MobileNetV2 has 35 ReLU6, ResNet50V2 49 ReLU and DenseNet121 121 ReLU layers (their papers' depths)."""
    options = {"alpha": 0.35} if name == "MobileNetV2" else {}
    model = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), classes=5, **options)
    regularized = ks.regularize(model, -1.0)
    assert len(regularized.taps) == count
    x = np.random.default_rng(0).random((2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(regularized(x), model(x), atol=1e-6)


def test_random_number_state_is_copied():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(64, activation="relu"),
                              layers.Dropout(0.5), layers.Dense(3)])  # fmt: skip
    regularized = ks.regularize(model, 1.0)
    np.testing.assert_allclose(regularized(X, training=True), model(X, training=True), atol=1e-6)


@pytest.mark.parametrize(
    ("layers_", "expected"),
    [
        (None, ["relu_a", "relu_b", "conv_c"]),
        ("first 2", ["relu_a", "relu_b"]),
        ("last two", ["relu_b", "conv_c"]),
        ("relu_b", ["relu_b"]),
        (slice(1, None), ["relu_b", "conv_c"]),
        (lambda name: name.startswith("relu"), ["relu_a", "relu_b"]),
        (["conv_c", "relu_a"], ["relu_a", "conv_c"]),
        (["conv_b"], ["conv_b"]),
    ],
)
def test_selections(layers_, expected):
    assert ks.regularize(tiny_network(), 1.0, layers=layers_).regularized == expected


def test_a_named_layer_that_can_be_negative_is_shifted():
    taps = {t.name: t for t in ks.regularize(tiny_network(), 1.0, layers=["conv_b"]).taps}
    assert taps["conv_b"].shift and not taps["relu_a"].shift


@pytest.mark.parametrize("wanted", [["relu_z"], lambda name: False, slice(7, 9)])
def test_a_selection_that_matches_nothing_says_what_there_is(wanted):
    with pytest.raises(ks.InputError, match="relu_b"):
        ks.regularize(tiny_network(), 1.0, layers=wanted)


def test_a_model_without_non_linearity():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2, activation="softmax")])
    with pytest.raises(ks.InputError, match="no non-linearity to regularise"):
        ks.regularize(model, 1.0)


def test_a_model_without_weights():
    with pytest.raises(ks.InputError, match="has no weights yet"):
        ks.regularize(keras.Sequential([layers.Dense(3, activation="relu"), layers.Dense(2)]), 1.0)


def test_a_model_that_cannot_be_copied():
    class Odd(keras.Model):
        def __init__(self, width):
            super().__init__()
            self.dense, self.head = layers.Dense(width[0], activation="relu"), layers.Dense(3)

        def call(self, x):
            return self.head(self.dense(layers.Flatten()(x)))

        def get_config(self):
            raise NotImplementedError("no config")

    model = Odd(object and [3])
    model(X)
    with pytest.raises(ks.InputError, match=r"Cannot copy .* get_config"):
        ks.regularize(model, 1.0, copy=True)
    with pytest.raises(ks.InputError, match=r"Cannot copy .* get_config"):
        ks.regularize(model, 1.0, fused_batch_norm=True)


def test_wrapping_by_hand():
    class ByHand(keras.Model):
        def __init__(self):
            super().__init__()
            self.act = ks.UnitMeans(layers.Dense(5, activation="relu", name="hidden"))
            self.flatten, self.head = layers.Flatten(), layers.Dense(3)

        def call(self, x):
            return self.head(self.act(self.flatten(x)))

    model = ByHand()
    model(X)
    assert names(ks.SelectivityModel(model, -1.0)) == ["hidden"]
