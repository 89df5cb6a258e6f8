"""The selectivity monitor and the checkpoints of a run."""

import csv
import json

import keras
import numpy as np
import pytest
import reference
from conftest import compiled
from conftest import tiny_network

import keras_selectivity as ks
from keras_selectivity.training import RunCheckpoint
from keras_selectivity.training import load_checkpoint
from keras_selectivity.training import restore

UNITS = [4, 4, 6]


def test_monitor_reaches_history_csv_and_tensorboard(tiny_data, tmp_path):
    images, labels = tiny_data
    batches = [(images[i : i + 20], labels[i : i + 20]) for i in range(0, 48, 20)]
    model = compiled(ks.regularize(tiny_network(), -1.0))
    history = model.fit(
        images, labels, batch_size=24, epochs=2, verbose=0,
        callbacks=[
            ks.SelectivityMonitor(batches),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.TensorBoard(tmp_path / "tensorboard"),
        ],
    ).history  # fmt: skip
    means = np.concatenate([np.asarray(m) for m in model.unit_means(images).values()], axis=1)
    index = reference.selectivity_index(means, labels)
    layers = [part.mean() for part in np.split(index, np.cumsum(UNITS)[:-1])]
    names = [f"val_selectivity/{n}" for n in ("relu_a", "relu_b", "conv_c")]
    np.testing.assert_allclose([history[n][-1] for n in names], layers, atol=1e-6)
    assert history["val_selectivity/mean"][-1] == pytest.approx(np.mean(layers), abs=1e-6)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[1][names[0]]) == pytest.approx(history[names[0]][1], rel=1e-6)
    events = b"".join(file.read_bytes() for file in (tmp_path / "tensorboard").rglob("events*"))
    assert b"epoch_val_selectivity/relu_a" in events or b"epoch_selectivity/relu_a" in events


def test_monitor_records_preferred_classes(tiny_data):
    images, labels = tiny_data
    model = compiled(ks.regularize(tiny_network(), 1.0), learning_rate=0.2)
    kept = []

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            means = np.concatenate([np.asarray(m) for m in self.model.unit_means(images).values()], axis=1)
            kept.append([np.argmax([means[labels == k, u].mean() for k in range(4)]) for u in range(14)])

    monitor = ks.SelectivityMonitor([(images, labels)])
    history = model.fit(images, labels, epochs=5, verbose=0, callbacks=[monitor, Keep()]).history
    np.testing.assert_array_equal(monitor.preferred_classes, kept)
    changed = [0.0, *(np.mean(np.diff(kept, axis=0) != 0, axis=1))]
    np.testing.assert_allclose(history["val_selectivity/preferred_changed"], changed)
    assert max(changed) > 0, "the network must move for this test to tell anything"
    once = [(np.diff(kept[: n + 1], axis=0) != 0).any(axis=0).mean() for n in range(5)]
    np.testing.assert_allclose(history["val_selectivity/preferred_changed_once"], once)
    share, changes = ks.preferred_class_changes(monitor.preferred_classes)
    assert changes.sum() == sum(changed) * 14 and share == (changes > 0).mean()


def test_preferred_class_changes_are_counted():
    share, changes = ks.preferred_class_changes([[0, 1, 2], [0, 2, 2], [0, 1, 3], [0, 1, 2]])
    assert changes.tolist() == [0, 2, 2] and share == 2 / 3


def test_monitor_refuses_a_plain_model(tiny_data):
    with pytest.raises(TypeError, match="needs a SelectivityModel"):
        compiled(tiny_network()).fit(*tiny_data, verbose=0, callbacks=[ks.SelectivityMonitor([tiny_data])])


class Accuracies(keras.callbacks.Callback):
    """Puts given validation accuracies into the logs."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["val_accuracy"] = self.values[epoch]


def test_best_epoch_is_the_earliest_of_the_highest(tiny_data, tmp_path):
    model = compiled(ks.regularize(tiny_network(), -1.0))
    kept = {}

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept[epoch] = self.model.get_weights()

    callbacks = [Accuracies([0.1, 0.5, 0.5, 0.3]), Keep(), RunCheckpoint(tmp_path)]
    model.fit(*tiny_data, batch_size=24, epochs=4, verbose=0, callbacks=callbacks)
    progress = restore(tmp_path)
    assert (progress["epochs"], progress["best_epoch"]) == (4, 1)
    assert progress["history"]["val_accuracy"] == [0.1, 0.5, 0.5, 0.3]
    assert sorted(f.name for f in tmp_path.iterdir()) == [
        "epoch-0002.keras",
        "epoch-0004.keras",
        "progress.json",
    ]
    for name, epoch in ((progress["best"], 1), (progress["last"], 3)):
        loaded = load_checkpoint(tmp_path / name).get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(loaded, kept[epoch], strict=True))


def test_a_diverged_epoch_is_recorded(tiny_data, tmp_path):
    model = compiled(ks.regularize(tiny_network(), -1.0))
    callbacks = [Accuracies([float("nan"), 0.2]), RunCheckpoint(tmp_path)]
    model.fit(*tiny_data, epochs=2, verbose=0, callbacks=callbacks)
    assert restore(tmp_path)["history"]["val_accuracy"] == [None, 0.2]
    assert restore(tmp_path)["best_epoch"] == 1


def test_damaged_records_are_named(tmp_path):
    assert restore(tmp_path) is None
    (tmp_path / "progress.json").write_text('{"epochs": 1')
    with pytest.raises(ks.InputError, match="is damaged"):
        restore(tmp_path)
    record = {
        "epochs": 1,
        "last": "epoch-0001.keras",
        "best": "epoch-0001.keras",
        "best_epoch": 0,
        "history": {},
    }
    (tmp_path / "progress.json").write_text(json.dumps(record))
    with pytest.raises(ks.InputError, match=r"names epoch-0001.keras, which is missing"):
        restore(tmp_path)
    (tmp_path / "epoch-0001.keras").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ks.InputError, match="is damaged"):
        load_checkpoint(tmp_path / "epoch-0001.keras")


def test_a_missing_monitor_is_named(tiny_data, tmp_path):
    with pytest.raises(ks.InputError, match="no log 'val_accuracy'"):
        compiled(ks.regularize(tiny_network(), 0.0)).fit(
            *tiny_data, verbose=0, callbacks=[RunCheckpoint(tmp_path)]
        )
