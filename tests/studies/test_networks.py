"""Published networks: a reader measures them without training, and only if they are what was published."""

import hashlib
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from studies.test_runner import CONTENT
from studies.test_runner import NAME
from studies.test_runner import content_of

import keras_selectivity as ks
from keras_selectivity._json_file import write_json
from keras_selectivity._run_file import save_run
from keras_selectivity.cli import main
from keras_selectivity.results import read
from keras_selectivity.studies import RunsFolder
from keras_selectivity.studies import adopt_networks
from keras_selectivity.studies import make_study
from keras_selectivity.studies import publish_networks
from keras_selectivity.studies import read_study
from keras_selectivity.studies import run_study
from keras_selectivity.studies.engines import Here


@pytest.fixture(scope="module", name="published")
def _published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    study = make_study(CONTENT)
    run_study(study, Here(folder / "runs", verbose=0), folder)
    publish_networks(study, folder / "runs", folder / "networks")
    return folder


def test_published_networks_are_measured_as_the_trained_ones(published, tmp_path, monkeypatch):
    study = make_study(CONTENT)
    index = json.loads((published / "networks" / "index.json").read_text())
    (entry,) = index["networks"]
    assert entry["name"] == NAME and entry["alpha"] == -1 and entry["seed"] == 0
    assert (
        entry["sha256"] == hashlib.sha256((published / "networks" / f"{NAME}.keras").read_bytes()).hexdigest()
    )
    monkeypatch.setattr(keras.Model, "fit", lambda *_, **__: pytest.fail("it trains"))
    engine = Here(tmp_path / "runs", verbose=0)
    rows = read(run_study(study, engine, tmp_path, networks=published / "networks")).to_dicts()
    assert content_of(rows) == content_of(read(published / "results.parquet").to_dicts())
    best = [row["value"] for row in rows if row["measure"] == "test_accuracy"][entry["best_epoch"]]
    assert best == entry["test_accuracy"]


def test_a_published_network_is_opened_by_its_path(published):
    path = published / "networks" / f"{NAME}.keras"
    images = np.random.default_rng(0).random((3, 32, 32, 3)).astype("float32")
    trained = ks.load(published / "runs" / NAME / "model")
    opened = ks.load(path)
    np.testing.assert_allclose(opened.logits(images), trained.logits(images), atol=1e-5)
    assert all(opened.run[key] == trained.run[key] for key in ("seed", "history", "protocol"))
    assert not keras.saving.load_model(path).compiled  # nor does it hold the optimizer's momenta
    assert path.stat().st_size < (published / "runs" / NAME / "run.keras").stat().st_size


def saved(path, study, epochs, weight):
    """A run's file, trained for so many epochs, and its weights."""
    inputs = keras.Input((4,))
    dense = keras.layers.Dense(10)
    model = keras.Model(inputs, dense(inputs))
    dense.kernel.assign(np.full((4, 10), weight))
    protocol = {**study.runs[NAME].to_dict(), "best_epoch": 0}
    history = {"test_accuracy": [epochs / 100] * epochs}
    save_run(model, path, seed=0, history=history, protocol=protocol)


def test_a_network_that_was_trained_anew_is_published_again(tmp_path, caplog):
    short, long = (make_study({**CONTENT, "run": {**CONTENT["run"], "epochs": n}}) for n in (2, 3))
    run, networks = tmp_path / "runs" / NAME / "run.keras", tmp_path / "networks"

    def weight():
        return keras.saving.load_model(networks / f"{NAME}.keras").layers[-1].kernel.numpy()[0, 0]

    saved(run, short, 2, weight=2)
    (first,) = publish_networks(short, tmp_path / "runs", networks)
    assert publish_networks(short, tmp_path / "runs", networks) == [first] and not caplog.text
    published = (networks / f"{NAME}.keras").read_bytes()
    # Neither a network of another study, nor of this one before it was changed, is published as this one's.
    with pytest.raises(ks.InputError, match="trained with another epochs"):
        publish_networks(long, tmp_path / "runs", networks)
    run.unlink()
    with pytest.raises(ks.InputError, match="trained with another epochs"):
        publish_networks(long, tmp_path / "runs", networks)
    assert (networks / f"{NAME}.keras").read_bytes() == published and weight() == 2
    saved(run, long, 3, weight=3)
    (second,) = publish_networks(long, tmp_path / "runs", networks)
    assert (second["epochs"], second["test_accuracy"], weight()) == (3, 0.03, 3)
    assert f"{NAME} was trained anew" in caplog.text
    assert adopt_networks(long, RunsFolder(tmp_path / "others"), networks) == [NAME]


def test_a_file_of_someone_else_is_not_replaced_by_a_published_network(tmp_path):
    study = make_study(CONTENT)
    saved(tmp_path / "runs" / NAME / "run.keras", study, 2, weight=2)
    (tmp_path / "networks").mkdir()
    path = tmp_path / "networks" / f"{NAME}.keras"
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Dense(3)(inputs)).save(path)
    before = path.read_bytes()
    with pytest.raises(ks.InputError, match="does not say how its network was trained"):
        publish_networks(study, tmp_path / "runs", tmp_path / "networks")
    assert path.read_bytes() == before


def _flip(folder):
    path = folder / f"{NAME}.keras"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _relabel(folder):
    """An index whose checksum fits a file of another training."""
    index = json.loads((folder / "index.json").read_text())
    index.pop("checksum")
    index["networks"][0]["name"] = "alpha+0_seed0"
    (folder / f"{NAME}.keras").rename(folder / "alpha+0_seed0.keras")
    write_json(folder / "index.json", index)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_flip, "SHA-256 is another"),
        (lambda folder: (folder / f"{NAME}.keras").unlink(), "which is missing"),
        (lambda folder: (folder / "index.json").write_text("[]"), "is damaged"),
        (lambda folder: (folder / "index.json").unlink(), "is missing"),
        (_relabel, "trained with another alpha"),
    ],
    ids=["flipped bit", "missing file", "index of another shape", "no index", "another training"],
)
def test_networks_that_are_not_what_was_published(published, tmp_path, damage, message):
    shutil.copytree(published / "networks", tmp_path / "networks")
    damage(tmp_path / "networks")
    study = make_study({**CONTENT, "grid": {"alphas": [-1, 0], "seeds": [0]}})
    with pytest.raises(ks.InputError, match=message):
        adopt_networks(study, RunsFolder(tmp_path / "runs"), tmp_path / "networks")
    assert not (tmp_path / "runs").exists()


def test_runs_that_have_begun_are_left_alone(published, tmp_path):
    begun = tmp_path / "runs" / NAME
    begun.mkdir(parents=True)
    adopt_networks(make_study(CONTENT), RunsFolder(tmp_path / "runs"), published / "networks")
    assert list(begun.iterdir()) == []


def test_publishing_on_the_command_line(published, tmp_path, capsys):
    study = published / "runs" / "_state" / "study.json"
    arguments = [
        "study",
        "publish",
        str(study),
        "--runs",
        str(published / "runs"),
        "--networks",
        str(tmp_path),
    ]
    assert main(arguments) in (0, None)
    assert f"{NAME}     epoch" in capsys.readouterr().out
    assert (tmp_path / f"{NAME}.keras").is_file() and (tmp_path / "index.json").is_file()


def test_a_dry_run_counts_published_networks_as_trained(tmp_path, capsys):
    study = Path(__file__).parents[2] / "experiments" / "resnet20_cifar10_30_epochs" / "study.toml"
    command = ["study", "run", str(study), "--runs", str(tmp_path / "runs"), "--dry-run"]
    count = len(read_study(study).runs)
    assert main(command) == 0
    assert f"{count} runs: {count} trained." in capsys.readouterr().out
    assert main([*command, "--retrain"]) == 0
    assert f"{count} runs: {count} waiting. {30 * count} epochs left" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()
