"""Tables of results: columns, files, what grows piece by piece, selecting, and statistics of what was selected."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
