"""The search keeps seeds apart, goes on after damage, and exports the best network."""

import json

import keras_tuner
import numpy as np
import pytest
from conftest import tiny_network

import keras_selectivity as ks
from keras_selectivity import _progress
from keras_selectivity import datasets
from keras_selectivity import robustness
from keras_selectivity.cli import main
from keras_selectivity.results import read
from keras_selectivity.studies import RunConfig
from keras_selectivity.studies import SelectivityHyperModel
from keras_selectivity.studies import _tune
from keras_selectivity.studies import tune

CONFIG = RunConfig(
    "shapes", "tiny", 0.0, epochs=1, milestones=(1,), batch_size=50, validation_per_class=10, train_samples=100, pad=0
)  # fmt: skip
COMMAND = (
    "tune --alphas=-1,0 --dataset shapes --network tiny --epochs 1 --milestones 1 --batch-size 50 "
    "--validation-per-class 10 --train-samples 100 --pad 0"
).split()


@pytest.fixture(scope="module", name="searched")
def _searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    return tune(CONFIG, folder, alphas=[-1, 0], seeds=[0, 3], verbose=0).rows, folder


def test_every_seed_is_a_trial_of_its_own(searched):
    rows, folder = searched
    assert {(row["alpha"], row["seed"]) for row in rows} == {(-1.0, 0), (-1.0, 3), (0.0, 0), (0.0, 3)}
    assert [row["value"] for row in rows] == sorted((row["value"] for row in rows), reverse=True)
    for row in rows:
        history = ks.load(folder / "runs" / row["model"] / "model").run["history"]["val_accuracy"]
        assert row["value"] == pytest.approx(max(history)) and row["split"] == "validation"
    assert [r["value"] for r in read(folder / "results.csv").to_dicts()] == [r["value"] for r in rows]
    assert ks.load(folder / "best").fingerprint == rows[0]["fingerprint"]


@pytest.mark.parametrize("name", ["results.csv", "best/thesis.tex"])
def test_what_is_not_of_a_search_is_seen_before_it(tmp_path, monkeypatch, name):
    monkeypatch.setattr(_tune, "trained", lambda *_, **__: pytest.fail("it trains"))
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("student,mark\nann,1\n")
    with pytest.raises(ks.InputError, match="holds something else"):
        tune(CONFIG, tmp_path, alphas=[-1, 0], verbose=0)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path] and path.read_text().startswith(
        "student"
    )


def test_a_damaged_state_is_named_and_set_aside(searched, caplog):
    rows, folder = searched
    path = folder / "tuner" / "oracle.json"
    path.write_text(path.read_text()[:40])
    stamps = {p: p.stat().st_mtime_ns for p in folder.glob("runs/*/model/run.json")}
    again = tune(CONFIG, folder, alphas=[-1, 0], seeds=[0, 3], verbose=0).rows
    assert "oracle.json is damaged" in caplog.text and (folder / "tuner.replaced-1").exists()
    assert [row["value"] for row in again] == [row["value"] for row in rows]
    assert {p: p.stat().st_mtime_ns for p in folder.glob("runs/*/model/run.json")} == stamps


def test_other_settings_are_another_search(searched, tmp_path, caplog, monkeypatch):
    (tmp_path / "runs").symlink_to(searched[1] / "runs")  # trained already
    tried = []
    monkeypatch.setattr(
        _tune,
        "trained",
        lambda name, *_, **__: tried.append(name) or ks.load(tmp_path / "runs" / name / "model"),
    )
    options = {"objective": "corrupted", "samples": 10, "verbose": 0}
    first = tune(CONFIG, tmp_path, alphas=[-1], **options)
    assert tune(CONFIG, tmp_path, alphas=[-1], **options) == first and not caplog.text
    other = tune(CONFIG, tmp_path, alphas=[0], seeds=[3], **options)
    assert [(row["alpha"], row["seed"]) for row in other.rows] == [(0, 3)]
    assert "of another search (alphas, seeds)" in caplog.text
    by_accuracy = tune(CONFIG, tmp_path, alphas=[0], seeds=[3], verbose=0)
    assert {row["measure"] for row in by_accuracy.rows} == {"val_accuracy"}
    assert set(tried) == {"alpha-1_seed0", "alpha+0_seed3"} and (tmp_path / "tuner.replaced-2").exists()


@pytest.mark.slow
def test_a_trial_that_fails_is_told_and_tried_again(tmp_path, monkeypatch, capsys):
    def fail(name, config, run, **options):
        if config.alpha == -1:
            raise ks.InputError("bad luck")
        return original(name, config, run, **options)

    original = _tune.trained
    monkeypatch.setattr(_tune, "trained", fail)
    with pytest.raises(ks.InputError, match=r"No trial was completed. alpha -1.0, seed 0: bad luck"):
        tune(CONFIG, tmp_path, alphas=[-1], seeds=[0, 1, 2, 3], verbose=0)
    code = main([*COMMAND, "--output", str(tmp_path), "--json"])
    found = capsys.readouterr()
    (row,) = json.loads(found.out)
    assert (code, row["alpha"]) == (1, 0) and "a trial failed, alpha -1.0, seed 0: bad luck" in found.err
    monkeypatch.setattr(_tune, "trained", original)
    rows, failed = tune(CONFIG, tmp_path, alphas=[-1, 0], verbose=0)
    assert {row["alpha"] for row in rows} == {-1, 0} and not failed
    assert "has failed before and is tried again" in capsys.readouterr().err
    assert ks.load(tmp_path / "best").run["alpha"] in (-1, 0)


def test_corruption_and_attack_on_validation_images(searched, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_progress, "_MINUTE", 0.0)
    folder = searched[1]
    (tmp_path / "runs").symlink_to(folder / "runs")  # trained already
    ((row,), _) = tune(
        CONFIG, tmp_path, alphas=[-1], seeds=[0], objective="mix", weight=0.25, samples=20, verbose=1
    )  # fmt: skip
    assert "95 of 95 corrupted versions" in capsys.readouterr().err
    exported = ks.load(folder / "runs" / "alpha-1_seed0" / "model")
    held_out = datasets.hold_out(datasets.load("shapes").train, 10, 0)[1]
    images, labels = datasets.subset(held_out, 20, 0)
    corrupted = [
        np.mean(
            np.argmax(exported.logits(ks.corrupt(images, c, s, seed=0) / np.float32(255)).numpy(), 1)
            == labels
        )
        for c in datasets.CORRUPTIONS
        for s in range(1, 6)
    ]
    attacked = robustness.pgd(exported, images, labels, verbose=0)
    attacked = np.mean(np.argmax(exported.logits(attacked).numpy(), 1) == labels)
    assert row["value"] == pytest.approx(0.25 * np.mean(corrupted) + 0.75 * attacked, abs=1e-6)
    assert json.loads(row["protocol"])["weight"] == 0.25 and row["samples"] == 20


@pytest.mark.slow
def test_a_range_is_searched_at_random(tmp_path):
    rows, _ = tune(CONFIG, tmp_path, alphas=("range", -1, 0), search="random", trials=2, verbose=0)
    assert len({row["alpha"] for row in rows}) == 2 and all(-1 <= row["alpha"] <= 0 for row in rows)


@pytest.mark.slow
def test_the_hypermodel_serves_any_tuner(tiny_data, tmp_path):
    images, labels = tiny_data
    hypermodel = SelectivityHyperModel(tiny_network, [-1, 1], seeds=[5, 6])
    tuner = keras_tuner.GridSearch(hypermodel, objective="val_accuracy", directory=tmp_path, overwrite=True)
    tuner.search(images, labels, validation_data=(images, labels), epochs=1, verbose=0)
    tried = {
        (t.hyperparameters.get("alpha"), t.hyperparameters.get("seed")) for t in tuner.oracle.trials.values()
    }
    assert tried == {(-1.0, 5), (-1.0, 6), (1.0, 5), (1.0, 6)}
    assert tuner.get_best_models()[0].alpha in (-1.0, 1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "loss"}, "Unknown objective 'loss'. Choose one of val_accuracy"),
        ({"search": "annealing"}, "Unknown search 'annealing'"),
        ({"alphas": ("range", -1, 0)}, "A grid needs a list"),
        ({"weight": 2}, "weight must lie in"),
    ],
)
def test_bad_searches(tmp_path, options, message):
    with pytest.raises(ks.InputError, match=message):
        tune(CONFIG, tmp_path, **{"alphas": [0], **options})
