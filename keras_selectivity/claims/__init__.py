"""The papers' claims, checked on tables of results: verdicts, and in what a study departs from the papers' protocol."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
