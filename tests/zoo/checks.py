"""What is checked of every family."""

import contextlib

import keras
import numpy as np

import keras_selectivity as ks
from keras_selectivity.training import random_inputs


def samples(model, count=6):
    """Inputs for a network and labels."""
    rng, example = np.random.default_rng(1), random_inputs(model)

    def several(name, value):
        shape = (count, *value.shape[1:])
        if value.dtype == object:
            return rng.choice(list("abcdefgh"), shape).astype(object)
        if value.dtype.kind == "f":
            return rng.random(shape).astype(value.dtype)
        binary = "segment" in name or "mask" in name
        return rng.integers(0 if binary else 1, 2 if binary else 20, shape).astype(value.dtype)

    if isinstance(example, dict):
        inputs = {name: several(name, value) for name, value in example.items()}
    else:
        inputs = several("", example)
    return inputs, np.arange(count) % 3


def fitted(model, inputs, labels):
    keras.utils.set_random_seed(0)
    model.compile(keras.optimizers.SGD(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model.fit(inputs, labels, batch_size=len(labels), shuffle=False, verbose=0).history


def _built(build):
    keras.utils.set_random_seed(0)
    return build()


@contextlib.contextmanager
def in_float64():
    """Networks built here compute in float64, where rounding is none of a difference.

    For deep networks whose batch norms see a few values: they magnify rounding errors of float32 above 1e-6.
    """
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")  # that of the first layer of a process is kept
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


def check(build, folder):
    """Regularises a network, trains a step with and without a term, saves and loads it.

    Returns:
        The `SelectivityModel`.
    """
    plain, zero, model = (_built(build) for _ in range(3))
    inputs, labels = samples(plain)
    before = np.asarray(plain(inputs, training=False))
    fitted(plain, inputs, labels)
    without = ks.regularize(zero, 0.0)
    fitted(without, inputs, labels)
    for ours, theirs in zip(plain.get_weights(), without.strip().get_weights(), strict=True):
        np.testing.assert_allclose(
            ours, theirs, atol=1e-6, err_msg="alpha = 0 is another step than the plain one"
        )
    regularized = ks.regularize(model, -1.0)
    np.testing.assert_allclose(regularized(inputs, training=False), before, atol=1e-5)
    logs = fitted(regularized, inputs, labels)
    assert 0 < logs["selectivity"][0] <= 1
    assert np.isclose(logs["loss"][0], logs["cross_entropy"][0] + logs["selectivity"][0], rtol=1e-4)
    if not regularized.in_place or type(regularized.network).__module__.startswith("keras"):
        regularized.save(folder / "model.keras")
        loaded = keras.saving.load_model(folder / "model.keras")
        again = loaded.unit_means(inputs)
        for name, means in regularized.unit_means(inputs).items():
            np.testing.assert_allclose(again[name], means, atol=1e-5)
    return regularized
