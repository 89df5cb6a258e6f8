"""SavedModels that others wrote, of every kind of signature: read, or refused with what to do."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import keras_selectivity as ks

X = np.random.default_rng(0).standard_normal((8, 5)).astype("float32")


class Module(tf.Module):
    """A linear classifier without Keras."""

    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(tf.random.stateless_normal([5, 3], [0, 1]))

    @tf.function(input_signature=[tf.TensorSpec([None, 5], name="x")])
    def __call__(self, x):
        return x @ self.kernel

    @tf.function(input_signature=[tf.TensorSpec([None, 5], name="x")])
    def scored(self, x):
        return {"scores": x @ self.kernel, "norm": tf.norm(x, axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None, 3], name="a"), tf.TensorSpec([None, 2], name="b")])
    def halves(self, a, b):
        return {"scores": tf.concat([a, b], 1) @ self.kernel}


SIGNATURES = {
    "of a call alone": (lambda m: None, {}, X),
    "by default": (lambda m: {"serving_default": m.__call__, "other": m.scored}, {}, X),
    "by another name": (lambda m: {"classify": m.__call__}, {}, X),
    "of several outputs": (lambda m: m.scored, {"output": "scores"}, X),
    "of several inputs": (lambda m: m.halves, {}, {"a": X[:, :3], "b": X[:, 3:]}),
}


@pytest.mark.parametrize("kind", SIGNATURES)
def test_modules_with_a_signature(kind, tmp_path):
    signatures, options, x = SIGNATURES[kind]
    module = Module()
    tf.saved_model.save(module, str(tmp_path), signatures(module))
    loaded = ks.load(tmp_path, **options)
    np.testing.assert_allclose(loaded.logits(loaded.prepared(x)), X @ module.kernel.numpy(), atol=1e-5)
    if isinstance(x, np.ndarray):
        norm = np.linalg.norm(module.kernel.numpy())
        np.testing.assert_allclose(ks.jacobian_norm(loaded, x, verbose=0), norm, rtol=1e-5)


def test_what_does_not_tell_its_classes_is_refused(tmp_path):
    module = Module()
    tf.saved_model.save(module, str(tmp_path / "two"), {"a": module.__call__, "b": module.scored})
    with pytest.raises(ks.InputError, match=r"no serving_default signature.*signatures a, b.*Save it with"):
        ks.load(tmp_path / "two")
    tf.saved_model.save(module, str(tmp_path / "outputs"), module.scored)
    with pytest.raises(ks.InputError, match=r"2 outputs \((norm, scores|scores, norm)\).*output="):
        ks.load(tmp_path / "outputs")


def test_a_saved_model_wrapped_as_a_layer(tmp_path):
    module = Module()
    tf.saved_model.save(module, str(tmp_path), {"serving_default": module.__call__})
    x = keras.Input((5,))
    model = keras.Model(x, layers.TFSMLayer(str(tmp_path), call_endpoint="serving_default")(x))
    with pytest.raises(ks.InputError, match="no non-linearity"):
        ks.regularize(model, -1.0)
    found = ks.wrap(model)
    np.testing.assert_allclose(found.logits(X), X @ module.kernel.numpy(), atol=1e-5)
