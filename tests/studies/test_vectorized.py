"""Replicates trained in one JAX program learn what they learn alone, and survive being stopped."""

import importlib.util
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import keras_selectivity as ks
from keras_selectivity import _run_file
from keras_selectivity.results import read
from keras_selectivity.studies import RunsFolder
from keras_selectivity.studies import read_study
from keras_selectivity.studies import run_study
from keras_selectivity.studies.engines import Vectorized
from keras_selectivity.studies.engines import _vectorized
from keras_selectivity.studies.engines._vectorized import _Group
from keras_selectivity.studies.engines._vectorized import _groups

STUDY = """
[study]
name = "tiny"
title = "t"
description = "d"
[grid]
alphas = [-2.0, 0.0]
seeds = [0, 5]
[run]
dataset = "shapes"
network = "tiny"
epochs = 3
milestones = [2]
learning_rate = 0.003
batch_size = 40
train_samples = 100
validation_per_class = 5
warmup_epochs = 2
"""
RUNS = ["alpha-2_seed0", "alpha+0_seed5"]  # also trained alone

pytestmark = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs JAX")


def on_jax(study, runs, *more, **variables):
    command = [sys.executable, "-m", "keras_selectivity", "study", "run", study, "--runs", runs, *more]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"  # else so small a program is not kept
    return subprocess.run(
        [str(c) for c in command], env=environment | variables, capture_output=True, text=True
    )


def compiled(folder):
    """Where the programs of the study that is trained together are kept."""
    return folder / "together" / "_state" / "compiled"


@pytest.fixture(scope="module", name="trained")
def _trained(tmp_path_factory):
    """The study trained together in pieces, and the same runs trained alone."""
    folder = tmp_path_factory.mktemp("together")
    study = folder / "study.toml"
    study.write_text(STUDY)
    # No time at all: an epoch for each start.
    stopped = on_jax(study, folder / "together", "--together", 4, "--minutes", 0.0001)
    assert stopped.returncode == 0, stopped.stderr
    whole = on_jax(study, folder / "together", "--together", 4)
    assert whole.returncode == 0, whole.stderr
    cache = {"JAX_COMPILATION_CACHE_DIR": str(compiled(folder))}
    alone = on_jax(study, folder / "alone", "--only", ",".join(RUNS), **cache)
    assert alone.returncode == 0, alone.stderr
    return folder, stopped.stdout, whole.stdout


@pytest.mark.slow
def test_stopped_in_time_and_went_on(trained):
    _, stopped, whole = trained
    assert "1/3 epochs are done; the time is over" in stopped and "0 of 4 runs are trained" in stopped
    assert "epoch 1/3" in stopped and "epoch 2/3" not in stopped
    assert "epoch 2/3" in whole and "epoch 1/3" not in whole
    assert "4 of 4 runs are trained" in whole
    assert not list((trained[0] / "together" / "_state").glob("together-*.npz"))
    assert list(compiled(trained[0]).glob("jit_train_steps-*"))


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_a_run_learns_what_it_learns_alone(trained, run):
    files = [trained[0] / way / run / "run.keras" for way in ("together", "alone")]
    models = [keras.saving.load_model(file) for file in files]
    for found, expected in zip(*(model.weights for model in models), strict=True):
        if "seed_generator" not in found.path:
            np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=found.path)
    together, alone = map(_run_file.read_record, files)
    assert together["protocol"] == alone["protocol"] and together["seed"] == alone["seed"]
    assert together["history"].keys() == alone["history"].keys()
    for log, values in alone["history"].items():
        # An image whose two best classes are nearly equal may fall on either side.
        tolerance = 0.021 if "accuracy" in log or "preferred" in log else 5e-4
        np.testing.assert_allclose(together["history"][log], values, atol=tolerance, err_msg=log)
    assert models[0].get_config()["alpha"] == models[1].get_config()["alpha"]


@pytest.mark.slow
def test_what_jax_has_trained_a_fresh_process_exports_and_measures(trained, tmp_path):
    def keras_selectivity(*command):
        command = [sys.executable, "-m", "keras_selectivity", *map(str, command)]
        return subprocess.run(command, capture_output=True, text=True)

    study, runs = trained[0] / "study.toml", tmp_path / "runs"
    shutil.copytree(trained[0] / "together", runs)
    found = keras_selectivity("export", runs / RUNS[0] / "run.keras", "--output", tmp_path / "model")
    assert found.returncode == 0, found.stderr
    found = keras_selectivity(
        "evaluate", tmp_path / "model", runs / RUNS[1] / "run.keras", "--dataset", "shapes", "--limit", "50"
    )
    assert found.returncode == 0 and found.stdout.count("run.keras"), found.stderr
    found = keras_selectivity("study", "run", study, "--runs", runs, "--output", tmp_path / "results.csv")
    assert found.returncode == 0, found.stderr
    assert {row["model"] for row in read(tmp_path / "results.csv").to_dicts()} == set(read_study(study).runs)
    assert {row["state"] for row in RunsFolder(runs).status(read_study(study))} == {"done"}


def test_a_damaged_checkpoint_is_set_aside(tmp_path, caplog):
    (tmp_path / "study.toml").write_text(STUDY)
    study = read_study(tmp_path / "study.toml")
    group = _Group(study, RunsFolder(tmp_path / "runs"), list(study.runs), None, 0)
    group.path.parent.mkdir(parents=True)
    np.savez(group.path, best=np.zeros(4))
    for content in (group.path.read_bytes(), group.path.read_bytes()[:100], b""):
        group.path.write_bytes(content)
        assert group._restore(SimpleNamespace(state=([0], [0], [0])))["epochs"] == 0
        assert "is damaged" in caplog.text and not group.path.exists()
        caplog.clear()
    assert len(list(group.path.parent.glob("*.damaged-?"))) == 3


def test_runs_go_together_if_seed_and_alpha_alone_differ(tmp_path):
    (tmp_path / "study.toml").write_text(
        STUDY + "[[arms]]\nname = 'b'\nmetric = 'discriminability'\nalphas = [1.0]\n"
    )
    study = read_study(tmp_path / "study.toml")
    assert _groups(study, list(study.runs), 3) == [
        ["alpha-2_seed0", "alpha+0_seed0", "alpha-2_seed5"], ["alpha+0_seed5"], ["b_alpha+1_seed0", "b_alpha+1_seed5"]
    ]  # fmt: skip


def test_a_run_that_somebody_trains_alone_is_not_trained_together(tmp_path, monkeypatch, capsys):
    """Nor is one that is trained together begun alone."""
    import jax

    (tmp_path / "study.toml").write_text(STUDY)
    study, folder = read_study(tmp_path / "study.toml"), RunsFolder(tmp_path / "runs")
    folder.register(study)
    done, *others = study.runs
    (folder.path / done).mkdir()
    (folder.path / done / "run.keras").touch()
    trained = []

    class Group:
        def __init__(self, study, folder, names, *_):
            self.names, self.path = names, folder.path / "_state" / "together.npz"

        def train(self, deadline):
            trained.append([name for name in self.names if RunsFolder(folder.path).is_busy(name)])

    monkeypatch.setattr(_vectorized, "_Group", Group)
    monkeypatch.setattr(_vectorized, "on_tensorflow", lambda: False)
    monkeypatch.setattr(jax.config, "update", lambda *_: None)
    with folder.lock(others[1]):
        Vectorized(folder, together=4, verbose=0).run(study, list(study.runs))
    assert not trained and "another process works on them" in capsys.readouterr().out
    with folder.lock(done):  # which is measured, perhaps
        Vectorized(folder, together=4, verbose=0).run(study, list(study.runs))
    assert trained == [[done, *others]]
    assert not any(folder.is_busy(name) for name in study.runs)


@pytest.mark.slow
def test_what_cannot_be_trained_together_is_refused(tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(STUDY.replace("warmup_epochs = 2", 'method = "augmix"'))
    found = on_jax(study, tmp_path / "runs", "--together", 2)
    assert found.returncode == 2 and "train it alone, without --together" in found.stderr
    with pytest.raises(ks.InputError, match="KERAS_BACKEND=jax"):
        run_study(read_study(study), Vectorized(tmp_path / "runs", together=2), tmp_path)


@pytest.mark.slow
def test_a_run_that_diverges_fails_with_the_epoch(trained, tmp_path):
    study, cache = tmp_path / "study.toml", compiled(trained[0])
    study.write_text(STUDY.replace("0.003", "1e6").replace("epochs = 3\nmilestones = [2]", "epochs = 1"))
    programs = {path.name for path in cache.glob("jit_train_steps-*")}
    for _ in range(2):  # the second start trains nothing again
        done = on_jax(study, tmp_path / "runs", "--together", 4, JAX_COMPILATION_CACHE_DIR=str(cache))
        assert done.returncode == 1, done.stderr
        lines = [line for line in done.stderr.splitlines() if line.startswith("alpha")]
        assert len(lines) == 4 and all("failed" in line and "diverged in epoch" in line for line in lines)
        assert "Traceback" not in done.stderr
    # A cache of the user's own is taken, and what is compiled does not depend on the learning rate.
    assert not (tmp_path / "runs" / "_state" / "compiled").exists()
    assert {path.name for path in cache.glob("jit_train_steps-*")} == programs
