"""The conformance check passes what conforms and names what does not."""

import subprocess
import sys

import keras
import pytest
from conftest import tiny_network

import keras_selectivity as ks
from keras_selectivity.testing import check_model


def test_a_network_that_conforms():
    network = tiny_network()
    before = network.get_weights()
    checks = {check.name: check for check in check_model(network)}
    assert [checks[n].outcome for n in ("layers", "training", "saving", "export")] == ["passed"] * 4
    assert "3 layers, 14 units, 4 classes" in str(checks["layers"])
    assert all((a == b).all() for a, b in zip(before, network.get_weights(), strict=True))


def test_a_network_of_probabilities():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, activation="relu")(inputs))
    network = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    assert {check.outcome for check in check_model(network)} <= {"passed", "skipped"}


def _with_head(x, inputs, classes=3, end=None):
    scores = keras.layers.Dense(classes)(keras.layers.Dense(6, activation="relu")(x))
    return keras.Model(inputs, end(scores) if end else scores)


def _features(classes=3, end=None):
    x = keras.Input((5,))
    return _with_head(x, x, classes, end)


def _tokens(mask=False):
    x = keras.Input((6,), dtype="int32")
    return _with_head(
        keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(9, 4, mask_zero=mask)(x)), x
    )


def _two_inputs():
    a, b = keras.Input((5,), name="a"), keras.Input((3,), name="b")
    return _with_head(keras.layers.Concatenate()([a, b]), {"a": a, "b": b})


@pytest.mark.parametrize(
    ("build", "attacked"),
    [
        (_features, True),
        (lambda: _features(1), True),
        (lambda: _features(1, keras.layers.Activation("sigmoid")), True),
        (_tokens, False),
        (_two_inputs, False),
    ],
)
def test_networks_of_other_inputs_and_heads(build, attacked):
    found = check_model(build())
    outcomes = {check.name: check.outcome for check in found}
    assert [outcomes[name] for name in ("layers", "training", "saving", "export")] == ["passed"] * 4
    assert outcomes["attack"] == ("passed" if attacked else "skipped")
    table = str(found)
    assert (
        table.startswith("| check | outcome | detail |") and "| export | passed | mean selectivity" in table
    )
    assert f"keras {keras.__version__}" in table and str(found.report) in table


def test_faults_are_named():
    inputs = keras.Input((8, 8, 3))
    linear = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))
    with pytest.raises(
        AssertionError, match=r"does not conform:\nfailed   layers: InputError: .*no non-linearity"
    ):
        check_model(linear)
    frozen = tiny_network()
    frozen.trainable = False
    with pytest.raises(AssertionError, match="failed   training"):
        check_model(frozen)


@pytest.mark.slow
def test_two_replicas_are_compared_where_there_are_two_devices():
    code = """
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from conftest import tiny_network
from keras_selectivity.testing import check_model
print(check_model(tiny_network(normalised=False))[-1])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=__file__.rpartition("/")[0]
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "passed   replicas: weights of one replica and of two differ by at most" in done.stdout


def test_it_is_a_public_room():
    assert ks.testing.check_model is check_model
