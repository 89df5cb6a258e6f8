import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import real_data

import keras_selectivity as ks
from keras_selectivity import networks


def count(network):
    return sum(int(np.prod(w.shape)) for w in network.trainable_weights)


def test_resnet20_is_the_papers_size():
    network = networks.resnet20()
    taps = ks.regularize(network, 0.0).taps
    assert count(network) == 269_722
    assert [t.units for t in taps] == [16] * 7 + [32] * 6 + [64] * 6
    assert not any(t.shift for t in taps)


def test_resnet20_for_other_sizes():
    network = networks.resnet20(classes=7, input_shape=(64, 48, 3))
    assert network.output_shape == (None, 7)
    assert count(network) == 269_722 - 3 * 65


def test_resnet8_is_small():
    taps = ks.regularize(networks.resnet8(), 0.0).taps
    assert (len(taps), sum(t.units for t in taps)) == (7, 120)


def test_initialisation_is_he_normal_by_fan_in():
    keras.utils.set_random_seed(0)
    kernel = networks.resnet20().get_layer("stage3_block3_conv2").kernel.numpy()
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.02)
    assert np.abs(kernel).max() > 2.5 * kernel.std(), "a truncated normal"


def test_shortcut_takes_every_second_pixel_and_pads_channels_on_both_sides():
    network = networks.resnet20()
    shortcut = keras.Model(
        network.get_layer("stage1_block3_relu2").output,
        network.get_layer("stage2_block1_shortcut_pad").output,
    )
    x = np.random.default_rng(0).random((2, 32, 32, 16)).astype("float32")
    expected = np.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (8, 8)))
    np.testing.assert_array_equal(shortcut(x), expected)


def test_a_stripped_network_opens_without_this_package(tmp_path):
    ks.regularize(networks.resnet20(), -1.0).strip().save(tmp_path / "network.keras")
    code = (
        "import sys, keras; keras.saving.load_model(sys.argv[1]);sys.exit('keras_selectivity' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "network.keras"]).returncode == 0


@pytest.mark.data
@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_reference_weights_give_the_reference_logits(count, cifar10):
    """Logits from the original PyTorch network on test images in official order; 91.73 % is its author's figure."""
    weights = real_data("reference/akamaster_resnet20.npz")
    with np.load(real_data("reference/akamaster_resnet20_logits_test.npz"), allow_pickle=False) as archive:
        expected = archive["logits"]
    network = networks.load_reference_weights(networks.resnet20(), weights)
    images, labels = cifar10.test.take(slice(0, count))
    logits = network.predict(images / np.float32(255), batch_size=200, verbose=0)
    np.testing.assert_allclose(logits, expected[:count], atol=1e-4)
    assert (logits.argmax(axis=1) == labels).mean() == {200: 0.91, 10_000: 0.9173}[count]


def test_foreign_weights_are_refused(tmp_path):
    np.savez(
        tmp_path / "weights.npz", **{"conv1.weight": np.zeros((16, 3, 3, 3)), "other.weight": np.zeros(3)}
    )
    with pytest.raises(ks.InputError, match="does not hold the weights"):
        networks.load_reference_weights(networks.resnet20(), tmp_path / "weights.npz")


def test_leaky_networks_have_leaky_layers_only():
    network = ks.networks.resnet8(negative_slope=0.3)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds.count("LeakyReLU") == 7 and "ReLU" not in kinds
    assert {layer.negative_slope for layer in network.layers if type(layer).__name__ == "LeakyReLU"} == {0.3}
    model = ks.regularize(network, -1.0)
    assert all(tap.shift for tap in model.taps) and len(model.taps) == 7
