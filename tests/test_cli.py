import json
import subprocess
import sys

import numpy as np
import pytest

import keras_selectivity as ks
from keras_selectivity.cli import main


def test_help_and_import_do_not_load_tensorflow():
    code = (
        "import sys, keras_selectivity as ks; from keras_selectivity.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras', 'numpy', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize("command", ["demo", "train", "evaluate", "study run", "data list", "data prepare"])
def test_every_command_has_help_with_an_example(command, capsys):
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    assert f"example: keras-selectivity {command}" in " ".join(capsys.readouterr().out.split())


def test_every_public_name_is_there():
    for name in ks.__all__:
        assert getattr(ks, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'selectivty'"):
        _ = ks.selectivty


@pytest.fixture(name="model", scope="module")
def _model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "resnet8"
    ks.export(ks.networks.resnet8(), path, seed=1)
    return path


def test_evaluate_writes_json_and_csv(model, tmp_path, capsys):
    csv = tmp_path / "rows.csv"
    arguments = [
        "evaluate",
        str(model),
        "--dataset",
        "shapes",
        "--samples",
        "100",
        "--csv",
        str(csv),
        "--json",
    ]
    assert main(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    test = ks.datasets.subset(ks.datasets.load("shapes").test, 100, seed=0)
    measured = ks.measure_selectivity(ks.load(model), tuple(test), verbose=0)
    assert (printed["samples"], printed["split"], printed["seed"]) == (100, "test", 1)
    values = {(r["layer"], r["unit"], r["measure"]): r["value"] for r in printed["rows"]}
    assert values["", "", "mean_selectivity"] == measured.mean
    assert len(csv.read_text().splitlines()) == len(printed["rows"]) + 1
    assert main(arguments) == 2
    assert "exists" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0


def test_evaluate_prints_a_table(model, capsys):
    assert main(["evaluate", str(model), "--dataset", "shapes", "--samples", "50"]) == 0
    assert "stage3_block1_relu2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "nowhere", "--dataset", "shapes"], "nowhere does not exist"),
        (["evaluate", "{model}", "--dataset", "mnist"], "Choose one of shapes, cifar10"),
        (["evaluate", "{model}", "--dataset", "shapes", "--samples", "7"], "10 classes cannot have 7"),
        (["evaluate", "{model}", "--pixel-range", "black"], "--pixel-range takes"),
        (["train", "--alpha", "nan", "--dataset", "shapes", "--network", "resnet8", "--validation-per-class", "9",
          "--output", "{new}"], "alpha must be a finite number"),
        (["train", "--alpha", "1", "--dataset", "cifar10", "--data-dir", "{new}", "--output", "{new}"],
         "CIFAR-10 is not in"),
        (["train", "--alpha", "1", "--milestones", "x", "--output", "{new}"], "--milestones takes whole numbers"),
        (["train", "--alpha", "1", "--output", "{model}"], "exists"),
        (["demo", "--output", "{model}"], "exists"),
        (["demo", "--output", "{model}", "--overwrite"], "holds something else"),
        (["train", "--alpha", "1", "--output", "{model}", "--overwrite"], "holds something else"),
        (["study", "run", "{new}", "--runs", "{new}"], "Cannot read the study file"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_line_and_code_two(arguments, message, model, tmp_path, capsys):
    arguments = [a.format(model=model, new=tmp_path / "new") for a in arguments]
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and message in error[0]


def test_data_list(tmp_path, capsys):
    assert main(["data", "list", "--data-dir", str(tmp_path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(r["name"], r["ready"]) for r in rows] == [("shapes", True), ("cifar10", False)]
    assert main(["data", "list", "--data-dir", str(tmp_path)]) == 0
    assert "absent" in capsys.readouterr().out


def test_a_random_network_measures_near_chance(model):
    test = ks.datasets.load("shapes").test
    measured = ks.measure_selectivity(ks.load(model), tuple(test), verbose=0)
    assert abs(measured.accuracy - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 1000) + 0.03
