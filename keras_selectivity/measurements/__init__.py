"""Measurements of trained networks, one file each, and what runs them piece by piece."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
