import csv
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import keras_selectivity as ks
from keras_selectivity.measurements import FGSM
from keras_selectivity.measurements import Dimensionality
from keras_selectivity.measurements import columns
from keras_selectivity.reports import table
from keras_selectivity.reports import write_page
from keras_selectivity.results import read
from keras_selectivity.studies import make_study
from keras_selectivity.studies import read_study
from keras_selectivity.studies import run_study
from keras_selectivity.studies.engines import Here

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
    results = run_study(study, Here(folder / "runs", verbose=0), folder)
    return study, results, folder


@pytest.mark.filterwarnings("ignore:The network is right for")  # it is hardly trained
def test_results_are_those_of_measuring_each_model_again(done):
    _, results, folder = done
    rows = read(results).to_dicts()
    for alpha in (-1, 1):
        exported = ks.load(folder / "runs" / f"alpha{alpha:+d}_seed0" / "model")
        measured = ks.measure_selectivity(exported, tuple(ks.datasets.load("shapes").test), verbose=0)
        mine = [r for r in rows if r["alpha"] == alpha and r["epoch"] is None]
        values = {(r["layer"], r["measure"]): r["value"] for r in mine}
        assert len(values) == len(mine) == 5 + 4 * 7
        assert values[None, "accuracy"] == measured.accuracy
        assert values["stem_relu", "mean_selectivity"] == pytest.approx(measured.layers[0].selectivity.mean())
        history = [r["value"] for r in rows if r["alpha"] == alpha and r["measure"] == "val_accuracy"]
        np.testing.assert_allclose(history, exported.run["history"]["val_accuracy"])
    assert {(r["samples"], r["samples_trained_on"]) for r in rows if r["epoch"] is None} == {(1000, 100)}


def test_running_twice_changes_nothing(done):
    study, results, folder = done
    before = results.read_bytes()
    models = {p: p.stat().st_mtime_ns for p in folder.rglob("run.json")}
    run_study(study, Here(folder / "runs", verbose=0), folder)
    assert results.read_bytes() == before
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("run.json")} == models


def test_page_and_table_show_the_numbers_of_the_rows(done):
    study, results, folder = done
    found = read(results)
    rows = found.to_dicts()
    page = write_page(
        folder,
        found,
        title=study.title,
        description=study.description,
        results=results.name,
        columns=columns(),
    )
    text = page.read_text()
    accuracy = [r["value"] for r in rows if r["measure"] == "accuracy" and r["epoch"] is None]
    for value in accuracy:
        assert f"{value:.2%}".replace("%", "\u202f%") in text and f"{value:.2%}" in table(found, columns())
    assert "A &lt;tiny&gt; study" in text and "on 100 images in batches of 32" in text
    pictures = [figure for figure in re.findall(r"<figure.*?</figure>", text, re.S) if "<svg" in figure]
    drawn = list(folder.glob("*.png"))
    assert len(pictures) == len(drawn) >= 5
    assert all("<path" in picture for picture in pictures)
    for path in drawn:
        assert np.asarray(Image.open(path).convert("L")).std() > 5, "an empty picture"


CONTENT = {
    "study": {"name": "n", "title": "t", "description": "d"},
    "grid": {"alphas": [-1.5, 0], "seeds": [0, 7]},
    "run": {"dataset": "shapes", "network": "resnet8", "milestones": [1], "validation_per_class": 9},
    "arms": [{"name": "first_three", "layers": "first 3", "seeds": [3]}],
    "evaluation": {"fgsm": {"epsilons": [0.0, 0.1]}, "dimensionality": {"perturbation": ["fog", 2]}},
}


def test_the_grid_is_every_alpha_with_every_seed_and_arms_come_beside():
    study = make_study(CONTENT)
    main = {(r.alpha, r.seed) for n, r in study.runs.items() if study.arms[n] == "main"}
    assert main == {(-1.5, 0), (0.0, 0), (-1.5, 7), (0.0, 7)}
    assert "alpha-1.5_seed7" in study.runs and study.runs["alpha-1.5_seed7"].epochs == 200
    arm = study.runs["first_three_alpha-1.5_seed3"]
    assert (arm.layers, arm.seed, arm.alpha, arm.milestones) == ("first 3", 3, -1.5, (1,)) and len(
        study.runs
    ) == 6
    evaluation = study.evaluation
    assert evaluation.measure == (FGSM((0.0, 0.1)), Dimensionality(perturbation=("fog", 2)))
    assert evaluation.dataset == "shapes"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs = 2", "epoch = 2", r"line 12: run: unknown epoch\. Allowed are .*epochs"),
        (
            "epochs = 2",
            "epochs = 2.5",
            r"line 12: run\.epochs must be a valid integer\. Received: 2\.5",
        ),
        ("seeds = [0]", "", r"line 6: grid: missing seeds"),
        ("seeds = [0]", "seeds = [0.5]", r"line 8: grid\.seeds\[0\] must be a valid integer"),
        ("seeds = [0]", "seeds = [0, 1, 0]", r"line 8: grid\.seeds .* none twice"),
        ("alphas = [-1, 1]", "alphas = []", r"line 7: grid\.alphas must have at least 1 item"),
        ("alphas = [-1, 1]", "alphas = [1, 1.0]", r"line 7: grid\.alphas .* none twice"),
        ('network = "resnet8"', "", r"line 9: run: missing network"),
        (
            'network = "resnet8"',
            'network = "vgg7"',
            r"line 11: run\.network: Unknown network 'vgg7'. Choose one of .*resnet20",
        ),
        (
            'dataset = "shapes"',
            'dataset = "mnist"',
            r"line 10: run\.dataset: Unknown dataset 'mnist'. Choose one of shapes",
        ),
        (
            "train_samples = 100",
            "train_samples = 0",
            r"line 16: run\.train_samples must be greater than or equal to 2",
        ),
        (
            "[run]",
            '[[arms]]\nname = "a b"\n[run]',
            r"line 10: arms\[0\]\.name must match pattern",
        ),
        ("[run]", '[[arms]]\nname = "a"\nlayer = 3\n[run]', r"line 11: arms\[0\]: unknown layer"),
        ("[run]", "[evaluation]\nattack = true\n[run]", r"line 10: evaluation: unknown attack"),
        (
            "[run]",
            "[evaluation]\nattacks = true\n[run]",
            r"line 10: evaluation: unknown attacks; write the tables \[evaluation\.fgsm\]",
        ),
        (
            "[run]",
            "[evaluation.dimensionality]\nvariance = 2.0\n[run]",
            r"line 10: evaluation\.dimensionality\.variance must be less than or equal to 1",
        ),
        ("[run]", '[evaluation]\ncorrupted_data = "tfds"\n[run]', r"line 10: .*does not go with shapes"),
        ("[grid]", "[grids]", "line 6: the file: unknown grids"),
        ("[grid]", "[grid", r"not valid TOML.*line"),
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
        read(tmp_path / "results.csv").to_dicts()


EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.mark.parametrize(
    "name", ["resnet18_tiny_imagenet", "resnet50_tiny_imagenet", "resnet20_cifar10", "vgg16_cifar10"]
)
def test_the_papers_studies_say_how_many_runs_they_are(name):
    path = EXPERIMENTS / name / "study.toml"
    study, said = read_study(path), path.read_text().splitlines()[0]
    main = [run for run, arm in study.arms.items() if arm == "main"]
    arms = len(study.runs) - len(main)
    assert f": {len(main)} runs {f'and {arms:,} of the arms' if arms else ''}".rstrip() in said
    alphas = {study.runs[run].alpha for run in main}
    seeds = {study.runs[run].seed for run in main}
    assert f"{len(alphas)} α and {len(seeds)} seeds" in study.title
    for arm in set(study.arms.values()):
        assert 0.0 in {study.runs[run].alpha for run, its in study.arms.items() if its == arm}


def test_every_study_that_ships_is_valid():
    runs = {path.parent.name: read_study(path).runs for path in EXPERIMENTS.glob("*/study.toml")}
    assert {name: len(found) for name, found in runs.items()} == {
        "resnet8_cifar10_reduced": 15,
        "resnet20_cifar10": 23 * 20 + 7 * 15 * 20 + 3 * 20,
        "vgg16_cifar10": 23 * 20,
        "resnet18_tiny_imagenet": 29 * 20 + 7 * 15 * 20 + 3 * 20,
        "resnet50_tiny_imagenet": 29 * 5,
        "resnet18_tiny_imagenet_10_classes_reduced": 3,
        "vgg16_cifar10_reduced": 3,
        "resnet8_cifar10_methods_reduced": 9,
        "vit_cifar10_reduced": 3,
        "convnext_cifar10_reduced": 3,
        "resnet20_cifar10_five_seeds": 14 * 5,
        "resnet20_cifar10_30_epochs": 5 * 4 + 2,
    }
    config = runs["resnet18_tiny_imagenet"]["alpha-1_seed0"]
    assert (config.epochs, config.batch_size, config.milestones) == (90, 4096, (35, 50, 65, 80))
