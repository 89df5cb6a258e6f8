"""The CIFAR residual networks: ResNet20 of the papers, and a smaller sibling for quick looks."""

import keras
from keras import layers

from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.networks._blocks import conv_norm
from keras_selectivity.networks._blocks import kaiming
from keras_selectivity.networks._blocks import pixels
from keras_selectivity.networks._blocks import pytorch_uniform
from keras_selectivity.networks._blocks import relu


def resnet20(
    classes: int = 10, input_shape: tuple[int, ...] = (32, 32, 3), negative_slope: float = 0.0
) -> KerasObject:
    """ResNet20 for 32-pixel images, the papers' CIFAR-10 network.

    Three stages of three basic blocks with 16, 32 and 64 channels, parameter-free shortcuts,
    19 ReLU layers with 688 units, 269,722 trainable parameters at ten classes (He et al. 2016;
    "Selectivity considered harmful", appendix A.1). The normalisation of the pixels is part of the
    network.

    Args:
        classes: Number of classes.
        input_shape: `(height, width, 3)`.
        negative_slope: Slope of leaky ReLUs below zero ("Selectivity considered harmful", appendix
            A.10). Defaults to 0, plain ReLUs.

    Returns:
        A functional `keras.Model`: `(batch, height, width, 3)` float32 pixels in [0, 1] to
        `(batch, classes)` logits.
    """
    return _resnet(3, (16, 32, 64), classes, input_shape, negative_slope, "resnet20")


def resnet8(
    classes: int = 10, input_shape: tuple[int, ...] = (32, 32, 3), negative_slope: float = 0.0
) -> KerasObject:
    """One basic block a stage with 8, 16 and 32 channels: a tenth of ResNet20's work.

    For demonstrations and tests; no paper's network. 7 ReLU layers with 120 units.

    Args:
        classes: Number of classes.
        input_shape: `(height, width, 3)`.
        negative_slope: Slope of leaky ReLUs below zero ("Selectivity considered harmful", appendix
            A.10). Defaults to 0, plain ReLUs.

    Returns:
        A functional `keras.Model`: pixels in [0, 1] to `(batch, classes)` logits.
    """
    return _resnet(1, (8, 16, 32), classes, input_shape, negative_slope, "resnet8")


def _resnet(
    blocks: int, widths: tuple[int, ...], classes: int, input_shape: tuple[int, ...], slope: float, name: str
) -> KerasObject:
    inputs, x = pixels(input_shape)
    x = relu(slope, "stem_relu")(conv_norm(x, widths[0], "stem", conv_name="stem_conv"))
    for stage, width in enumerate(widths, 1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _basic_block(x, width, stride, slope, f"stage{stage}_block{block}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(
        classes,
        kernel_initializer=kaiming("fan_in"),
        bias_initializer=pytorch_uniform(widths[-1]),
        name="logits",
    )(x)
    return keras.Model(inputs, logits, name=name)


def _basic_block(x: Tensor, width: int, stride: int, slope: float, name: str) -> Tensor:
    y = relu(slope, f"{name}_relu1")(conv_norm(x, width, f"{name}_conv1", stride=stride))
    y = conv_norm(y, width, f"{name}_conv2")
    if stride > 1:
        x = _subsample(x, width, f"{name}_shortcut")
    return relu(slope, f"{name}_relu2")(layers.Add(name=f"{name}_add")([x, y]))


def _subsample(x: Tensor, width: int, name: str) -> Tensor:
    """The parameter-free shortcut: every second pixel, new channels of zeros on both sides.

    (Option A of He et al. 2016, section 4.2, as the papers' reference implementation pads it.)
    Built of Keras's own layers, so that a stripped network opens without this package.
    """
    extra = (width - x.shape[-1]) // 2
    x = layers.AveragePooling2D(1, strides=2, name=f"{name}_subsample")(x)
    # Read as channels_first, the last two axes are width and channels.
    return layers.ZeroPadding2D(((0, 0), (extra, extra)), data_format="channels_first", name=f"{name}_pad")(x)
