import csv
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import keras_selectivity as ks
from keras_selectivity.reports import table
from keras_selectivity.reports import write_page
from keras_selectivity.studies import make_study
from keras_selectivity.studies import read_results
from keras_selectivity.studies import read_study
from keras_selectivity.studies import run_study

TOML = """
[study]
name = "tiny"
title = "A <tiny> study"
description = "For tests."
[grid]
alphas = [-1, 1]
seeds = [0]
[run]
dataset = "shapes"
network = "resnet8"
epochs = 2
milestones = [1]
batch_size = 32
validation_per_class = 10
train_samples = 100
"""


@pytest.fixture(scope="module", name="done")
def _done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    (folder / "study.toml").write_text(TOML)
    study = read_study(folder / "study.toml")
    results = run_study(study, folder / "runs", folder, verbose=0)
    return study, results, folder


def test_results_are_those_of_measuring_each_model_again(done):
    _, results, folder = done
    rows = read_results(results)
    for alpha in (-1, 1):
        exported = ks.load(folder / "runs" / f"alpha{alpha:+d}_seed0" / "model")
        measured = ks.measure_selectivity(exported, tuple(ks.datasets.load("shapes").test), verbose=0)
        mine = [r for r in rows if r["alpha"] == alpha and r["epoch"] is None]
        values = {(r["layer"], r["measure"]): r["value"] for r in mine}
        assert len(values) == len(mine) == 3 + 4 * 7
        assert values[None, "accuracy"] == measured.accuracy
        assert values["stem_relu", "mean_selectivity"] == pytest.approx(measured.layers[0].selectivity.mean())
        history = [r["value"] for r in rows if r["alpha"] == alpha and r["measure"] == "val_accuracy"]
        np.testing.assert_allclose(history, exported.run["history"]["val_accuracy"])
    assert {(r["samples"], r["samples_trained_on"]) for r in rows if r["epoch"] is None} == {(1000, 100)}


def test_running_twice_changes_nothing(done):
    study, results, folder = done
    before = results.read_bytes()
    models = {p: p.stat().st_mtime_ns for p in folder.rglob("run.json")}
    run_study(study, folder / "runs", folder, verbose=0)
    assert results.read_bytes() == before
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("run.json")} == models


def test_page_and_table_show_the_numbers_of_the_rows(done):
    study, results, folder = done
    rows = read_results(results)
    page = write_page(folder, rows, title=study.title, description=study.description, results=results.name)
    text = page.read_text()
    accuracy = [r["value"] for r in rows if r["measure"] == "accuracy" and r["epoch"] is None]
    for value in accuracy:
        assert f"{value:.2%}" in text and f"{value:.2%}" in table(rows)
    assert "A &lt;tiny&gt; study" in text and "on 100 images in batches of 32" in text
    pictures = []

    class Pictures(HTMLParser):
        def handle_starttag(self, tag, attributes):
            if tag == "img":
                pictures.append(dict(attributes)["src"])

    Pictures().feed(text)
    assert len(pictures) == 3
    for name in pictures:
        assert np.asarray(Image.open(folder / name).convert("L")).std() > 5, "an empty picture"


def test_the_grid_is_every_alpha_with_every_seed():
    content = {
        "study": {"name": "n", "title": "t", "description": "d"},
        "grid": {"alphas": [-1.5, 0], "seeds": [0, 7]},
        "run": {"dataset": "shapes", "network": "resnet8", "milestones": [1]},
    }
    runs = make_study(content).runs
    assert {(r.alpha, r.seed) for r in runs.values()} == {(-1.5, 0), (0.0, 0), (-1.5, 7), (0.0, 7)}
    assert "alpha-1.5_seed7" in runs and runs["alpha-1.5_seed7"].epochs == 200


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs = 2", "epoch = 2", r"\[run\]: unknown epoch\. Allowed are .*epochs"),
        ("seeds = [0]", "", r"\[grid\]: missing seeds"),
        ("seeds = [0]", "seeds = [0.5]", r"\[grid\] seeds must be a list of numbers"),
        ("alphas = [-1, 1]", "alphas = []", r"\[grid\] alphas must be a list"),
        ('network = "resnet8"', "", r"\[run\]: missing network"),
        ("[grid]", "[grids]", "unknown grids"),
        ("[grid]", "[grid", r"no valid TOML.*line"),
    ],
)
def test_bad_study_files(tmp_path, old, new, message):
    (tmp_path / "study.toml").write_text(TOML.replace(old, new, 1))
    with pytest.raises(ks.InputError, match=message):
        read_study(tmp_path / "study.toml")


def test_missing_study_file_and_columns(tmp_path):
    with pytest.raises(ks.InputError, match="Cannot read the study file"):
        read_study(tmp_path / "none.toml")
    with open(tmp_path / "results.csv", "w", newline="") as file:
        csv.writer(file).writerow(["alpha", "value"])
    with pytest.raises(ks.InputError, match=r"lacks the columns .*measure"):
        read_results(tmp_path / "results.csv")
