"""Whatever a classifier ends in: its logits are found, or one sentence says why there are none."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from computes import Computes
from keras import layers

import keras_selectivity as ks

X = np.random.default_rng(0).standard_normal((24, 5)).astype("float32")
WEIGHTS = np.random.default_rng(1)


def network(ends, classes=3, hidden="float32"):
    """A network of features whose scores, `(n, classes)`, end in what the function makes of them; and its scores."""
    keras.utils.set_random_seed(0)
    x = keras.Input((5,))
    scores = layers.Dense(classes, dtype="float32")(
        layers.Dense(6, activation="relu", dtype=hidden, name="hidden")(x)
    )
    return keras.Model(x, ends(scores)), keras.Model(x, scores)


HEADS = {
    "logits": (lambda s: s, 3),
    "a softmax layer": (lambda s: layers.Softmax()(s), 3),
    "an activation": (lambda s: layers.Activation("softmax")(s), 3),
    "an operation": (lambda s: keras.ops.softmax(s), 3),
    "in a layer's call": (lambda s: Computes(keras.ops.softmax)(s), 3),
    "of TensorFlow": (lambda s: Computes(tf.nn.softmax)(s), 3),
    "a log softmax": (lambda s: keras.ops.log_softmax(s), 3),
    "a dict": (lambda s: {"label": s}, 3),
    "a dict of probabilities": (lambda s: {"label": layers.Softmax()(s)}, 3),
    "a list": (lambda s: [layers.Softmax()(s)], 3),
    "one logit": (lambda s: s, 1),
    "a sigmoid": (lambda s: layers.Activation("sigmoid")(s), 1),
    "a sigmoid in a dict": (lambda s: {"p": keras.ops.sigmoid(s)}, 1),
    "two classes": (lambda s: layers.Softmax()(s), 2),
}  # fmt: skip


def wanted(scores):
    """Logits of two classes or more."""
    found = np.asarray(scores(X))
    return np.hstack([np.zeros_like(found), found]) if found.shape[1] == 1 else found


@pytest.mark.parametrize("kind", HEADS)
def test_logits_are_those_before_the_end(kind, tmp_path):
    model, scores = network(*HEADS[kind])
    expected = wanted(scores)
    if kind == "a log softmax":
        expected = tf.nn.log_softmax(expected)
    ks.export(model, tmp_path / "m")
    regularized = ks.regularize(model, -1.0)
    for found in (ks.wrap(model), ks.load(tmp_path / "m"), ks.wrap(regularized)):
        np.testing.assert_allclose(found.logits(X), expected, atol=1e-5)
        assert found.classes == max(expected.shape[1], 2) and found.layer_names == ["hidden"]
    outputs = keras.tree.flatten(model(X))[0]
    np.testing.assert_allclose(regularized(X), outputs, atol=1e-6)


def test_a_head_in_float32_of_a_network_in_half_precision():
    model, scores = network(lambda s: layers.Softmax(dtype="float32")(s), hidden="mixed_float16")
    np.testing.assert_allclose(ks.wrap(model).logits(X), wanted(scores), atol=1e-2)
    assert ks.wrap(model).run["outputs"] == "before the final softmax or sigmoid"


class Both(keras.Model):
    """A subclassed classifier with two heads in a dict."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(6, activation="relu")
        self.label, self.box = layers.Dense(3), layers.Dense(4)

    def call(self, x):
        x = self.hidden(x)
        return {"label": self.label(x), "box": self.box(x)}


def heads(kind):
    """A network with two heads, and the scores of its classes."""
    if kind == "subclassed":
        model = Both()
        model(X)
        return model, lambda x: model(x)["label"]
    x = keras.Input((5,))
    h = layers.Dense(6, activation="relu")(x)
    label, box = layers.Dense(3, name="label")(h), layers.Dense(4, name="box")(h)
    return keras.Model(x, {"label": label, "box": box} if kind == "dict" else [label, box]), keras.Model(
        x, label
    )


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # of a subclassed network's other head
@pytest.mark.parametrize("kind", ["dict", "list", "subclassed"])
def test_one_of_several_heads_is_named(kind, tmp_path):
    model, scores = heads(kind)
    with pytest.raises(ks.InputError, match=r"returns 2 outputs \((label, box|box, label)\).*output="):
        ks.wrap(model)
    with pytest.raises(ks.InputError, match=r"has no output 'labels'. It has"):
        ks.export(model, tmp_path / "m", output="labels")
    ks.export(model, tmp_path / "m", output="label")
    expected = np.asarray(scores(X))
    regularized = ks.regularize(model, -1.0, output="label")
    for found in (ks.wrap(model, output="label"), ks.load(tmp_path / "m"), ks.wrap(regularized)):
        np.testing.assert_allclose(found.logits(X), expected, atol=1e-5)
    if kind != "subclassed":
        model.save(tmp_path / "m.keras")
        np.testing.assert_allclose(
            ks.load(tmp_path / "m.keras", output="label").logits(X), expected, atol=1e-5
        )
    regularized.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert np.isfinite(regularized.fit(X, np.arange(24) % 3, verbose=0).history["loss"][0])


def test_several_labels_at_once_are_refused(tmp_path):
    model, _ = network(lambda s: layers.Activation("sigmoid")(s))
    for function in (
        lambda: ks.wrap(model),
        lambda: ks.export(model, tmp_path / "m"),
        lambda: ks.regularize(model, -1.0),
    ):
        with pytest.raises(ks.InputError, match=r"ends in 3 sigmoids.*one class per sample"):
            function()


@pytest.mark.parametrize(
    "end",
    [
        lambda s: layers.Softmax()(layers.ReLU()(s)),
        lambda s: layers.Activation("softmax")(layers.Activation("relu")(s)),
        lambda s: keras.ops.softmax(keras.ops.relu(s)),
        lambda s: layers.Softmax()(layers.Flatten()(layers.ReLU()(s))),
    ],
)
def test_a_rectifier_before_the_softmax_is_no_hidden_layer(end):
    model, scores = network(end)
    regularized = ks.regularize(model, -1.0)
    assert [tap.name for tap in regularized.taps] == ["hidden"]
    assert "the network's output" in regularized.report.skipped.values()
    np.testing.assert_allclose(ks.wrap(model).logits(X), np.maximum(scores(X), 0), atol=1e-5)
