"""Attacks, corruption, and gradients of a trained network with respect to its input."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
