"""Figures and pages drawn from tidy results."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "write_page": "_page",
        "table": "_page",
        "layer_table": "_page",
        "draw": "_figures",
        "kinds": "_figures",
    },
)
