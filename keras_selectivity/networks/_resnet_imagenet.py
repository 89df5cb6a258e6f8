"""The ImageNet residual networks without max-pool, as the papers use them for Tiny ImageNet."""

from collections.abc import Callable

import keras
from keras import layers

from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.networks._blocks import conv_norm
from keras_selectivity.networks._blocks import pixels
from keras_selectivity.networks._blocks import pytorch_uniform
from keras_selectivity.networks._blocks import relu

_WIDTHS = (64, 128, 256, 512)
STEMS = ("7x7/2", "3x3/1")


def resnet18(
    classes: int = 200,
    input_shape: tuple[int, ...] = (64, 64, 3),
    negative_slope: float = 0.0,
    stem: str = "7x7/2",
) -> KerasObject:
    """ResNet18 without max-pool, the papers' Tiny ImageNet network.

    Four stages of two basic blocks with 64 to 512 channels, projection shortcuts, 17 ReLU layers with
    3,904 units, 11,279,112 trainable parameters at 200 classes (He et al. 2016; "Selectivity considered
    harmful", appendix A.1). The normalisation of the pixels is part of the network.

    Args:
        classes: Number of classes.
        input_shape: `(height, width, 3)`.
        negative_slope: Slope of leaky ReLUs below zero. Defaults to 0, plain ReLUs.
        stem: First convolution: `"7x7/2"` (kernel and stride), which the papers do not say they changed, or
            `"3x3/1"`.

    Returns:
        A functional `keras.Model`: `(batch, height, width, 3)` float32 pixels in [0, 1] to
        `(batch, classes)` logits.

    Raises:
        InputError: The stem is unknown.
    """
    return _resnet(_basic_block, (2, 2, 2, 2), classes, input_shape, negative_slope, stem, "resnet18")


def resnet50(
    classes: int = 200,
    input_shape: tuple[int, ...] = (64, 64, 3),
    negative_slope: float = 0.0,
    stem: str = "7x7/2",
) -> KerasObject:
    """ResNet50 without max-pool, the papers' second Tiny ImageNet network.

    3, 4, 6 and 3 bottleneck blocks with 256 to 2,048 channels, the stride in their 3x3 convolution, 49
    ReLU layers with 22,720 units, 23,917,832 trainable parameters at 200 classes (He et al. 2016;
    "Selectivity considered harmful", appendix A.18). Arguments, return value and error as for `resnet18`.
    """
    return _resnet(_bottleneck, (3, 4, 6, 3), classes, input_shape, negative_slope, stem, "resnet50")


def _resnet(
    block: Callable[..., Tensor],
    counts: tuple[int, ...],
    classes: int,
    input_shape: tuple[int, ...],
    slope: float,
    stem: str,
    name: str,
) -> KerasObject:
    if stem not in STEMS:
        raise InputError(f"Unknown stem {stem!r}. Choose one of {', '.join(STEMS)}.")
    size, stride = (7, 2) if stem == "7x7/2" else (3, 1)
    inputs, x = pixels(input_shape)
    x = conv_norm(x, 64, "stem", size=size, stride=stride, fan="fan_out", conv_name="stem_conv")
    x = relu(slope, "stem_relu")(x)
    for stage, (count, width) in enumerate(zip(counts, _WIDTHS, strict=True), 1):
        for number in range(1, count + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            x = block(x, width, stride, slope, f"stage{stage}_block{number}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    uniform = pytorch_uniform(x.shape[-1])
    logits = layers.Dense(classes, kernel_initializer=uniform, bias_initializer=uniform, name="logits")(x)
    return keras.Model(inputs, logits, name=name)


def _basic_block(x: Tensor, width: int, stride: int, slope: float, name: str) -> Tensor:
    y = relu(slope, f"{name}_relu1")(conv_norm(x, width, f"{name}_conv1", stride=stride, fan="fan_out"))
    y = conv_norm(y, width, f"{name}_conv2", fan="fan_out")
    return relu(slope, f"{name}_relu2")(
        layers.Add(name=f"{name}_add")([_shortcut(x, width, stride, name), y])
    )


def _bottleneck(x: Tensor, width: int, stride: int, slope: float, name: str) -> Tensor:
    y = relu(slope, f"{name}_relu1")(conv_norm(x, width, f"{name}_conv1", size=1, fan="fan_out"))
    y = relu(slope, f"{name}_relu2")(conv_norm(y, width, f"{name}_conv2", stride=stride, fan="fan_out"))
    y = conv_norm(y, 4 * width, f"{name}_conv3", size=1, fan="fan_out")
    return relu(slope, f"{name}_relu3")(
        layers.Add(name=f"{name}_add")([_shortcut(x, 4 * width, stride, name), y])
    )


def _shortcut(x: Tensor, width: int, stride: int, name: str) -> Tensor:
    """The input of a block, projected by a 1x1 convolution where its shape changes."""
    if stride == 1 and x.shape[-1] == width:
        return x
    return conv_norm(x, width, f"{name}_shortcut", size=1, stride=stride, fan="fan_out")
