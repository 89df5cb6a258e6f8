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
from keras_selectivity import _run_file
from keras_selectivity import datasets
from keras_selectivity.cli import main
from keras_selectivity.results import read

TESTS = Path(__file__).parents[1]


def environment(backend, **more):
    path = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ["PYTHONPATH"]])
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "tolerance"), [("first", 1e-5), ("gradient", 1e-5), ("history", 1e-4), ("weights", 1e-4)]
)
def test_both_backends_take_the_same_steps(found, kind, tolerance):
    differences_found = differences(found, kind)
    assert len(differences_found) > 20
    assert {name: value for name, value in differences_found.items() if not value < tolerance} == {}


@pytest.mark.slow
def test_a_file_of_jax_is_read_on_tensorflow(found, tiny_data, tmp_path):
    model = keras.saving.load_model(found[1] / "jax.npz.keras")
    outputs = np.asarray(model.network(tiny_data[0], training=False))
    np.testing.assert_allclose(outputs, found[0]["jax"]["outputs"], atol=1e-5)
    ks.export(model, tmp_path / "exported")
    exported = ks.load(tmp_path / "exported")
    np.testing.assert_allclose(exported.logits(tiny_data[0]), outputs, atol=1e-5)
    assert exported.run["alpha"] == -2.0


def on_jax(*arguments):
    """The command line on JAX, without TensorFlow."""
    script = Path(__file__).with_name("without_tensorflow.py")
    return subprocess.run(
        [sys.executable, script, *map(str, arguments)], env=environment("jax"), capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_study_is_trained_without_tensorflow_and_measured_with_it(tmp_path):
    study = tmp_path / "study.toml"
    study.write_text("""
[study]
name = "tiny"
title = "t"
description = "d"
[grid]
alphas = [-1.0]
seeds = [3]
[run]
dataset = "shapes"
network = "tiny"
epochs = 2
batch_size = 50
train_samples = 100
validation_per_class = 5
[evaluation]
limit = 50
""")
    runs = tmp_path / "runs"
    found = on_jax("study", "run", study, "--runs", runs)
    assert found.returncode == 0, found.stderr
    assert "alpha-1_seed3: trained" in found.stdout
    run = runs / "alpha-1_seed3"
    assert {path.name for path in run.iterdir()} == {"config.json", "run.keras"}

    record = _run_file.read_record(run / "run.keras")
    assert record["protocol"]["alpha"] == -1.0 and record["protocol"]["trained_on_backend"] == "jax"
    assert len(record["history"]["val_selectivity/mean"]) == 2
    trained = keras.saving.load_model(run / "run.keras")
    assert main(["study", "run", str(study), "--runs", str(runs), "--output", str(tmp_path / "r.csv")]) == 0
    exported = ks.load(run / "model")
    assert exported.run["seed"] == 3 and exported.run["history"] == record["history"]
    test = datasets.load("shapes").test.take(np.arange(50))
    expected = np.asarray(trained.network(test.images / np.float32(255), training=False))
    np.testing.assert_allclose(exported.logits(test.images / np.float32(255)), expected, atol=1e-5)
    rows = [
        row
        for row in read(tmp_path / "r.csv").to_dicts()
        if row["measure"] == "accuracy" and row["epoch"] is None
    ]
    assert len(rows) == 1 and rows[0]["samples"] == 50


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is damaged"), (b"PK\x03\x04 not a zip", "is damaged"), (None, "is not a .keras file")],
)
def test_damaged_files_are_named(tmp_path, content, message, capsys):
    path = tmp_path / "run.keras"
    if content is not None:
        path.write_bytes(content)
    assert main(["export", str(path)]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_what_jax_does_not_do_is_said(tmp_path):
    found = on_jax("train", "--dataset", "shapes", "--network", "tiny", "--alpha", 0, "--strategy", "mirrored",
                   "--validation-per-class", 5, "--output", tmp_path / "a")  # fmt: skip
    assert found.returncode == 2 and "needs the TensorFlow backend" in found.stderr
    found = on_jax(
        "train", "--dataset", "cifar10", "--data-dir", tmp_path, "--alpha", 0, "--output", tmp_path / "a"
    )
    assert found.returncode == 2 and "cifar10.npz" in found.stderr, found.stderr
    found = on_jax("export", tmp_path / "run.keras")
    assert found.returncode == 2 and "not a .keras file" in found.stderr
