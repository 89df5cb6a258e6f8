"""One replica and N replicas on the same global batch must take the same step."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from conftest import compiled
from conftest import tiny_network

import keras_selectivity as ks
from keras_selectivity.training import distribute
from keras_selectivity.training._replicas import check_fit

WORKER = Path(__file__).with_name("replicas_worker.py")


VARIANTS = ("plain", "weighted", "leaky", "discriminability", "parts", "in place")
NORMS = ("keras norm", "fused norm")


def start(replicas, folder, *variants, **environment):
    # A process for each number of replicas: logical devices are fixed at start, and two strategies in one
    # process collide.
    folder.mkdir()
    environment = {
        "PYTHONPATH": os.pathsep.join([str(WORKER.parents[1]), os.environ["PYTHONPATH"]]),
        "PATH": "",
        "CUDA_VISIBLE_DEVICES": "",
        **environment,
    }
    command = [sys.executable, WORKER, str(replicas), folder, *variants]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process):
    error = process.communicate(timeout=500)[1]
    assert process.returncode == 0, error[-3000:]


def assert_equal(one, many, variant):
    with np.load(one / f"{variant}.npz") as expected, np.load(many / f"{variant}.npz") as found:
        for name in expected:
            if variant == "weighted" and not name.startswith("w"):
                continue  # Keras averages weighted losses replica by replica
            atol = 1e-6 if name.startswith("w") else 1e-5
            np.testing.assert_allclose(found[name], expected[name], atol=atol, err_msg=name)


@pytest.fixture(scope="module", name="trained")
def _trained(tmp_path_factory):
    """A folder with what came out by number of replicas: of one device, of two, of four."""
    folder = tmp_path_factory.mktemp("replicas")
    for replicas, variants in ((0, VARIANTS), (2, VARIANTS + NORMS), (4, ["plain"])):
        finish(start(replicas, folder / str(replicas), *variants))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "replicas"), [*((v, 2) for v in VARIANTS), ("plain", 4)])
def test_replicas_take_the_step_of_one_device(trained, variant, replicas):
    assert_equal(trained / "0", trained / str(replicas), variant)


@pytest.mark.slow
def test_fused_batch_norm_on_replicas_is_that_of_keras(trained):
    """Each replica normalises its own part; weights and running statistics are Keras's."""
    with (
        np.load(trained / "2" / "keras norm.npz") as theirs,
        np.load(trained / "2" / "fused norm.npz") as ours,
    ):
        for name in theirs:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_two_processes_take_the_step_of_one(trained, tmp_path):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for opened in sockets:
        opened.close()
    workers = []
    for index in range(2):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        workers.append(start(0, tmp_path / str(index), "plain", TF_CONFIG=json.dumps(task)))
    for index, worker in enumerate(workers):
        finish(worker)
        assert_equal(trained / "0", tmp_path / str(index), "plain")


def test_strategies_by_name(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ks.InputError, match="Unknown strategy 'horovod'"):
        distribute("horovod")
    with pytest.raises(ks.InputError, match="needs TF_CONFIG"):
        distribute("multiworker")
    assert distribute(None)[1:] == (1, 0)


def fake(model, replicas):
    """The model as the check sees it on a strategy of that many replicas."""
    return SimpleNamespace(
        distribute_strategy=SimpleNamespace(num_replicas_in_sync=replicas),
        jit_compile=model.jit_compile,
        steps_per_execution=model.steps_per_execution,
    )


@pytest.fixture(name="model", scope="module")
def _model():
    return compiled(ks.regularize(tiny_network(), -1.0))


def dataset(count, batch, drop):
    return tf.data.Dataset.from_tensor_slices((np.zeros((count, 2)), np.zeros(count))).batch(batch, drop)


@pytest.mark.parametrize(
    ("x", "y", "batch_size", "message"),
    [
        (np.zeros((48, 2)), np.zeros(48), 15, "48 samples in batches of 15 leave 3"),
        (np.zeros((45, 2)), np.zeros(45), 15, "batch size other than 15"),
        (dataset(48, 16, False), None, None, "drop_remainder=True"),
        (dataset(48, 15, True), None, None, "batch size other than 15"),
    ],
)
def test_a_batch_that_does_not_fit_the_replicas(model, x, y, batch_size, message):
    with pytest.raises(ks.InputError, match=message):
        check_fit(fake(model, 2), x, y, batch_size)
    check_fit(fake(model, 1), x, y, batch_size)


def test_a_batch_that_fits(model):
    check_fit(fake(model, 2), np.zeros((48, 2)), np.zeros(48), 16)
    assert check_fit(fake(model, 2), dataset(48, 16, True), None, None) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [({"jit_compile": True}, "cannot jit-compile"), ({"steps_per_execution": 4}, "steps_per_execution=4")],
)
def test_options_that_keras_cannot_run_on_replicas(options, message):
    model = compiled(ks.regularize(tiny_network(), -1.0), **options)
    with pytest.raises(ks.InputError, match=message):
        check_fit(fake(model, 2), np.zeros((48, 2)), np.zeros(48), 16)
