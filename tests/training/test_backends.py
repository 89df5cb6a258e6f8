"""JAX takes the steps that TensorFlow takes, and its files are read on TensorFlow."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import tiny_network

import keras_selectivity as ks

TESTS = Path(__file__).parents[1]


def environment(backend, **more):
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    return {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu", **more}


@pytest.fixture(scope="module", name="found")
def _found(tmp_path_factory, tiny_data):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("needs JAX")
    folder, (images, labels) = tmp_path_factory.mktemp("backends"), tiny_data
    weights = {f"w{i}": w for i, w in enumerate(tiny_network(seed=4).get_weights())}
    sample_weight = np.random.default_rng(1).integers(0, 3, len(labels)).astype("float32")
    np.savez(folder / "in.npz", images=images, labels=labels, sample_weight=sample_weight, **weights)
    worker = Path(__file__).with_name("backend_worker.py")
    running = {
        backend: subprocess.Popen(
            [sys.executable, worker, folder / "in.npz", folder / f"{backend}.npz"], env=environment(backend)
        )
        for backend in ("tensorflow", "jax")
    }
    assert [process.wait() for process in running.values()] == [0, 0]
    return {backend: dict(np.load(folder / f"{backend}.npz")) for backend in running}, folder


def differences(found, kind):
    """Largest difference by name, relative to the largest value where that is above 1."""
    ours, other = found[0]["tensorflow"], found[0]["jax"]
    assert ours.keys() == other.keys()
    return {
        name: np.abs(ours[name] - other[name]).max() / max(1, np.abs(ours[name]).max())
        for name in ours
        if f"/{kind}/" in name
    }


@pytest.mark.parametrize(
    ("kind", "tolerance"), [("first", 1e-5), ("gradient", 1e-5), ("history", 1e-4), ("weights", 1e-4)]
)
def test_both_backends_take_the_same_steps(found, kind, tolerance):
    differences_found = differences(found, kind)
    assert len(differences_found) > 20
    assert {name: value for name, value in differences_found.items() if not value < tolerance} == {}


def test_a_file_of_jax_is_read_on_tensorflow(found, tiny_data, tmp_path):
    model = keras.saving.load_model(found[1] / "jax.npz.keras")
    outputs = np.asarray(model.network(tiny_data[0], training=False))
    np.testing.assert_allclose(outputs, found[0]["jax"]["outputs"], atol=1e-5)
    ks.export(model, tmp_path / "exported")
    exported = ks.load(tmp_path / "exported")
    np.testing.assert_allclose(exported.logits(tiny_data[0]), outputs, atol=1e-5)
    assert exported.run["alpha"] == -2.0
