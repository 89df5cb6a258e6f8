"""A small ConvNeXt for images of CIFAR-10's size."""

import keras
from keras import layers

from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.networks._blocks import layer_norm
from keras_selectivity.networks._blocks import pixels
from keras_selectivity.networks._blocks import refuse_slope

_WIDTHS, _BLOCKS = (32, 64, 128), 2


def convnext(
    classes: int = 10, input_shape: tuple[int, ...] = (32, 32, 3), negative_slope: float = 0.0
) -> KerasObject:
    """A ConvNeXt with GELUs, of three stages with two blocks each, for 32-pixel images.

    Stages of 32, 64 and 128 channels at 16, 8 and 4 pixels; each block is a 7x7 depthwise convolution, layer norm, and
    two dense layers with a GELU between them, four times as wide (after Liu et al. 2022, at a size that a CPU trains,
    without layer scale and stochastic depth). Its hidden units are those of the GELUs: 6 layers with 1,792 units.

    Args:
        classes: Number of classes.
        input_shape: `(height, width, 3)`, at least 8 pixels each.
        negative_slope: Must be 0: there are no ReLUs.

    Returns:
        A functional `keras.Model`: `(batch, height, width, 3)` float32 pixels in [0, 1] to
        `(batch, classes)` logits.

    Raises:
        InputError: Another slope.
    """
    refuse_slope("convnext", negative_slope)
    inputs, x = pixels(input_shape)
    for stage, width in enumerate(_WIDTHS, 1):
        if stage > 1:
            x = layer_norm(f"stage{stage}_norm")(x)
        x = layers.Conv2D(width, 2, strides=2, name=f"stage{stage}_down")(x)
        for number in range(1, _BLOCKS + 1):
            x = _block(x, width, f"stage{stage}_block{number}")
    x = layer_norm("norm")(layers.GlobalAveragePooling2D(name="pool")(x))
    return keras.Model(inputs, layers.Dense(classes, name="logits")(x), name="convnext")


def _block(x: Tensor, width: int, name: str) -> Tensor:
    hidden = layers.DepthwiseConv2D(7, padding="same", name=f"{name}_depthwise")(x)
    hidden = layers.Dense(4 * width, name=f"{name}_dense1")(layer_norm(f"{name}_norm")(hidden))
    hidden = layers.Activation("gelu", name=f"{name}_gelu")(hidden)
    return layers.Add(name=f"{name}_add")([x, layers.Dense(width, name=f"{name}_dense2")(hidden)])
