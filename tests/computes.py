"""A layer for tests of what networks compute where no layer of Keras's shows it."""

from keras import layers


class Computes(layers.Layer):
    """Computes a function inside its `call`."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return self.function(x)

    def get_config(self):
        return {**super().get_config(), "function": self.function}
