"""Image data sets: embedded shapes, CIFAR-10, splits and augmented batches."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "NAMES": "_registry",
        "load": "_registry",
        "prepare": "_registry",
        "status": "_registry",
        "ImageData": "_image_data",
        "Split": "_image_data",
        "hold_out": "_image_data",
        "subset": "_image_data",
        "Batches": "_batches",
        "flip_and_crop": "_batches",
    },
)
