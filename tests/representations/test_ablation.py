"""Ablation against networks whose weights are taken away by hand."""

import keras
import numpy as np
import pytest
from conftest import tiny_network

import keras_selectivity as ks


@pytest.fixture(name="pair", scope="module")
def _pair(tmp_path_factory, tiny_data):
    """A trained plain network and what was exported of it."""
    network = tiny_network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("adam", loss, jit_compile=False)
    network.fit(*tiny_data, batch_size=8, epochs=6, verbose=0)
    path = tmp_path_factory.mktemp("ablation") / "m"
    ks.export(network, path)
    return network, ks.load(path)


def without(network, units, values, images):
    """Logits with units of the last layer replaced: its output goes through one dense layer only."""
    last = keras.Model(network.input, network.get_layer("conv_c").output)
    maps = np.asarray(last(images)).copy()
    maps[..., units] = values
    kernel, bias = network.get_layer("logits").get_weights()
    return maps.mean(axis=(1, 2)) @ kernel + bias


@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_units_of_the_last_layer(pair, tiny_data, fill):
    network, exported = pair
    images, labels = tiny_data
    order = np.array([0.1, 0.6, 0.3, 0.5, 0.2, 0.4])
    means = exported.unit_means(images)["conv_c"].numpy().mean(axis=0)
    for cumulative in (True, False):
        found = ks.ablate(
            exported,
            images,
            labels,
            "conv_c",
            order=order,
            cumulative=cumulative,
            fill=fill,
            batch_size=11,
            verbose=0,
        )
        assert found.units.tolist() == [1, 3, 5, 2, 4, 0]
        assert found.baseline == (np.asarray(network(images)).argmax(axis=1) == labels).mean()
        for i in range(6):
            units = found.units[: i + 1] if cumulative else found.units[i : i + 1]
            right = (
                without(network, units, means[units] if fill == "mean" else 0, images).argmax(axis=1)
                == labels
            )
            assert found.accuracy[i] == pytest.approx(right.mean(), abs=1 / 48 + 1e-9)
            by_class = [right[labels == k].mean() for k in range(4)]
            np.testing.assert_allclose(found.class_accuracy[i], by_class, atol=1 / 12 + 1e-9)
        assert found.counts.tolist() == ([1, 2, 3, 4, 5, 6] if cumulative else [1] * 6)
    if fill == "zero":
        bias = network.get_layer("logits").get_weights()[1]
        logits = exported.ablated_logits(images, np.r_[np.ones(8), np.zeros(6)], np.zeros(14)).numpy()
        np.testing.assert_allclose(logits, np.tile(bias, (48, 1)), atol=1e-6)


def test_an_early_layer_changes_what_follows(pair, tiny_data):
    """Zeroing a unit of the first layer equals zeroing the weights that read it."""
    network, exported = pair
    images = tiny_data[0]
    keep = np.ones(14)
    keep[2] = 0
    found = exported.ablated_logits(images, keep, np.zeros(14)).numpy()
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    norm = next(layer for layer in copy.layers if isinstance(layer, keras.layers.BatchNormalization))
    gamma, beta, mean, variance = norm.get_weights()
    gamma[2] = beta[2] = 0
    norm.set_weights([gamma, beta, mean, variance])
    np.testing.assert_allclose(found, np.asarray(copy(images)), atol=1e-5)
    np.testing.assert_allclose(
        exported.ablated_logits(images, np.ones(14), np.full(14, 9.0)), exported.logits(images), atol=1e-6
    )


def test_random_orders_repeat_and_points_choose(pair, tiny_data):
    exported = pair[1]
    whole = ks.ablate(exported, *tiny_data, "conv_c", seed=2, verbose=0)
    some = ks.ablate(exported, *tiny_data, "conv_c", seed=2, points=[0, 3], verbose=0)
    assert some.units.tolist() == whole.units.tolist()
    assert some.accuracy.tolist() == [whole.baseline, whole.accuracy[2]]
    assert ks.ablate(exported, *tiny_data, "conv_c", seed=3, verbose=0).units.tolist() != whole.units.tolist()


def test_bad_input_is_named(pair, tiny_data, tmp_path):
    exported = pair[1]
    for layer, options, message in (
        ("x", {}, "Unknown layers x"),
        ("conv_c", {"fill": "noise"}, "fill must be 'zero' or 'mean'"),
        ("conv_c", {"order": [1, 2]}, "one number for each of 6 units"),
        ("conv_c", {"points": [7]}, "points must be a whole number of at least 0 and at most 6; got 7"),
    ):
        with pytest.raises(ks.InputError, match=message):
            ks.ablate(exported, *tiny_data, layer, **options, verbose=0)
    del exported._functions["ablated_logits"]
    with pytest.raises(ks.InputError, match=r"older than ablation. Export the network again"):
        ks.ablate(exported, *tiny_data, "conv_c", verbose=0)
