"""VGG16 with batch norm and one hidden dense layer, the papers' control on CIFAR-10."""

import keras
from keras import layers

from keras_selectivity._types import KerasObject
from keras_selectivity.networks._blocks import conv_norm
from keras_selectivity.networks._blocks import pixels
from keras_selectivity.networks._blocks import pytorch_uniform
from keras_selectivity.networks._blocks import relu

_GROUPS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def vgg16(
    classes: int = 10, input_shape: tuple[int, ...] = (32, 32, 3), negative_slope: float = 0.0
) -> KerasObject:
    """VGG16 with batch norm for 32-pixel images.

    Thirteen 3x3 convolutions with bias and batch norm, a max-pool after each group, one dense layer of
    512 units, no dropout: 14 ReLU layers with 4,736 units, 14,990,922 trainable parameters at ten
    classes (Simonyan and Zisserman 2015; "Selectivity considered harmful", appendices A.1 and A.12).

    Args:
        classes: Number of classes.
        input_shape: `(height, width, 3)`, at least 32 pixels each.
        negative_slope: Slope of leaky ReLUs below zero. Defaults to 0, plain ReLUs.

    Returns:
        A functional `keras.Model`: `(batch, height, width, 3)` float32 pixels in [0, 1] to
        `(batch, classes)` logits.
    """
    inputs, x = pixels(input_shape)
    for group, (width, count) in enumerate(_GROUPS, 1):
        for number in range(1, count + 1):
            name = f"group{group}_conv{number}"
            x = conv_norm(x, width, name, fan="fan_out", bias=True)
            x = relu(negative_slope, f"group{group}_relu{number}")(x)
        x = layers.MaxPooling2D(2, name=f"group{group}_pool")(x)
    x = layers.Flatten(name="flatten")(x)
    for name, width in (("dense", 512), ("logits", classes)):
        uniform = pytorch_uniform(x.shape[-1])
        x = layers.Dense(width, kernel_initializer=uniform, bias_initializer=uniform, name=name)(x)
        if name == "dense":
            x = relu(negative_slope, "dense_relu")(x)
    return keras.Model(inputs, x, name="vgg16")
