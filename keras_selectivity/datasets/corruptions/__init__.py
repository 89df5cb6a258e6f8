"""The 19 natural corruptions of CIFAR-10-C and Tiny ImageNet-C."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
