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
    assert "3 rectifiers, 14 units, 4 classes" in str(checks["layers"])
    assert all((a == b).all() for a, b in zip(before, network.get_weights(), strict=True))


def test_a_network_of_probabilities():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, activation="relu")(inputs))
    network = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    assert {check.outcome for check in check_model(network)} <= {"passed", "skipped"}


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
