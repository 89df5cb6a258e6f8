"""Image data sets: embedded shapes, CIFAR-10, their corrupted versions, splits and augmented batches."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
