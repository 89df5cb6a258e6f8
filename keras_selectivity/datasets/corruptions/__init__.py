"""The 19 natural corruptions of CIFAR-10-C and Tiny ImageNet-C."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CORRUPTIONS": "_parameters",
        "SEVERITIES": "_parameters",
        "check_corruption": "_parameters",
        "corrupt": "_corrupt",
    },
)
