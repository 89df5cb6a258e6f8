"""The papers' networks have their sizes, compute what PyTorch's layers compute, and learn what they learn."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_selectivity as ks
from keras_selectivity import networks

SIZES = {
    "resnet18": (11_279_112, [64] * 5 + [128] * 4 + [256] * 4 + [512] * 4),
    "resnet50": (
        23_917_832,
        [64] + [64, 64, 256] * 3 + [128, 128, 512] * 4 + [256, 256, 1024] * 6 + [512, 512, 2048] * 3,
    ),
    "vgg16": (14_990_922, [64] * 2 + [128] * 2 + [256] * 3 + [512] * 3 + [512] * 3 + [512]),
}


@pytest.fixture(scope="module", name="built")
def _built():
    keras.utils.set_random_seed(0)
    return {name: getattr(networks, name)() for name in SIZES}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(built, name):
    parameters, units = SIZES[name]
    network = built[name]
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == parameters
    report = ks.regularize(network, 0.0)
    assert [tap.units for tap in report.taps] == units
    assert sum(units) == {"resnet18": 3904, "resnet50": 22_720, "vgg16": 4736}[name]


def test_maps_shrink_as_the_papers_stem_makes_them(built):
    maps = [built["resnet18"].get_layer(f"stage{s}_block2_relu2").output.shape[1] for s in range(1, 5)]
    assert built["resnet18"].get_layer("stem_relu").output.shape[1] == 32 and maps == [32, 16, 8, 4]
    small = networks.resnet18(stem="3x3/1")
    assert small.get_layer("stage1_block2_relu2").output.shape[1] == 64
    assert small.get_layer("stem_conv").kernel.shape[:2] == (3, 3)
    with pytest.raises(ks.InputError, match="Unknown stem"):
        networks.resnet18(stem="5x5")


def test_initial_weights(built):
    kernel = built["resnet18"].get_layer("stage2_block1_conv1").kernel.numpy()  # 64 to 128 channels
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 128)), rel=0.02), "fan-out"
    dense = built["resnet50"].get_layer("logits").kernel.numpy()
    assert np.abs(dense).max() == pytest.approx(2048**-0.5, rel=1e-3) and dense.std() == pytest.approx(
        2048**-0.5 / np.sqrt(3), rel=0.02
    )
    assert not built["vgg16"].get_layer("group1_conv1").bias.numpy().any()
    norm = built["resnet18"].get_layer("stem_norm")
    assert (norm.momentum, norm.epsilon) == (0.9, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_forward_pass_is_pytorchs(name, tmp_path):
    """The same random weights and statistics in PyTorch's own layers, at inference and in training."""
    network, images, arrays = built_at_random(name)
    expected = in_pytorch(name, tmp_path, images=images, **arrays)
    for mode in ("inference", "training"):
        found = np.asarray(network(images, training=mode == "training"))
        scale = np.abs(expected[mode]).max()
        np.testing.assert_allclose(found, expected[mode], rtol=1e-3, atol=2e-4 * scale, err_msg=mode)


@pytest.mark.slow
def test_training_is_pytorchs(tmp_path):
    """Three steps of ResNet20 by the papers' optimiser, momentum, decay and running statistics included."""
    network, images, arrays = built_at_random("resnet20")
    labels = np.arange(len(images)) % 7
    expected = in_pytorch("resnet20", tmp_path, images=images, labels=labels, steps=3, **arrays)
    model = ks.regularize(network, alpha=0.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(ks.CoupledSGD(0.1, momentum=0.9, l2=0.1), loss)
    losses = model.fit(images, labels, batch_size=len(images), epochs=3, shuffle=False, verbose=0).history[
        "loss"
    ]
    np.testing.assert_allclose(losses, expected["losses"], rtol=1e-3)
    found = np.asarray(model.strip()(images, training=False))
    np.testing.assert_allclose(found, expected["inference"], atol=2e-3 * np.abs(expected["inference"]).max())


def built_at_random(name):
    """A network with random batch norms, images for it, and its arrays as `LAYER/NUMBER`."""
    keras.utils.set_random_seed(1)
    network = getattr(networks, name)(classes=7, input_shape=(32, 32, 3))
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    arrays = {
        f"{layer.name}/{number}": values
        for layer in network.layers
        if not isinstance(layer, keras.layers.Normalization)
        for number, values in enumerate(layer.get_weights())
    }
    return network, rng.random((8, 32, 32, 3)).astype("float32"), arrays


def in_pytorch(name, folder, **arrays):
    """What `torch_worker` finds."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs PyTorch")
    np.savez(folder / "in.npz", **arrays)
    worker = Path(__file__).with_name("torch_worker.py")
    subprocess.run([sys.executable, worker, name, folder / "in.npz", folder / "out.npz"], check=True)
    return np.load(folder / "out.npz")
