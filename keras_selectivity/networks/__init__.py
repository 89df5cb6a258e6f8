"""The papers' networks and two of today's: plain Keras models from pixels in [0, 1] to logits."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
