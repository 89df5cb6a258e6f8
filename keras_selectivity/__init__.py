"""Class-selectivity regularisation and analysis for Keras classifiers."""

import lazy_loader

from keras_selectivity._registration import register

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

register()
