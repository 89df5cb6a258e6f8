"""ResNet18, ResNet50 and VGG16 have the papers' sizes and compute what PyTorch's layers compute."""

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


def torch_like(network, x):
    """The network's logits by explicit loops over its layers in float64 NumPy, padded as PyTorch pads."""
    weights = {
        layer.name: [np.asarray(w, np.float64) for w in layer.get_weights()] for layer in network.layers
    }

    def conv(x, name, stride):
        kernel, *bias = weights[name]
        pad = kernel.shape[0] // 2
        padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], axis=(0, 1))
        windows = windows[::stride, ::stride]  # (height, width, channels, rows, columns)
        return np.einsum("hwcij,ijco->hwo", windows, kernel, optimize=True) + (bias[0] if bias else 0)

    def norm(x, name):
        scale, shift, mean, variance = weights[f"{name}_norm"]
        return (x - mean) / np.sqrt(variance + 1e-5) * scale + shift

    def relu(x):
        return np.maximum(x, 0)

    x = (x - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    x = relu(norm(conv(x, "stem_conv", 2), "stem"))
    for stage in range(1, 5):
        number = 0
        while f"stage{stage}_block{number + 1}_conv1" in weights:
            number += 1
            name, stride = f"stage{stage}_block{number}", 2 if stage > 1 and number == 1 else 1
            deep = f"{name}_conv3" in weights
            y = relu(norm(conv(x, f"{name}_conv1", 1 if deep else stride), f"{name}_conv1"))
            y = norm(conv(y, f"{name}_conv2", stride if deep else 1), f"{name}_conv2")
            if deep:
                y = norm(conv(relu(y), f"{name}_conv3", 1), f"{name}_conv3")
            if f"{name}_shortcut" in weights:
                x = norm(conv(x, f"{name}_shortcut", stride), f"{name}_shortcut")
            x = relu(x + y)
    kernel, bias = weights["logits"]
    return x.mean(axis=(0, 1)) @ kernel + bias


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_forward_pass_is_that_of_loops_in_float64(name):
    keras.utils.set_random_seed(1)
    network = getattr(networks, name)(classes=7, input_shape=(16, 16, 3))
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    image = rng.random((16, 16, 3)).astype("float32")
    expected = torch_like(network, image.astype(np.float64))
    found = np.asarray(network(image[None], training=False))[0]
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max())
