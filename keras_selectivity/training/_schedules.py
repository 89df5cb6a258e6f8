"""How alpha changes over the epochs of a training."""

import numbers
from typing import Any

import keras

from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError

_MOST = 3.4e38  # of float32


def checked_alpha(alpha: Any) -> float:
    """The regulariser scale as a float.

    Raises:
        InputError: It is not a finite number, in float32.
    """
    real = isinstance(alpha, numbers.Real) and not isinstance(alpha, bool)
    if not real or not abs(alpha) <= _MOST:
        raise InputError(
            f"alpha must be a finite number (negative: less selective units). Received: alpha={alpha!r}."
        )
    return float(alpha)


class AlphaSchedule:
    """Alpha as a function of the epoch.

    Subclasses define `__call__` and store their constructor's arguments under the same names.
    """

    def __call__(self, epoch: int) -> float:
        """Alpha during the epoch with this 0-based index."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AlphaSchedule":
        return cls(**config)


@keras.saving.register_keras_serializable(package="keras_selectivity", name="LinearWarmup")
class LinearWarmup(AlphaSchedule):
    """Alpha grows linearly from 0, which it has in the first epoch, and stays.

    ("Selectivity considered harmful", appendix A.16, with five epochs.)

    Args:
        alpha: Final value.
        epochs: Epoch index (0-based) from which on the final value holds.
    """

    def __init__(self, alpha: float, epochs: int) -> None:
        self.alpha = checked_alpha(alpha)
        self.epochs = whole_number("epochs of the warm-up", epochs, 1)

    def __call__(self, epoch: int) -> float:
        return self.alpha * min(1.0, epoch / self.epochs)


@keras.saving.register_keras_serializable(package="keras_selectivity", name="EpochWindow")
class EpochWindow(AlphaSchedule):
    """Alpha inside a window of epochs, 0 outside.

    Args:
        alpha: Value inside the window.
        start: First epoch index (0-based) inside.
        stop: First epoch index after the window; `None` leaves it open.
    """

    def __init__(self, alpha: float, start: int = 0, stop: int | None = None) -> None:
        self.alpha = checked_alpha(alpha)
        self.start = whole_number("start", start, 0)
        self.stop = None if stop is None else whole_number("stop", stop, self.start + 1)

    def __call__(self, epoch: int) -> float:
        inside = epoch >= self.start and (self.stop is None or epoch < self.stop)
        return self.alpha if inside else 0.0


class ApplySchedule(keras.callbacks.Callback):
    """Sets the model's alpha at the start of each epoch."""

    def __init__(self, schedule: AlphaSchedule) -> None:
        super().__init__()
        self.schedule = schedule

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.alpha_variable.assign(checked_alpha(self.schedule(epoch)))
