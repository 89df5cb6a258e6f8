"""A small vision transformer for images of CIFAR-10's size."""

from typing import Any

import keras
from keras import layers

from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.networks._blocks import layer_norm
from keras_selectivity.networks._blocks import pixels
from keras_selectivity.networks._blocks import refuse_slope

_PATCH, _WIDTH, _DEPTH, _HEADS, _HIDDEN = 4, 96, 4, 3, 192


def vit(
    classes: int = 10, input_shape: tuple[int, ...] = (32, 32, 3), negative_slope: float = 0.0
) -> KerasObject:
    """A vision transformer with GELUs, of four blocks, for 32-pixel images.

    Patches of 4x4 pixels, 96 features, three heads, layer norm before attention and MLP, learned positions, and the
    mean over tokens in place of a class token (after Dosovitskiy et al. 2021, at a size that a CPU trains). Its hidden
    units are the 192 of each block's MLP, averaged over tokens: 4 layers with 768 units.

    Args:
        classes: Number of classes.
        input_shape: `(height, width, 3)`, multiples of 4.
        negative_slope: Must be 0: there are no ReLUs.

    Returns:
        A functional `keras.Model`: `(batch, height, width, 3)` float32 pixels in [0, 1] to
        `(batch, classes)` logits.

    Raises:
        InputError: Another slope or another size.
    """
    refuse_slope("vit", negative_slope)
    height, width, _ = input_shape
    if height % _PATCH or width % _PATCH:
        raise InputError(f"vit takes images whose sides are multiples of {_PATCH}. Received: {input_shape}.")
    inputs, x = pixels(input_shape)
    x = layers.Conv2D(_WIDTH, _PATCH, strides=_PATCH, name="patches")(x)
    x = layers.Reshape((-1, _WIDTH), name="tokens")(x)
    x = Positions(name="positions")(x)
    for number in range(1, _DEPTH + 1):
        x = _block(x, f"block{number}")
    x = layers.GlobalAveragePooling1D(name="pool")(layer_norm("norm")(x))
    return keras.Model(inputs, layers.Dense(classes, name="logits")(x), name="vit")


def _block(x: Tensor, name: str) -> Tensor:
    attention = layers.MultiHeadAttention(_HEADS, _WIDTH // _HEADS, name=f"{name}_attention")
    normal = layer_norm(f"{name}_norm1")(x)
    x = layers.Add(name=f"{name}_add1")([x, attention(normal, normal)])
    hidden = layers.Dense(_HIDDEN, name=f"{name}_dense1")(layer_norm(f"{name}_norm2")(x))
    hidden = layers.Activation("gelu", name=f"{name}_gelu")(hidden)
    return layers.Add(name=f"{name}_add2")([x, layers.Dense(_WIDTH, name=f"{name}_dense2")(hidden)])


@keras.saving.register_keras_serializable(package="keras_selectivity", name="Positions")
class Positions(layers.Layer):
    """Adds a learned vector to every token by its position: `(batch, tokens, features)` to the same."""

    def build(self, input_shape: Any) -> None:
        self.vectors = self.add_weight(
            name="vectors",
            shape=(1, *input_shape[1:]),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        )

    def call(self, inputs: Tensor) -> Tensor:
        return inputs + self.vectors

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
