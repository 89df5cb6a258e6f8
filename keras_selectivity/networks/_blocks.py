"""What the networks are built of: normalised pixels, convolution with batch norm, ReLUs, and initial weights."""

import keras
from keras import layers

from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.training import BatchNormalization

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def pixels(input_shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The input of a network and its pixels, normalised by ImageNet's mean and standard deviation."""
    inputs = keras.Input(input_shape, name="pixels")
    variance = [s * s for s in IMAGENET_STD]
    return inputs, layers.Normalization(mean=IMAGENET_MEAN, variance=variance, name="normalization")(inputs)


def relu(slope: float, name: str) -> KerasObject:
    """A ReLU, leaky if the slope is not 0."""
    return layers.LeakyReLU(negative_slope=slope, name=name) if slope else layers.ReLU(name=name)


def conv_norm(
    x: Tensor,
    width: int,
    name: str,
    *,
    size: int = 3,
    stride: int = 1,
    fan: str = "fan_in",
    bias: bool = False,
    conv_name: str | None = None,
) -> Tensor:
    """A convolution padded as PyTorch pads it, and batch norm with PyTorch's settings.

    Args:
        x: Feature maps.
        width: Output channels.
        name: Start of the layers' names.
        size: Size of the kernel.
        stride: Stride.
        fan: `"fan_in"` or `"fan_out"`, by which the normal initial weights are scaled.
        bias: Whether the convolution has a bias, zero at first.
        conv_name: Name of the convolution itself. Defaults to `name`.
    """
    padded = stride > 1 and size > 1
    if padded:
        # "same" would pad a stride-2 convolution on the bottom and right only.
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(
        width,
        size,
        strides=stride,
        padding="valid" if padded else "same",
        use_bias=bias,
        kernel_initializer=kaiming(fan),
        name=conv_name or name,
    )(x)
    norm = BatchNormalization(momentum=0.9, epsilon=1e-5, unbiased_variance=True, name=f"{name}_norm")
    return norm(x)


def layer_norm(name: str) -> KerasObject:
    """Layer normalization with the epsilon of transformers."""
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def refuse_slope(network: str, negative_slope: float) -> None:
    """Refuses a slope of leaky ReLUs for a network that has none."""
    if negative_slope:
        raise InputError(f"{network} has no ReLUs. Leave out negative_slope={negative_slope}.")


def kaiming(fan: str) -> KerasObject:
    """Normal weights with variance 2 / fan (He et al. 2015), not truncated as Keras's own are."""
    return keras.initializers.VarianceScaling(2.0, fan, "untruncated_normal")


def pytorch_uniform(fan_in: int) -> KerasObject:
    """What PyTorch draws weights and biases of linear layers from: uniform within 1 / sqrt(fan_in)."""
    return keras.initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)
