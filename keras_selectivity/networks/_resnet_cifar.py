"""The CIFAR residual networks: ResNet20 of the papers, and a smaller sibling for quick looks."""

import keras
from keras import layers

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def resnet20(classes=10, input_shape=(32, 32, 3), negative_slope=0.0):
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


def resnet8(classes=10, input_shape=(32, 32, 3), negative_slope=0.0):
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


def _resnet(blocks, widths, classes, input_shape, slope, name):
    inputs = keras.Input(input_shape, name="pixels")
    variance = [s * s for s in IMAGENET_STD]
    x = layers.Normalization(mean=IMAGENET_MEAN, variance=variance, name="normalization")(inputs)
    x = _relu(slope, "stem_relu")(_conv_norm(x, widths[0], 1, "stem"))
    for stage, width in enumerate(widths, 1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _basic_block(x, width, stride, slope, f"stage{stage}_block{block}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    uniform = keras.initializers.RandomUniform(-(widths[-1] ** -0.5), widths[-1] ** -0.5)
    logits = layers.Dense(classes, kernel_initializer=_kaiming(), bias_initializer=uniform, name="logits")(x)
    return keras.Model(inputs, logits, name=name)


def _basic_block(x, width, stride, slope, name):
    y = _relu(slope, f"{name}_relu1")(_conv_norm(x, width, stride, f"{name}_conv1"))
    y = _conv_norm(y, width, 1, f"{name}_conv2")
    if stride > 1:
        x = _subsample(x, width, f"{name}_shortcut")
    return _relu(slope, f"{name}_relu2")(layers.Add(name=f"{name}_add")([x, y]))


def _relu(slope, name):
    return layers.LeakyReLU(negative_slope=slope, name=name) if slope else layers.ReLU(name=name)


def _subsample(x, width, name):
    """The parameter-free shortcut: every second pixel, new channels of zeros on both sides.

    (Option A of He et al. 2016, section 4.2, as the papers' reference implementation pads it.)
    Built of Keras's own layers, so that a saved network opens without this package.
    """
    extra = (width - x.shape[-1]) // 2
    x = layers.AveragePooling2D(1, strides=2, name=f"{name}_subsample")(x)
    # Read as channels_first, the last two axes are width and channels.
    return layers.ZeroPadding2D(((0, 0), (extra, extra)), data_format="channels_first", name=f"{name}_pad")(x)


def _conv_norm(x, width, stride, name):
    if stride > 1:
        # "same" would pad a stride-2 convolution on the bottom and right only.
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = layers.Conv2D(
        width,
        3,
        strides=stride,
        padding="valid" if stride > 1 else "same",
        use_bias=False,
        kernel_initializer=_kaiming(),
        name=f"{name}_conv" if name == "stem" else name,
    )(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)


def _kaiming():
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")
