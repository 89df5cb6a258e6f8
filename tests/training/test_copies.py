"""`regularize` copies a model: the copy computes what the model computes, and learns what it would learn."""

import keras
import numpy as np
import pytest
from conftest import compiled
from keras import layers

import keras_selectivity as ks

X = np.random.default_rng(0).random((12, 6)).astype("float32")
Y = np.arange(12) % 3


def network(*between, inputs=(6,), dtype=None, name=None):
    head = layers.Dense(5, activation="relu"), layers.Dense(3)
    return keras.Sequential([keras.Input(inputs, dtype=dtype), *between, *head], name=name)


def adapted():
    """Its mean and variance are found by `adapt`, which is no training."""
    normalization = layers.Normalization()
    normalization.adapt(X * 10 + 3)
    return network(normalization)


def lora():
    """Its kernel is frozen, its update is not."""
    model = network(layers.Dense(4, activation="relu", name="adapted"))
    model.get_layer("adapted").enable_lora(2)
    model.get_layer("adapted").lora_kernel_b.assign(np.full((2, 4), 0.1))
    return model


def partly_frozen():
    """A layer that is frozen inside one that is not."""
    model = network(Mixer())
    model.layers[0].first.trainable = False
    return model


def shared():
    """Two nested models hold the same layer."""
    dense = layers.Dense(6, activation="relu")
    first, second = (keras.Sequential([keras.Input((6,)), dense]) for _ in range(2))
    return network(first, second, name="shared")


def looked_up():
    """Its vocabulary is no weight."""
    lookup = layers.IntegerLookup(output_mode="multi_hot")
    lookup.adapt(np.arange(7))
    return network(lookup, inputs=(6,), dtype="int64")


def spectral():
    """The sublayer of a wrapper, whose vector is a weight of the wrapper."""
    return network(layers.SpectralNormalization(layers.Dense(4, activation="relu")))


@keras.saving.register_keras_serializable("tests", "Mixer")
class Mixer(layers.Layer):
    """Sublayers of each kind, which a copy must keep in order."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(4, activation="relu")
        self.block = keras.Sequential(
            [keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(7)]
        )
        self.rest = [layers.Dense(9, activation="relu"), layers.LayerNormalization()]
        self.by_name = {"a": layers.Dense(10, activation="relu"), "b": layers.Dense(11)}
        self.again = self.first

    def call(self, x):
        x = self.block(self.first(x))
        for layer in (*self.rest, *self.by_name.values()):
            x = layer(x)
        return x


BUILDERS = [adapted, lora, partly_frozen, shared, looked_up, spectral]


@pytest.fixture(params=BUILDERS, ids=lambda build: build.__name__)
def model(request):
    keras.utils.set_random_seed(0)
    return request.param()


def inputs_of(model):
    return np.round(X * 7).astype("int64") if model.inputs[0].dtype == "int64" else X


@pytest.mark.filterwarnings("ignore:`build\\(\\)` was called on layer")  # a layer without one
def test_the_copy_the_loaded_and_the_stripped_compute_the_same(model, tmp_path):
    x = inputs_of(model)
    regularized = ks.regularize(model, -1.0)
    plain = regularized.strip()
    copies = [regularized, plain]
    if model.name != "shared":  # Keras loads two layers of it, one without weights
        regularized.save(tmp_path / "model.keras")
        copies.append(keras.saving.load_model(tmp_path / "model.keras"))
    for copy in copies:
        np.testing.assert_allclose(copy(x), model(x), atol=1e-6)
    for ours, theirs in zip(model.weights, plain.weights, strict=True):
        assert ours.trainable == theirs.trainable
        assert ours.path.rpartition("/")[2] == theirs.path.rpartition("/")[2]
        np.testing.assert_array_equal(ours, theirs)


def test_alpha_zero_takes_the_plain_step(model):
    x = inputs_of(model)
    regularized = ks.regularize(model, 0.0)
    for each in (model, regularized):
        compiled(each).fit(x, Y, batch_size=6, epochs=2, shuffle=False, verbose=0)
    for ours, theirs in zip(model.weights, regularized.strip().weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", ["sequential", "functional"])
@pytest.mark.parametrize("copy", [True, False], ids=["copied", "in_place"])
def test_transfer_learning_is_that_of_plain_keras(kind, copy):
    """Train the head on a frozen base, then unfreeze and train all, then freeze again."""

    def transfer():
        keras.utils.set_random_seed(0)
        parts = [
            layers.Dense(5, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(6, activation="relu"),
        ]
        base = keras.Sequential([keras.Input((4,)), *parts], name="base")
        if kind == "functional":
            base = keras.Model(base.inputs[0], base.outputs[0], name="base")
        base.trainable = False
        inputs = keras.Input((4,))
        return keras.Model(inputs, layers.Dense(3)(base(inputs)))

    x = np.random.default_rng(0).random((len(Y), 4)).astype("float32")
    plain, regularized = transfer(), ks.regularize(transfer(), 0.0, copy=copy)
    for frozen in (True, False, True):
        for each, base in (
            (plain, plain.get_layer("base")),
            (regularized, regularized.network.get_layer("base")),
        ):
            base.trainable = not frozen
            compiled(each).fit(x, Y, batch_size=6, epochs=1, shuffle=False, verbose=0)
        stripped = regularized.strip()
        assert len(stripped.trainable_variables) == len(plain.trainable_variables) == (2 if frozen else 8)
        for ours, theirs in zip(plain.get_weights(), stripped.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


class Warm(layers.Layer):
    """Keeps a number where neither its weights nor its config have it."""

    temperature = 1.0

    def call(self, x):
        return x / self.temperature


def test_a_copy_that_would_compute_something_else_is_refused():
    model = network(Warm())
    assert not ks.regularize(model, 1.0).in_place
    model.layers[0].temperature = 2.0
    with pytest.raises(ks.InputError, match="computes other outputs than the model itself"):
        ks.regularize(model, 1.0, copy=True)
    regularized = ks.regularize(model, 1.0)
    assert regularized.network is model and "tapped in place" in str(regularized.report)


def test_the_original_stays_as_it_was():
    """Random layers at inference too: their seeds do not move."""
    model = network(Noisy())
    before = [np.array(v) for v in model.variables]
    regularized = ks.regularize(model, 1.0)
    for ours, theirs in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(regularized(X), model(X))


@keras.saving.register_keras_serializable("tests", "Noisy")
class Noisy(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seed)


@pytest.mark.slow
def test_alpha_zero_takes_the_plain_step_of_mobilenet_v3():
    """Some of its activations go to three layers, so that the order in which gradients are added tells."""
    rng = np.random.default_rng(0)
    images, labels = rng.random((8, 32, 32, 3)).astype("float32"), np.arange(8) % 4
    model = keras.applications.MobileNetV3Small(
        weights=None, input_shape=(32, 32, 3), classes=4, classifier_activation=None
    )
    regularized = ks.regularize(model, 0.0)
    for each in (model, regularized):
        compiled(each).fit(images, labels, batch_size=4, shuffle=False, verbose=0)
    for ours, theirs in zip(model.weights, regularized.network.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
