"""What measurements of some layers have in common."""

from typing import TYPE_CHECKING

from keras_selectivity._settings import Several
from keras_selectivity._settings import Text
from keras_selectivity.measurements._measurement import Measurement

if TYPE_CHECKING:
    from keras_selectivity.measurements._context import Context


class Layered(Measurement):
    """A measurement of some layers."""

    layers: Several[Text] | None = None
    """Names of layers; all if left out."""

    def check_layers(self, context: "Context") -> None:
        """Refuses layers that a network does not have.

        Raises:
            InputError: With those that it has.
        """
        for network in context.networks.values() if self.layers is not None else ():
            network.layers(self.layers)
