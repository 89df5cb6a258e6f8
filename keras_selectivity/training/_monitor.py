"""What is measured on whole data sets after every epoch."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_selectivity._errors import InputError
from keras_selectivity._types import Array
from keras_selectivity._types import StrPath
from keras_selectivity._types import Tensor
from keras_selectivity.selectivity import ClassStatistics
from keras_selectivity.training._data_checks import check_data
from keras_selectivity.training._instrument import Tapped
from keras_selectivity.training._selectivity_model import SelectivityModel

_BATCH = 256


class SelectivityMonitor(keras.callbacks.Callback):
    """Adds selectivity and changes of the preferred class to the logs of every epoch.

    The logs are `val_selectivity/<layer>`, `val_selectivity/mean`, and, of the units whose preferred
    class is another than after the epoch before, `val_selectivity/preferred_changed`, their share (0 in
    the first epoch), and `val_selectivity/preferred_changed_once`, the share of units that have been
    among them at least once so far ("Selectivity considered harmful", appendix A.16).

    Measured in inference mode over the whole data set, so free of the noise floor of a batch. The
    values reach `History`; put the monitor before `keras.callbacks.CSVLogger` and
    `keras.callbacks.TensorBoard` in the list of callbacks and they reach a CSV file and TensorBoard
    as well.

    Args:
        dataset: What `keras.Model.evaluate` takes: `(inputs, labels)` as a tuple of two arrays, a
            `tf.data.Dataset` or another iterable of such batches, gone through once an epoch. Labels are
            integers or one-hot rows; sample weights do not count.
        prefix: Start of the names. Defaults to `"val_selectivity"`.
        preferred_classes: What a resumed training had recorded. Defaults to nothing.

    Attributes:
        preferred_classes: A `(units,)` int array for each epoch of this training, all layers in
            order.

    Raises:
        TypeError: The model being trained is not a `SelectivityModel`.
        InputError: The data set is empty, or its labels are none of the network's classes.
    """

    def __init__(self, dataset: Any, prefix: str = "val_selectivity", preferred_classes: Any = ()) -> None:
        super().__init__()
        self.dataset = dataset
        self.prefix = prefix
        self._before = preferred_classes
        self.preferred_classes: list[Any] = []
        self._unit_means: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        self.preferred_classes = list(self._before)
        if not isinstance(self.model, SelectivityModel):
            raise TypeError(
                "SelectivityMonitor needs a SelectivityModel (alpha=0 trains as the plain model does). "
                f"Received: {type(self.model).__name__}."
            )
        self._unit_means = self.model.compiled_unit_means()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        names = [tap.name for tap in self.model.taps]

        def means(inputs: Tensor) -> Array:
            found = self._unit_means(inputs)
            return np.concatenate([np.asarray(found[name]) for name in names], axis=1)

        measured = ((means(inputs), self._integers(labels)) for inputs, labels in self._batches())
        found = monitored(self.model.taps, self.model.classes, measured, self.preferred_classes)
        logs.update({f"{self.prefix}/{name}": value for name, value in found.items()})

    def _batches(self) -> Iterator[Any]:
        data = self.dataset
        if isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], (tuple, list)):
            count = len(data[1])
            data = [tuple(part[i : i + _BATCH] for part in data) for i in range(0, count, _BATCH)]
        # By index, since a keras.utils.PyDataset does not end when it is iterated over.
        indexed = isinstance(data, keras.utils.PyDataset)
        empty = True
        for batch in (data[i] for i in range(len(data))) if indexed else data:
            inputs, labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
            if labels is None:
                raise InputError(
                    "SelectivityMonitor needs batches of inputs and labels; there are no labels."
                )
            empty = False
            yield inputs, labels
        if empty:
            raise InputError(
                "The data set given to SelectivityMonitor is empty. It is gone through after each epoch, so a "
                "generator, which ends once, does not do: pass arrays, a list of batches or a tf.data.Dataset."
            )

    def _integers(self, labels: Any) -> Array:
        labels = np.asarray(labels)
        check_data(self.model, None, labels)
        one_hot = labels.ndim == 2 and labels.shape[1] == self.model.classes
        return labels.argmax(axis=1) if one_hot else labels.reshape(-1).astype(int)


def monitored(
    taps: Sequence[Tapped], classes: int, batches: Iterable[tuple[Array, Array]], preferred_classes: Any
) -> dict[str, float]:
    """What `SelectivityMonitor` adds to the logs of an epoch, without its prefix.

    Args:
        taps: The `Tapped` layers.
        classes: Number of classes.
        batches: Iterable of `(unit means, integer labels)`, the units of all layers side by side.
        preferred_classes: List of each epoch's preferred classes so far, to which this epoch's are added.

    Returns:
        Dict, name -> float.
    """
    statistics = ClassStatistics(classes, sum(tap.units for tap in taps))
    for means, labels in batches:
        statistics.update(means, np.asarray(labels))
    units = statistics.selectivity(np.concatenate([np.full(tap.units, tap.shift) for tap in taps]))
    layers = np.split(units, np.cumsum([tap.units for tap in taps])[:-1])
    found = {tap.name: float(part.mean()) for tap, part in zip(taps, layers, strict=True)}
    found["mean"] = float(np.mean(list(found.values())))
    preferred_classes.append(statistics.preferred_class)
    changed = np.diff(preferred_classes[-2:], axis=0) != 0
    # A log must be there in every epoch: CSV files take their columns from the first.
    found["preferred_changed"] = float(changed.mean()) if changed.size else 0.0
    found["preferred_changed_once"] = preferred_class_changes(preferred_classes)[0]
    return found


class AccuracyMonitor(keras.callbacks.Callback):
    """Adds the accuracy on one more data set to the logs of every epoch.

    Args:
        dataset: What `keras.Model.evaluate` takes.
        log: Name of the log. Defaults to `"test_accuracy"`.
    """

    def __init__(self, dataset: Any, log: str = "test_accuracy") -> None:
        super().__init__()
        self.dataset = dataset
        self.log = log

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs[self.log] = self.model.evaluate(self.dataset, verbose=0, return_dict=True)["accuracy"]


def tensorboard_logs(folder: StrPath | None, name: str, hyperparameters: dict[str, Any]) -> list[Any]:
    """Callbacks that log a run for TensorBoard, with its settings for the HParams plug-in.

    Args:
        folder: Folder of all runs' logs, or `None` for no logs.
        name: Name of the run.
        hyperparameters: Dict of settings; those that are numbers, texts or booleans are shown.

    Returns:
        A list of callbacks; put them after those that add to the logs.

    Raises:
        InputError: TensorBoard is not installed.
    """
    if folder is None:
        return []
    try:
        from tensorboard.plugins.hparams import api as hparams
    except ImportError:
        raise InputError(
            "TensorBoard is not installed: pip install 'keras_selectivity[tensorboard]'."
        ) from None
    import tensorflow as tf

    path = str(Path(folder) / name)
    shown = {k: v for k, v in hyperparameters.items() if isinstance(v, int | float | str)}
    with tf.summary.create_file_writer(path).as_default():
        hparams.hparams(shown, trial_id=name)
    return [keras.callbacks.TensorBoard(path, write_graph=False)]


def preferred_class_changes(preferred_classes: Any) -> tuple[float, Array]:
    """How often units change their preferred class over training.

    ("Selectivity considered harmful", appendix A.16, Figures A28 and A29.)

    Args:
        preferred_classes: `(epochs, units)` integers, such as `SelectivityMonitor.preferred_classes`.

    Returns:
        `(share, changes)`: the share of units that change at least once, and `(units,)` the number
        of changes between consecutive epochs.
    """
    changes = (np.diff(np.asarray(preferred_classes), axis=0) != 0).sum(axis=0)
    return float((changes > 0).mean()), changes
