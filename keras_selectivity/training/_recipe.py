"""The papers' training recipe: optimiser, learning-rate drops and batch size in one value."""

from dataclasses import dataclass
from dataclasses import replace

import keras

from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject
from keras_selectivity.training._optimizer import CoupledSGD


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum, coupled weight decay and a learning rate that drops at given epochs.

    The defaults are those of ResNet20 on CIFAR-10 ("Selectivity considered harmful", appendix A.1).

    Attributes:
        epochs: Number of epochs.
        batch_size: Samples per batch; part of the regulariser's definition, since the index of a
            batch has a noise floor set by the samples per class.
        learning_rate: Initial learning rate.
        milestones: 0-based epoch indices at whose start the learning rate is divided by ten.
        momentum: Momentum of SGD.
        l2: Weight decay as an L2 term in the gradient of every trainable variable.
        pad: Padding of the flip-and-crop augmentation in pixels; 0 trains without augmentation.
    """

    epochs: int = 200
    batch_size: int = 256
    learning_rate: float = 0.1
    milestones: tuple[int, ...] = (100, 150)
    momentum: float = 0.9
    l2: float = 1e-4
    pad: int = 4

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2:
            raise InputError(
                "A training needs at least one epoch and two samples per batch. "
                f"Received: epochs={self.epochs}, batch_size={self.batch_size}."
            )

    def shortened(self, epochs: int) -> "Recipe":
        """The same recipe in fewer (or more) epochs, its milestones scaled in proportion."""
        scale = epochs / self.epochs
        return replace(self, epochs=epochs, milestones=tuple(round(m * scale) for m in self.milestones))

    def optimizer(self) -> CoupledSGD:
        """A fresh `CoupledSGD`."""
        return CoupledSGD(self.learning_rate, momentum=self.momentum, l2=self.l2)

    def learning_rate_at(self, epoch: int) -> float:
        """Learning rate during the epoch with this 0-based index."""
        return self.learning_rate * 0.1 ** sum(epoch >= m for m in self.milestones)

    def callback(self) -> KerasObject:
        """The callback that sets the learning rate."""
        return keras.callbacks.LearningRateScheduler(lambda epoch, _: self.learning_rate_at(epoch))
