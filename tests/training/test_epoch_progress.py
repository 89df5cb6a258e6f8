"""A training is shown in one short line per epoch."""

import re

import pytest
from conftest import compiled
from conftest import tiny_network

import keras_selectivity as ks


@pytest.fixture
def regularized():
    return compiled(ks.regularize(tiny_network(), -1.0))


def fit(model, data, epochs, verbose=1, initial_epoch=0):
    callbacks = [ks.SelectivityMonitor([data]), ks.EpochProgress(verbose)]
    return model.fit(
        *data,
        validation_data=data,
        epochs=epochs,
        initial_epoch=initial_epoch,
        verbose=0,
        callbacks=callbacks,
    )


@pytest.mark.parametrize("metric", ["selectivity", "discriminability"])
def test_an_epoch_is_a_line_of_its_logs(metric, tiny_data, capsys):
    history = fit(compiled(ks.regularize(tiny_network(), -1.0, metric=metric)), tiny_data, 2).history
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all(len(line) <= 100 for line in lines)
    assert any("/" in name for name in history)  # the monitor's logs, which are not shown
    for number, line in enumerate(lines):
        shown = dict(re.findall(r"(\w+) (\d+\.\d{3})\b", line))
        assert list(shown) == ["loss", "accuracy", metric, "val_accuracy"]
        for name, value in shown.items():
            assert float(value) == round(history[name][number], 3)
    assert lines[0].startswith("epoch 1/2") and lines[0].endswith(" left") and lines[1].endswith(" s")


def test_a_resumed_training_counts_from_where_it_was(regularized, tiny_data, capsys):
    fit(regularized, tiny_data, 12, initial_epoch=10)
    assert [line[:11] for line in capsys.readouterr().out.splitlines()] == ["epoch 11/12", "epoch 12/12"]


def test_nothing_is_shown_when_nothing_is_wanted(regularized, tiny_data, capsys):
    fit(regularized, tiny_data, 1, verbose=0)
    assert capsys.readouterr() == ("", "")
