import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_selectivity as ks
from keras_selectivity.cli import _joined
from keras_selectivity.cli import main
from keras_selectivity.cli import parser
from keras_selectivity.results import read


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [(["--help"], ("tensorflow", "keras", "numpy", "polars", "matplotlib")),
     (["evaluate", "--help"], ("tensorflow", "keras", "polars", "matplotlib"))],
    ids=["all", "evaluate"],
)  # fmt: skip
def test_help_and_import_load_nothing_heavy(arguments, heavy):
    code = (
        "import sys, keras_selectivity as ks; from keras_selectivity.cli import main\n"
        f"try: main({arguments})\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        f"sys.exit(any(m in sys.modules for m in {heavy}))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_mistakes_are_told_before_anything_heavy_is_imported(tmp_path):
    study = Path(__file__).parents[1] / "experiments" / "resnet20_cifar10" / "study.toml"
    absent = ["--data-dir", str(tmp_path)]
    mistakes = [
        ["evaluate", str(tmp_path / "none"), "--dataset", "shapes"],
        ["evaluate", str(tmp_path), "--dataset", "cifar10", *absent],
        ["train", "--alpha", "0", "--output", str(tmp_path / "run"), *absent],
        ["tune", "--alphas", "0", "--output", str(tmp_path / "tune"), *absent],
        ["study", "run", str(study), "--runs", str(tmp_path / "runs"), *absent],
        ["study", "report", str(study)],
        ["export", str(tmp_path / "none.keras"), "--output", str(tmp_path / "model")],
    ]
    script = (
        "import sys; from keras_selectivity.cli import main\n"
        f"for mistake in {mistakes}: assert main(mistake) == 2\n"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == len(mistakes)  # a line each


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "train",
        "evaluate",
        "tune",
        "study run",
        "study status",
        "study report",
        "data list",
        "data prepare",
    ],
)
def test_every_command_has_help_with_an_example(command, capsys):
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    assert f"example: keras-selectivity {command}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("words", [[], ["study"], ["data"]], ids=" ".join)
def test_called_bare_it_shows_its_help(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 0
    assert f"usage: keras-selectivity {' '.join(words)}".strip() in capsys.readouterr().out


def test_a_list_may_begin_with_a_minus():
    options = parser().parse_args(_joined(["tune", "--alphas", "-2,-1", "--output", "x", "--seeds", "0"]))
    assert options.alphas == (-2.0, -1.0) and options.seeds == (0,)
    assert _joined(["train", "--alpha", "-.5", "-1"]) == ["train", "--alpha=-.5", "-1"]


def test_the_package_can_be_run_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "keras_selectivity", "--version"], capture_output=True, text=True
    )
    assert done.stdout == f"keras-selectivity {ks.__version__}\n"


@pytest.mark.parametrize(("shell", "check"), [("bash", ["bash", "-n"]), ("zsh", None)])
def test_a_shell_completes_commands(shell, check, capsys):
    assert main(["--print-completion", shell]) == 0
    script = capsys.readouterr().out
    assert "--pgd.steps" in script and "publish" in script
    if check:
        assert subprocess.run(check, input=script, text=True).returncode == 0


def test_every_public_name_is_there():
    for name in ks.__all__:
        assert getattr(ks, name) is not None
    with pytest.raises(AttributeError, match="attribute selectivty"):
        _ = ks.selectivty


@pytest.fixture(name="model", scope="module")
def _model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "resnet8"
    ks.export(ks.networks.resnet8(), path, seed=1)
    return path


@pytest.mark.filterwarnings("ignore:The network is right for")  # it is hardly trained
def test_evaluate_writes_rows_and_continues_them(model, tmp_path, capsys):
    table = tmp_path / "rows.csv"
    arguments = [
        "evaluate",
        str(model),
        "--dataset",
        "shapes",
        "--limit",
        "100",
        "--csv",
        str(table),
        "--json",
    ]
    assert main([*arguments, "--measure", "units"]) == 0
    printed = json.loads(capsys.readouterr().out)
    test = ks.datasets.subset(ks.datasets.load("shapes").test, 100, seed=0)
    measured = ks.measure_selectivity(ks.load(model), tuple(test), verbose=0)
    row = printed[0]
    assert (row["samples"], row["split"], row["seed"], row["model"]) == (100, "test", 1, str(model))
    assert json.loads(row["protocol"])["balanced_subset"] == 100
    values = {(r["layer"], r["unit"], r["measure"]): r["value"] for r in printed}
    assert values[None, None, "mean_selectivity"] == measured.mean
    assert values["stem_relu", 3, "selectivity"] == pytest.approx(measured.layers[0].selectivity[3], abs=1e-6)
    assert read(table).to_dicts() == printed
    before = table.read_bytes()
    assert main([*arguments, "--measure", "units"]) == 0 and json.loads(capsys.readouterr().out) == printed
    assert table.read_bytes() == before
    assert main([*arguments, "--overwrite"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 5 + 4 * 7


def test_evaluate_writes_a_page(model, tmp_path, capsys):
    table, page = tmp_path / "rows.parquet", tmp_path / "page"
    arguments = [
        "evaluate",
        str(model),
        "--dataset",
        "shapes",
        "--limit",
        "20",
        "--jacobian.projections",
        "2",
    ]
    assert main([*arguments, "--csv", str(table), "--page", str(page)]) == 0
    assert "Jacobian" in capsys.readouterr().out
    text = (page / "index.html").read_text()
    assert 'href="../rows.parquet"' in text and str(model) in text
    assert {p.name for p in page.iterdir()} == {
        "index.html", "accuracy_and_selectivity.png", "selectivity_by_layer.png", "jacobian.png", "dead_units.png"
    }  # fmt: skip


@pytest.mark.parametrize(
    "extra", [["--measure=units"], ["--measure=units,fgsm", "--pgd.steps", "0,1"]], ids=" ".join
)
def test_one_network_is_shown_whatever_is_measured(model, tmp_path, capsys, extra):
    arguments = [
        "evaluate",
        str(model),
        "--dataset",
        "shapes",
        "--limit",
        "20",
        "--page",
        str(tmp_path),
        *extra,
    ]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "stem_relu" in printed.splitlines()[-8] and "units.png" in {p.name for p in tmp_path.iterdir()}


@pytest.mark.filterwarnings("ignore:The network is right for")  # it is hardly trained
def test_evaluate_prints_a_table(model, capsys):
    assert main(["evaluate", str(model), "--dataset", "shapes", "--limit", "50"]) == 0
    assert "stage3_block1_relu2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "nowhere", "--dataset", "shapes"], "nowhere does not exist"),
        (["evaluate", "{model}", "--dataset", "mnist"], "Choose one of shapes, cifar10"),
        (["evaluate", "{model}", "--dataset", "shapes", "--limit", "7"], "10 classes cannot have limit = 7"),
        (["evaluate", "{model}", "--pixel-range", "black"], "argument --pixel-range: pixel_range[0] must be a valid number"),
        (["evaluate", "{model}", "--csv", "{new}.txt"], "Results are .csv or .parquet files"),
        (["evaluate", "{model}", "--dataset", "shapes", "--fgsm.epsilons", "0.1,-1"], "fgsm.epsilons[1] must be greater than or equal to 0"),
        (["evaluate", "{model}", "--dataset", "shapes", "--fgsm.epsilons", "0.1,x"], "argument --fgsm.epsilons: fgsm.epsilons[1] must be a valid number"),
        (["evaluate", "{model}", "--dataset", "shapes", "--pgd.step-size", "nan"], "must be a finite number"),
        (["evaluate", "{model}", "--dataset", "shapes", "--corruptions.only", "fog,rain"], "Unknown corruption 'rain'. Choose one of"),
        (["evaluate", "{model}", "--dataset", "shapes", "--limit", "10", "--measure", "corruptions", "--corrupted-data", "{new}"],
         "is not a folder"),
        (["evaluate", "{model}", "--dataset", "shapes", "--limit", "10", "--off-axis.layers", "x"],
         "Unknown layers x. There are stem_relu"),
        (["evaluate", "{model}", "--dataset", "shapes", "--limit", "10", "--masking.transfer-from", "x"],
         "x is none of the models"),
        (["train", "--alpha", "nan", "--dataset", "shapes", "--network", "resnet8", "--validation-per-class", "9",
          "--output", "{new}"], "argument --alpha: alpha must be a finite number"),
        (["train", "--alpha", "1", "--dataset", "cifar10", "--data-dir", "{new}", "--output", "{new}"],
         "cifar10 is not in"),
        (["train", "--alpha", "1", "--milestones", "x", "--output", "{new}"], "argument --milestones: milestones[0] must be a valid integer"),
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
    assert {r["name"]: r["ready"] for r in rows} == {
        "shapes": True, "cifar10": False, "tiny_imagenet": False, "tiny_imagenet_subset": False
    }  # fmt: skip
    assert main(["data", "list", "--data-dir", str(tmp_path)]) == 0
    assert "absent" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:The network is right for")  # it is hardly trained
def test_a_random_network_measures_near_chance(model):
    test = ks.datasets.load("shapes").test
    measured = ks.measure_selectivity(ks.load(model), tuple(test), verbose=0)
    assert abs(measured.accuracy - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 1000) + 0.03
