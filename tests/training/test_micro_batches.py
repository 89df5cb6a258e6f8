"""A large batch in parts takes the step of the large batch at once."""

import keras
import numpy as np
import pytest
from conftest import compiled
from conftest import tiny_network

import keras_selectivity as ks


def trained(data, micro_batch, *, alpha=-1.0, normalised=False, sample_weight=None, dropout=0.0, **options):
    """Weights and logs after two epochs of two batches of 24."""
    images, labels = data
    network = tiny_network(normalised=normalised)
    if dropout:
        keras.utils.set_random_seed(3)
        network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Dropout(dropout, seed=5), network])
    model = compiled(ks.regularize(network, alpha, micro_batch=micro_batch, **options))
    logs = model.fit(
        images, labels, sample_weight=sample_weight, batch_size=24, epochs=2, shuffle=False, verbose=0
    ).history
    return model.get_weights(), logs, model


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"alpha": 2.0, "metric": "discriminability"},
        {"alpha": 0.0},
        {"layers": "first 2"},
        {"sample_weight": np.linspace(0, 2, 48).astype("float32")},
    ],
    ids=["plain", "discriminability", "alpha 0", "first layers", "weighted"],
)
def test_parts_take_the_step_of_the_whole(tiny_data, options):
    whole, whole_logs, _ = trained(tiny_data, None, **options)
    for micro_batch in (6, 24):
        parts, logs, _ = trained(tiny_data, micro_batch, **options)
        for a, b in zip(parts, whole, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
        for name in whole_logs:
            np.testing.assert_allclose(logs[name], whole_logs[name], rtol=1e-4, err_msg=name)


def test_averaging_the_index_of_the_parts_would_be_another_step(tiny_data):
    """The test above could not tell if the index of six samples were as good as that of 24."""
    whole = trained(tiny_data, None)[1]["selectivity"][0]
    images, labels = tiny_data
    model = compiled(ks.regularize(tiny_network(normalised=False), -1.0))
    parts = model.evaluate(images, labels, batch_size=6, verbose=0, return_dict=True)["selectivity"]
    assert abs(parts - whole) > 0.01


def test_the_first_pass_leaves_no_trace(tiny_data):
    """Moving averages are updated once a micro-batch, not twice, and dropout masks are those of the second pass."""
    images, labels = tiny_data
    model = compiled(ks.regularize(tiny_network(), 0.0, micro_batch=12), learning_rate=0.0)
    other = compiled(ks.regularize(tiny_network(), 0.0), learning_rate=0.0)
    model.fit(images, labels, batch_size=24, shuffle=False, verbose=0)
    other.fit(images, labels, batch_size=12, shuffle=False, verbose=0)
    for a, b in zip(model.network.non_trainable_weights, other.network.non_trainable_weights, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=1e-6)


def test_mixed_precision(tiny_data):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        whole = trained(tiny_data, None)[0]
        parts = trained(tiny_data, 6)[0]
    finally:
        keras.config.set_dtype_policy("float32")
    for a, b in zip(parts, whole, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)


def test_bad_micro_batches(tiny_data):
    with pytest.raises(ks.InputError, match="Micro-batches of 7 do not divide a batch of 24"):
        trained(tiny_data, 7)
    with pytest.raises(ks.InputError, match="micro_batch must be a whole number of at least 1"):
        ks.regularize(tiny_network(), -1.0, micro_batch=0)
    with pytest.raises(ks.InputError, match="does not go together with Adversarial"):
        ks.regularize(tiny_network(), -1.0, micro_batch=4, method=ks.training.Adversarial(0.1))


def test_a_saved_model_keeps_its_micro_batch(tiny_data, tmp_path):
    model = trained(tiny_data, 6)[2]
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").micro_batch == 6
