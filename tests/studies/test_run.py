import json
import os
import shutil
import signal
import subprocess
import sys

import keras
import ml_dtypes
import numpy as np
import pytest
from processes import Pause
from processes import stopped
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import keras_selectivity as ks
from keras_selectivity import datasets
from keras_selectivity.studies import RunConfig
from keras_selectivity.studies import execute
from keras_selectivity.studies._setup import build
from keras_selectivity.studies._setup import recipe_of

TINY = {
    "dataset": "shapes", "network": "tiny", "alpha": -1.0, "epochs": 3, "milestones": (2,), "batch_size": 32,
    "validation_per_class": 10, "train_samples": 100, "pad": 2,
}  # fmt: skip


def behaviour(path):
    """Logits and unit means of an exported network on a few images."""
    images = datasets.load("shapes").test.images[:20] / np.float32(255)
    exported = ks.load(path)
    return {"logits": exported.logits(images).numpy(), **exported.unit_means(images)}


@pytest.fixture(scope="module", name="finished")
def _finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    return execute(RunConfig(**TINY), folder, verbose=0)


def test_a_run_leaves_its_model_configuration_and_protocol(finished):
    run = json.loads((finished / "run.json").read_text())
    assert sorted(p.name for p in finished.parent.iterdir()) == ["config.json", "model", "run.keras"]
    protocol = run["protocol"]
    assert (protocol["samples_trained_on"], protocol["samples_validated_on"], protocol["epochs"]) == (
        100,
        100,
        3,
    )
    assert run["history"]["learning_rate"] == pytest.approx([0.1, 0.1, 0.01])
    measured = ks.measure_selectivity(ks.load(finished), tuple(datasets.load("shapes").test), verbose=0)
    best = run["history"]["val_accuracy"].index(max(run["history"]["val_accuracy"]))
    assert run["history"]["test_accuracy"][best] == pytest.approx(measured.accuracy, abs=1e-6)
    assert protocol["best_epoch"] == best


def test_the_exported_epoch_is_the_one_with_the_best_validation_accuracy(finished):
    run = json.loads((finished / "run.json").read_text())
    validation = datasets.hold_out(datasets.load("shapes").train, 10, 0)[1]
    measured = ks.measure_selectivity(ks.load(finished), tuple(validation), verbose=0)
    assert measured.accuracy == pytest.approx(max(run["history"]["val_accuracy"]), abs=1e-6)


def test_a_finished_run_is_left_alone_and_an_existing_folder_refused(finished):
    stamp = (finished / "run.json").stat().st_mtime_ns
    assert execute(RunConfig(**TINY), finished.parent, resume=True, verbose=0) == finished
    assert (finished / "run.json").stat().st_mtime_ns == stamp
    with pytest.raises(ks.InputError, match="exists"):
        execute(RunConfig(**TINY), finished.parent, verbose=0)
    other = RunConfig(**{**TINY, "alpha": 1.0, "seed": 4})
    with pytest.raises(ks.InputError, match="another alpha, seed"):
        execute(other, finished.parent, resume=True, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_goes_on_to_the_same_result(finished, tmp_path, how):
    """Stopped after its first epoch and resumed, a run ends with the weights of one never stopped."""
    folder = tmp_path / "run"
    command = [
        sys.executable, "-m", "keras_selectivity", "train", "--dataset", "shapes", "--network", "tiny",
        "--alpha", "-1", "--epochs", "3", "--milestones", "2", "--batch-size", "32", "--validation-per-class", "10",
        "--train-samples", "100", "--pad", "2", "--output", str(folder),
    ]  # fmt: skip
    pause = Pause(tmp_path / "pause", "checkpoints/epoch-0002.keras")
    with stopped(command, pause, how) as process:
        error = process.communicate(timeout=120)[1]
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    assert ("Resume with --resume" in error) == (how == signal.SIGINT) and "Traceback" not in error
    assert not (folder / "model").exists()
    assert json.loads((folder / "checkpoints" / "progress.json").read_text())["epochs"] == 1
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr[-2000:]
    histories = [ks.load(path).run["history"] for path in (finished, folder / "model")]
    for log in ("test_accuracy", "val_selectivity/preferred_changed_once"):
        np.testing.assert_allclose(histories[1][log], histories[0][log], atol=0.02, err_msg=log)
    expected, got = behaviour(finished), behaviour(folder / "model")
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], atol=1e-4, err_msg=name)


def test_a_run_is_replaced_when_the_new_one_is_complete(finished, tmp_path, monkeypatch):
    from keras_selectivity.training import RunCheckpoint

    folder = tmp_path / "run"
    shutil.copytree(finished.parent, folder)
    old, original = behaviour(folder / "model"), RunCheckpoint.on_epoch_end

    def stop(self, epoch, logs=None):
        original(self, epoch, logs)
        raise KeyboardInterrupt

    monkeypatch.setattr(RunCheckpoint, "on_epoch_end", stop)
    config = RunConfig(**{**TINY, "epochs": 2, "milestones": (), "seed": 4})
    with pytest.raises(KeyboardInterrupt):
        execute(config, folder, overwrite=True, verbose=0)
    monkeypatch.setattr(RunCheckpoint, "on_epoch_end", original)
    assert np.array_equal(behaviour(folder / "model")["logits"], old["logits"])
    assert execute(RunConfig(**TINY), folder, resume=True, verbose=0) == folder / "model"  # is still there
    assert execute(config, folder, resume=True, verbose=0) == folder / "model"
    assert ks.load(folder / "model").run["seed"] == 4
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_milestones_default_to_a_half_and_three_quarters(tmp_path):
    config = RunConfig(**{**TINY, "epochs": 4, "milestones": None})
    run = json.loads((execute(config, tmp_path / "run", verbose=0) / "run.json").read_text())
    assert run["history"]["learning_rate"] == pytest.approx([0.1, 0.1, 0.01, 0.001])
    assert run["protocol"]["milestones"] == [2, 3]


def test_every_variant_of_the_regulariser_trains(tmp_path):
    variant = {"negative_slope": 0.1, "metric": "discriminability", "layers": "first 3", "warmup_epochs": 2}
    variant["network"] = "resnet8"  # whose ReLUs can be leaky
    run = json.loads(
        (execute(RunConfig(**{**TINY, **variant}), tmp_path / "run", verbose=0) / "run.json").read_text()
    )
    assert run["metric"] == "discriminability" and len(run["regularized"]) == 3
    assert all(layer["shift"] for layer in run["layers"])
    assert run["protocol"]["negative_slope"] == 0.1 and run["protocol"]["warmup_epochs"] == 2


def test_a_run_logs_to_tensorboard_with_its_settings(tmp_path):
    execute(
        RunConfig(**{**TINY, "epochs": 1, "milestones": (1,)}),
        tmp_path / "run",
        tensorboard=tmp_path / "logs",
        verbose=0,
    )
    written = EventAccumulator(str(tmp_path / "logs" / "run" / "train")).Reload()
    tags = set(written.Tags()["tensors"])
    assert {"epoch_cross_entropy", "epoch_selectivity", "epoch_loss"} <= tags
    validation = EventAccumulator(str(tmp_path / "logs" / "run" / "validation")).Reload().Tags()["tensors"]
    assert "epoch_selectivity/relu_a" in {*validation, *tags}
    (settings,) = EventAccumulator(str(tmp_path / "logs" / "run")).Reload().summary_metadata.values()
    started = HParamsPluginData.FromString(settings.plugin_data.content).session_start_info
    assert started.hparams["alpha"].number_value == -1.0 and started.group_name


@pytest.mark.slow
def test_deterministic_runs_agree_bit_by_bit(tmp_path):
    # A process each, since deterministic kernels cannot be switched off again.
    for name in ("a", "b"):
        command = [
            sys.executable, "-m", "keras_selectivity", "train", "--dataset", "shapes", "--network", "tiny",
            "--alpha", "-1", "--epochs", "1", "--batch-size", "32", "--validation-per-class", "10",
            "--train-samples", "100", "--deterministic", "--output", str(tmp_path / name),
        ]  # fmt: skip
        assert subprocess.run(command, capture_output=True).returncode == 0
    a, b = (behaviour(tmp_path / name / "model") for name in ("a", "b"))
    assert all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "mnist"}, "Unknown dataset 'mnist'"),
        ({"network": "resnet7"}, "Unknown network 'resnet7'"),
        ({"alpha": float("nan")}, "alpha must be a finite number"),
        ({"layers": ["relu_z"]}, "'relu_z' is not a layer"),
        ({"epochs": 0}, "epochs must be greater than or equal to 1"),
        ({"micro_batch": 5}, "micro_batch = 5 does not divide batch_size = 32"),
        ({"micro_batch": 8, "method": "pgd"}, "micro_batch does not go together with method = pgd"),
        ({"method": "mixup"}, "method must be 'plain', 'augmix'"),
        ({"epsilon": 0.1}, "epsilon is for the methods pgd and fgsm"),
        ({"negative_slope": -0.1}, "negative_slope must be greater than or equal to 0"),
        ({"batch_size": 5000}, "do not fill one batch of 5000"),
        ({"validation_per_class": 400}, "400 cannot be drawn"),
    ],
)
def test_bad_configurations(tmp_path, change, message):
    with pytest.raises(ks.InputError, match=message):
        execute(RunConfig(**{**TINY, **change}), tmp_path / "run", verbose=0)


def test_bfloat16_computes_in_it_and_keeps_float32(tmp_path):
    config = RunConfig(**{**TINY, "epochs": 1, "milestones": ()}, precision="bfloat16")
    model, plain = (
        build(config.replace(precision=precision), recipe_of(config), 10, (32, 32, 3))
        for precision in ("bfloat16", "float32")
    )
    plain.network.set_weights(model.network.get_weights())
    images = datasets.load("shapes").test.images[:8] / np.float32(255)
    rough, exact = (np.asarray(each.network(images), np.float32) for each in (model, plain))
    assert 1e-4 < np.abs(rough - exact).max() / np.abs(exact).max() < 0.05
    assert {weight.dtype for weight in model.weights} <= {"float32", "uint32", "int64"}
    assert {means.dtype.name for means in model.unit_means(images).values()} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"

    exported = ks.load(execute(config, tmp_path / "run", verbose=0))
    logits = exported.logits(images).numpy()
    assert (logits != logits.astype(ml_dtypes.bfloat16)).any()  # not rounded to eight bits
    assert exported.run["protocol"]["precision"] == "bfloat16"
    with pytest.raises(
        ks.InputError, match=r"precision must be 'float32' or 'bfloat16'\. Received: 'float8'"
    ):
        config.replace(precision="float8")
