"""Image data sets: embedded shapes, CIFAR-10, their corrupted versions, splits and augmented batches."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "augmix": "_augmix",
        "NAMES": "_registry",
        "SIZES": "_registry",
        "load": "_registry",
        "prepare": "_registry",
        "pack_cifar10": "_cifar10",
        "status": "_registry",
        "ImageData": "_image_data",
        "Split": "_image_data",
        "hold_out": "_image_data",
        "subset": "_image_data",
        "Batches": "_batches",
        "crops": "_batches",
        "flip_and_crop": "_batches",
        "pipeline": "_pipeline",
        "BENCHMARK": "corruptions",
        "CORRUPTIONS": "corruptions",
        "SEVERITIES": "corruptions",
        "check_corruption": "corruptions",
        "corrupt": "corruptions",
        "CorruptedImages": "_corrupted_images",
        "generated_corruptions": "_corrupted_images",
        "cifar10_c": "_cifar10_c",
        "cifar10_corrupted": "_cifar10_c",
        "tiny_imagenet_c": "_tiny_imagenet_c",
        "CleanPairs": "_clean_pairs",
        "NoPairsError": "_clean_pairs",
        "open_corrupted": "_registry",
    },
)
