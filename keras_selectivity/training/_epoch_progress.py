"""A callback that shows a training in one short line per epoch."""

import time
from typing import Any

import keras

from keras_selectivity._progress import Bar
from keras_selectivity._progress import duration


class EpochProgress(keras.callbacks.Callback):
    """Prints one line per epoch (loss, accuracy, what is regularised, validation accuracy, times), and shows between
    them how far the training is.

    Keras's own progress bar prints every log, which is a line of a thousand characters with those of
    `SelectivityMonitor`. Put this last, and pass `verbose=0` to `fit`:

    ```python
    model.fit(images, labels, epochs=10, verbose=0, callbacks=[ks.SelectivityMonitor(batches), ks.EpochProgress()])
    ```

    Args:
        verbose: 0 shows nothing.
    """

    def __init__(self, verbose: int | str = 1) -> None:
        super().__init__()
        self.verbose = verbose
        self._bar: Bar | None = None
        self._first = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._begun = time.monotonic()
        if self._bar is None:
            self._first, self._start = epoch, self._begun
            steps = self.params.get("steps")
            left = self.params["epochs"] - epoch
            self._bar = Bar(steps and steps * left, "batch", self.verbose)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._bar is not None:
            self._bar.add()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not self.verbose:
            return
        epochs, now = self.params["epochs"], time.monotonic()
        shown = ("loss", "accuracy", getattr(self.model, "metric", "selectivity"), "val_accuracy")
        values = [f"{name} {logs[name]:.3f}" for name in shown if name in (logs or {})]
        times = duration(now - self._begun)
        if epoch + 1 < epochs:
            speed = (now - self._start) / (epoch + 1 - self._first)
            times += f", {duration(speed * (epochs - epoch - 1))} left"
        print("  ".join([f"epoch {epoch + 1:{len(str(epochs))}}/{epochs}", *values, times]), flush=True)

    def on_train_end(self, logs: Any = None) -> None:
        self.close()

    def close(self) -> None:
        """Takes the bar away, also of a training that was stopped by an error."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
