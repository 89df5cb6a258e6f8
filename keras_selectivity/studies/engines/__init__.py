"""Where the runs of a study are done: in this process, in several, on a Ray cluster, or many in one program."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
