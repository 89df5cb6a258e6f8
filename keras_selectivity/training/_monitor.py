"""Selectivity of every layer on a whole data set, after every epoch."""

import keras
import numpy as np

from keras_selectivity.selectivity import ClassStatistics
from keras_selectivity.training._selectivity_model import SelectivityModel


class SelectivityMonitor(keras.callbacks.Callback):
    """Adds `val_selectivity/<layer>` and `val_selectivity/mean` to the logs of every epoch.

    Measured in inference mode over the whole data set, so free of the noise floor of a batch. The
    values reach `History`; put the monitor before `keras.callbacks.CSVLogger` and
    `keras.callbacks.TensorBoard` in the list of callbacks and they reach a CSV file and TensorBoard
    as well.

    Args:
        dataset: Iterable of batches `(inputs, integer labels)`, such as a `tf.data.Dataset`, gone
            through once an epoch.
        prefix: Start of the names. Defaults to `"val_selectivity"`.

    Raises:
        TypeError: The model being trained is no `SelectivityModel`.
    """

    def __init__(self, dataset, prefix="val_selectivity"):
        super().__init__()
        self.dataset = dataset
        self.prefix = prefix
        self._unit_means = None

    def on_train_begin(self, logs=None):
        if not isinstance(self.model, SelectivityModel):
            raise TypeError(
                "SelectivityMonitor needs a SelectivityModel (alpha=0 trains as the plain model does). "
                f"Received: {type(self.model).__name__}."
            )
        self._unit_means = compiled(self.model.unit_means)

    def on_epoch_end(self, epoch, logs=None):
        taps = self.model.taps
        statistics = ClassStatistics(self.model.classes, sum(t.units for t in taps))
        # By index, since a keras.utils.PyDataset does not end when it is iterated over.
        indexed = isinstance(self.dataset, keras.utils.PyDataset)
        batches = (self.dataset[i] for i in range(len(self.dataset))) if indexed else self.dataset
        for inputs, labels in batches:
            means = self._unit_means(inputs)
            statistics.update(
                np.concatenate([np.asarray(means[t.name]) for t in taps], axis=1), np.asarray(labels)
            )
        shifted = np.concatenate([np.full(t.units, t.shift) for t in taps])
        units = statistics.selectivity(shifted)
        ends = np.cumsum([t.units for t in taps])
        layers = [float(part.mean()) for part in np.split(units, ends[:-1])]
        for tap, value in zip(taps, layers, strict=True):
            logs[f"{self.prefix}/{tap.name}"] = value
        logs[f"{self.prefix}/mean"] = float(np.mean(layers))


def compiled(function):
    """The function, traced once by the backend where that pays."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, reduce_retracing=True)
