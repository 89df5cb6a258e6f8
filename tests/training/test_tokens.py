"""Units of sequences, masks, outputs that can be negative, gates and squeeze-and-excite blocks."""

import keras
import numpy as np
import pytest
from conftest import compiled
from keras import layers
from keras import ops

import keras_selectivity as ks

TOKENS = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0], [1, 1, 2, 3, 4], [0, 0, 0, 0, 0]])


def embedded():
    return keras.Sequential(
        [keras.Input((5,), dtype="int32"), layers.Embedding(6, 4, mask_zero=True),
         layers.Dense(7, activation="gelu", name="hidden"), layers.GlobalAveragePooling1D(), layers.Dense(3)]
    )  # fmt: skip


def masked_mean(values, mask):
    counts = np.maximum(mask.sum(1, keepdims=True), 1)
    return (np.asarray(values, np.float64) * mask[..., None]).sum(1) / counts


def test_masked_tokens_do_not_count():
    model = embedded()
    hidden = keras.Model(model.inputs[0], model.get_layer("hidden").output)(TOKENS)
    for copy in (True, False):
        means = ks.regularize(model, 1.0, copy=copy).unit_means(TOKENS)["hidden"]
        np.testing.assert_allclose(means, masked_mean(hidden, TOKENS != 0), atol=1e-6)


def test_a_mask_that_a_layer_is_given_counts_inside():
    class Block(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(6, activation="relu")

        def call(self, x, padding_mask=None):
            return ops.tanh(self.dense(x))

    x, mask = keras.Input((5, 4), name="x"), keras.Input((5,), dtype="int32", name="mask")
    block = Block(name="block")
    model = keras.Model([x, mask], layers.Dense(3)(ops.mean(block(x, padding_mask=mask), axis=1)))
    values = np.random.default_rng(0).normal(size=(4, 5, 4)).astype("float32")
    kept = (TOKENS != 0).astype("int32")
    for copy in (True, False):
        means = ks.regularize(model, 1.0, nonlinearities="all", copy=copy).unit_means([values, kept])
        dense = np.maximum(values @ np.asarray(block.dense.kernel) + np.asarray(block.dense.bias), 0)
        assert list(means) == ["block/dense", "block"]
        np.testing.assert_allclose(means["block/dense"], masked_mean(dense, kept), atol=1e-5)
        np.testing.assert_allclose(means["block"], masked_mean(np.tanh(dense), kept), atol=1e-5)


def test_leading_tokens_are_left_out():
    model = embedded()
    hidden = keras.Model(model.inputs[0], model.get_layer("hidden").output)(TOKENS)
    kept = (TOKENS != 0) & (np.arange(5) > 0)
    means = ks.regularize(model, 1.0, leading_tokens=1).unit_means(TOKENS)["hidden"]
    np.testing.assert_allclose(means, masked_mean(hidden, kept), atol=1e-6)


RESPONSES = {None: lambda v: v, "rectified": lambda v: np.maximum(v, 0), "absolute": np.abs}


@pytest.mark.parametrize("response", RESPONSES)
@pytest.mark.parametrize("copy", [True, False], ids=["copied", "in_place"])
def test_what_a_negative_output_counts_as(response, copy, tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6, 6, 2)), layers.Conv2D(4, 3, activation="silu", name="a"), layers.Flatten(),
         layers.Dense(5, activation="softplus", name="b"), layers.Dense(3)]
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(8, 6, 6, 2)).astype("float32")
    a = np.asarray(keras.Model(model.inputs[0], model.get_layer("a").output)(x), np.float64)
    regularized = ks.regularize(model, 1.0, response=response, copy=copy)
    assert [tap.shift for tap in regularized.taps] == [response is None, False]
    regularized.save(tmp_path / "model.keras")
    for each in (regularized, keras.saving.load_model(tmp_path / "model.keras")):
        np.testing.assert_allclose(each.unit_means(x)["a"], RESPONSES[response](a).mean((1, 2)), atol=1e-6)
    np.testing.assert_allclose(ks.wrap(regularized).activations(np.clip(x, 0, 1))["a"].shape, (8, 4, 4, 4))


def squeeze_and_excite(x, kind):
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=kind == "convolution")(x)
    if kind == "convolution":
        gate = layers.Conv2D(channels, 1, activation="sigmoid", name="gate")(
            layers.Conv2D(2, 1, activation="relu", name="squeeze")(gate)
        )
        return layers.Multiply()([x, gate])
    gate = layers.Dense(channels, activation="hard_sigmoid", name="gate")(
        layers.Dense(2, activation="relu", name="squeeze")(gate)
    )
    return x * layers.Reshape((1, 1, channels))(gate)


@pytest.mark.parametrize("kind", ["convolution", "dense"])
@pytest.mark.parametrize("size", [8, 3], ids=["of pixels", "of one pixel"])
def test_squeeze_and_excite_is_left_out(kind, size):
    """Also where the maps that it weights are as small as what they are pooled to."""
    inputs = keras.Input((size, size, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="before")(inputs)
    x = squeeze_and_excite(x, kind)
    x = layers.GlobalAveragePooling2D(keepdims=True)(
        layers.Conv2D(4, 3, padding="same", activation="relu", name="after")(x)
    )
    x = layers.Conv2D(5, 1, activation="relu", name="top")(x)
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))
    regularized = ks.regularize(model, 1.0)
    assert [tap.name for tap in regularized.taps] == ["before", "after", "top"]
    assert list(regularized.report.skipped) == ["squeeze", "gate"]
    assert all("squeeze-and-excite" in reason for reason in regularized.report.skipped.values())
    assert "squeeze" in [tap.name for tap in ks.regularize(model, 1.0, layers=["squeeze", "after"]).taps]


def test_squeeze_and_excite_inside_a_layer():
    class Block(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.squeeze, self.gate = layers.Conv2D(2, 1, activation="relu"), layers.Conv2D(3, 1)

        def call(self, x):
            pooled = ops.mean(x, axis=(1, 2), keepdims=True)
            return ops.relu(x * ops.sigmoid(self.gate(self.squeeze(pooled))))

    model = keras.Sequential([keras.Input((8, 8, 3)), Block(name="block"), layers.Flatten(), layers.Dense(3)])
    listing = ks.nonlinearities(model)
    assert [c.key for c in listing if not c.unless_named] == ["block"]
    assert [c.key for c in listing if c.unless_named] == ["block/sigmoid", "block/squeeze"]
    assert [tap.name for tap in ks.regularize(model, 1.0).taps] == ["block"]


def test_all_is_the_default_without_a_rectifier():
    model = embedded()
    assert ks.regularize(model, 1.0).report.notes == ("counted are all",)
    with pytest.raises(ks.InputError, match="no non-linearity to regularise"):
        ks.regularize(model, 1.0, nonlinearities="rectifiers")
    with pytest.raises(ks.InputError, match="nonlinearities must be rectifiers or all"):
        ks.regularize(model, 1.0, nonlinearities="smooth")
    with pytest.raises(ks.InputError, match="response must be None, rectified or absolute"):
        ks.regularize(model, 1.0, response="squared")


def test_what_can_be_named():
    inputs = keras.Input((8, 8, 3))
    x = ops.gelu(layers.Conv2D(4, 3)(inputs))
    x = ops.maximum(layers.Conv2D(4, 3, activation="relu", name="conv")(x), 0)
    model = keras.Model(
        inputs,
        layers.Softmax(name="softmax")(layers.Dense(3, activation="relu", name="last")(layers.Flatten()(x))),
    )
    listing = ks.nonlinearities(model)
    assert [(c.key, c.kind) for c in listing] == [
        ("gelu", "gelu"),
        ("conv", "relu"),
        ("last", "relu"),
        ("maximum", None),
    ]
    assert "last" in str(listing) and "the network's output" in str(listing)
    assert [tap.name for tap in ks.regularize(model, 1.0, layers=["gelu"]).taps] == ["gelu", "conv"]
    with pytest.raises(ks.InputError, match="never regularised"):
        ks.regularize(model, 1.0, layers=["last"])


def test_units_of_recurrent_layers():
    model = keras.Sequential(
        [
            keras.Input((5, 4)),
            layers.LSTM(6, return_sequences=True, name="all"),
            layers.GRU(3, name="last"),
            layers.Dense(3),
        ]
    )
    x = np.random.default_rng(0).normal(size=(4, 5, 4)).astype("float32")
    regularized = ks.regularize(model, 1.0)
    means = regularized.unit_means(x)
    states = keras.Model(model.inputs[0], [layer.output for layer in model.layers[:2]])(x)
    np.testing.assert_allclose(means["all"], np.asarray(states[0]).mean(1), atol=1e-6)
    np.testing.assert_allclose(means["last"], states[1], atol=1e-6)
    assert not regularized.report.skipped


def test_a_selectivity_beyond_one_is_an_error():
    model = keras.Sequential(
        [keras.Input((4,)), ks.UnitMeans(layers.Dense(5, name="linear")), layers.Dense(3)]
    )
    regularized = ks.SelectivityModel(model, 1.0)
    regularized.compile(
        keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    x = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
    with pytest.raises(ks.InputError, match=r"outside \[0, 1\].*shift=True"):
        regularized.fit(x, np.arange(12) % 3, verbose=0)


@keras.saving.register_keras_serializable("test_tokens")
class FewPositions(layers.Layer):
    """Adds one of at most twelve vectors to each token."""

    def build(self, shape):
        self.vectors = self.add_weight(shape=(12, shape[-1]), initializer="glorot_uniform")

    def call(self, x):
        return x + self.vectors[: ops.shape(x)[1]]


def text_network(between):
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Dense(5, activation="relu", name="hidden")(between(layers.Embedding(9, 6)(inputs)))
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def test_networks_take_fewer_tokens_than_are_tried_first():
    model = text_network(FewPositions())
    regularized = compiled(ks.regularize(model, -1.0))
    tokens = np.random.default_rng(0).integers(0, 9, (16, 12))
    np.testing.assert_allclose(regularized(tokens), model(tokens), atol=1e-6)
    assert 0 < regularized.fit(tokens, np.arange(16) % 3, verbose=0).history["selectivity"][0] < 1


def test_a_network_that_takes_no_length_is_refused():
    with pytest.raises(ks.InputError, match=r"takes inputs of no length among 32, 16.*fixed shape"):
        ks.regularize(text_network(layers.Reshape((3, 9 * 111))), -1.0)
