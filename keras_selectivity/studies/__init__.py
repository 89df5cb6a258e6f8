"""Runs and studies: from a declaration to trained networks and tidy results."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "RunConfig": "_run",
        "execute": "_run",
        "evaluate": "_evaluate",
        "Study": "_study",
        "make_study": "_study",
        "read_study": "_study",
        "read_results": "_study",
        "run_study": "_study",
    },
)
