"""The papers' networks: plain Keras models from pixels in [0, 1] to logits."""

from keras_selectivity._lazy import attach

NETWORKS = ("resnet20", "resnet8", "resnet18", "resnet50", "vgg16")

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "resnet20": "_resnet_cifar",
        "resnet8": "_resnet_cifar",
        "resnet18": "_resnet_imagenet",
        "resnet50": "_resnet_imagenet",
        "vgg16": "_vgg",
        "load_reference_weights": "_reference_weights",
    },
)
