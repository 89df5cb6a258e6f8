"""Settings of every wrong type, range and combination: refused when the file is read, at their line, in one line."""

import json
from typing import get_args

import pytest

import keras_selectivity as ks
from keras_selectivity.cli import main
from keras_selectivity.networks._registry import OURS
from keras_selectivity.selectivity import METRICS
from keras_selectivity.studies import make_study
from keras_selectivity.studies._config import RunConfig
from keras_selectivity.studies._study_networks import WIDEST
from keras_selectivity.studies._study_networks import layers_of

GOOD = {
    "study": {"name": '"tiny"', "title": '"A study"', "description": '"""\nepochs = 3\n[run]\n"""'},
    "grid": {"alphas": "[-1, 1]", "seeds": "[0]"},
    "run": {"dataset": '"shapes"', "network": '"resnet8"', "validation_per_class": "10", "batch_size": "32"},
    "[arms]": {"name": '"arm"', "epochs": "4"},
    "evaluation": {"units": "{}"},
}
RUN = """
    milestones = 5 | milestones = [1.5] | milestones = ["a"] | milestones = [-1] | milestones = [3, 2]
    milestones = [2, 2] | milestones = {} | milestones = "1,2" | milestones = [true] | epsilon = "a" | epsilon = 0
    epsilon = 1.0 | epsilon = nan | epsilon = -0.1 | epsilon = true | epsilon = 0.1 | layers = 7 | layers = []
    layers = "first 0" | layers = "first" | layers = "nth 3" | layers = [3] | layers = ["no_such_layer"]
    layers = ["stem_relu", "stem_relu"] | layers = true | layers = "" | deterministic = "yes" | deterministic = 1
    seed = 3 | alpha = 1.0 | frost = 5 | warmup_epochs = -1 | warmup_epochs = 2.5 | warmup_epochs = "5"
    warmup_epochs = [5] | warmup_epochs = true | epochs = 0 | epochs = -3 | epochs = 1e3 | epochs = "200"
    epochs = 99999999999 | epochs = nan | epochs = [1] | batch_size = 0 | batch_size = 1 | batch_size = -8
    batch_size = 32.0 | batch_size = "32" | batch_size = 100000 | micro_batch = 0 | micro_batch = 5
    micro_batch = 64 | micro_batch = "8" | learning_rate = 0 | learning_rate = -0.1 | learning_rate = nan
    learning_rate = inf | learning_rate = "0.1" | learning_rate = 1e300 | learning_rate = true | learning_rate = [0.1]
    pad = -1 | pad = 4.5 | pad = 1000 | pad = "4" | validation_per_class = 0 | validation_per_class = 400
    validation_per_class = 1.5 | train_samples = 0 | train_samples = 15 | train_samples = 4000 | train_samples = -10
    train_samples = "all" | method = "mixup" | method = 3 | method = ["pgd"] | method = ""
    precision = "float16" | precision = 32 | metric = "d" | metric = true | dataset = "mnist" | dataset = 5
    dataset = "" | dataset = ["shapes"] | network = "vgg7" | network = ["resnet8"] | network = 1979-05-27
    negative_slope = 1.0 | negative_slope = -0.1 | negative_slope = nan | negative_slope = "0.1"
    classes = 10 | Epochs = 3 | "" = 3 | "a b" = 1 | "\\n" = 1
"""
EVALUATION = """
    limit = 10.5 | limit = 0 | limit = -10 | limit = 15 | limit = true | limit = "all" | limit = [10] | units = 1
    units = "yes" | units = [] | units = true | attacks = true | fgsm.epsilons = 0.1 | fgsm.epsilons = []
    fgsm.epsilons = ["a"] | fgsm.epsilons = [-0.1] | fgsm.epsilons = [nan] | fgsm.epsilons = [0.1, 0.1]
    fgsm.epsilons = [2.0] | fgsm.epsilons = [[0.1]] | fgsm.steps = [1] | pgd.steps = [1.5] | pgd.steps = []
    pgd.steps = 5 | pgd.steps = [-1] | pgd.steps = ["1"] | pgd.steps = [true] | pgd.steps = [1, 1]
    pgd.steps = [99999999] | pgd.step_size = 0 | pgd.step_size = "a" | pgd.step_size = nan | pgd.step_size = -1.0
    pgd.epsilon = "a" | pgd.epsilon = -1 | pgd.epsilon = inf | pgd.norm = "l1" | pgd.norm = 2 | pgd = true
    masking.transfer_from = "alpha+0_seed0" | masking.transfer_from = 5 | corruptions = 1 | corruptions.only = "fog"
    corruptions.only = ["mist"] | corruptions.only = [] | corruptions.only = [1] | corruptions.only = ["fog", "fog"]
    corrupted_data = 5 | corrupted_data = "tfds" | corrupted_data = "" | corrupted_data = "a\\u0000b" | clean_data = 5
    clean_data = "x" | verify = "no" | frost = 5 | frost = [] | frost = "" | jacobian = 1 | jacobian.projections = 0
    jacobian.projections = 2.5 | jacobian.projections = "20" | jacobian.projections = nan | unit_gradients = "all"
    unit_gradients.units_per_layer = 0 | unit_gradients.units_per_layer = 1.5 | unit_gradients.samples = 0
    unit_gradients.samples = "a" | unit_gradients.samples = 10.0 | unit_gradients.samples = 15 | dimensionality = 2
    dimensionality.variance = 0 | dimensionality.variance = 1.1 | dimensionality.variance = nan
    dimensionality.variance = "0.9" | dimensionality.variance = true | dimensionality.full_maps = "no"
    dimensionality.perturbation = "fog" | dimensionality.perturbation = ["fog"] | dimensionality.perturbation = ["fog", 6]
    dimensionality.perturbation = ["fog", "3"] | dimensionality.perturbation = ["mist", 3]
    dimensionality.perturbation = ["fog", 3, 1] | dimensionality.perturbation = [3, "fog"]
    dimensionality.perturbation = ["fog", true] | pwcca = "yes" | off_axis = 3 | off_axis.steps = 0
    off_axis.steps = 1.5 | off_axis.steps = "a" | off_axis.layers = "first 3" | off_axis.layers = []
    pwcca.layers = [3] | off_axis.layers = ["no_such_layer"] | ablation.fractions = [0] | ablation.fractions = [1.1]
    ablation.fill = "noise" | ablation.samples = 15 | batch_size = 0 | batch_size = -5 | batch_size = "a"
    batch_size = 2.5 | seed = "a" | seed = -1 | seed = 1.5 | seed = 4294967296 | seed = true | dataset = "cifar10"
    attack = true | measure = ["units"] | clean.limit = 5 | no_such_measurement = {}
    epsilons = [0.1] | pgd_steps = [1] | projections = 20 | perturbation = ["fog", 3]
"""
GRID = """
    alphas = 1 | alphas = [] | alphas = ["1"] | alphas = [nan] | alphas = [inf] | alphas = [1, 1.0] | alphas = [true]
    alphas = [1e38] | alphas = {} | alphas = [[1]] | alphas = "1,2" | seeds = 0 | seeds = [] | seeds = [0.5]
    seeds = [-1] | seeds = ["0"] | seeds = [0, 0] | seeds = [4294967296] | seeds = [true] | epochs = 3 | alpha = [1]
"""
ARMS = """
    name = "main" | name = "a b" | name = "" | name = 3 | name = "../up" | name = "a/b" | name = ["a"] | name = "é"
    alphas = [nan] | seeds = [0.5] | dataset = "cifar10" | epochs = 0 | layers = ["no_such_layer"] | layer = 3
    layers = "last zero" | batch_size = 1 | method = "PGD" | negative_slope = 2 | epsilon = 0.1
"""
STUDY = """
    name = 5 | name = "" | name = [] | title = true | title = "  " | description = 1.5 | author = "me"
    title = 1979-05-27T07:32:00Z
"""
CASES = [
    (table, entry.strip())
    for table, entries in (
        ("run", RUN), ("evaluation", EVALUATION), ("grid", GRID), ("[arms]", ARMS), ("study", STUDY)
    )
    for line in entries.split("\n")
    for entry in line.split("|")
    if entry.strip()
]  # fmt: skip


def written(tables):
    """The text of a study file."""
    return "\n".join(
        line
        for table, entries in tables.items()
        for line in (f"[{table}]", *(f"{name} = {value}" for name, value in entries.items()), "")
    )


@pytest.mark.parametrize(("table", "entry"), CASES, ids=[f"{t}: {e}" for t, e in CASES])
def test_a_bad_setting_is_refused_at_its_line(table, entry, tmp_path, capsys):
    name, _, value = entry.partition(" = ")
    text = written({**GOOD, table: {**GOOD[table], name: value}})
    path = tmp_path / "study.toml"
    path.write_text(text)
    line = 1 + max(i for i, found in enumerate(text.split("\n")) if found == entry)
    assert main(["study", "run", str(path), "--runs", str(tmp_path / "runs"), "--dry-run"]) == 2
    out, error = capsys.readouterr()
    assert error.count("\n") == 1 and not out
    if '"tfds"' not in entry:  # which goes together with something, or not
        assert name.strip('"').rpartition(".")[2] in error
    assert f"study.toml, line {line}: " in error
    assert any(
        word in error
        for word in ("Received: ", "Unknown", "unknown", "Choose", "cannot", "not", "There are", "missing")
    )
    assert not (tmp_path / "runs").exists()


SHAPES = {
    "empty": "",
    "no TOML": "[study",
    "a number": "study = 5",
    "a list": "study = []",
    "tables in a list": "[[study]]\nname = 'x'",
    "arms as a table": written({**GOOD, "[arms]": {}}).replace("[[arms]]", "[arms]"),
    "arms as a number": "arms = 5\n" + written({k: v for k, v in GOOD.items() if k != "[arms]"}),
    "arms of numbers": "arms = [1, 2]\n" + written({k: v for k, v in GOOD.items() if k != "[arms]"}),
    "evaluation as text": 'evaluation = "all"\n'
    + written({k: v for k, v in GOOD.items() if k != "evaluation"}),
    "no grid": written({k: v for k, v in GOOD.items() if k != "grid"}),
    "no network": written({**GOOD, "run": {"dataset": '"shapes"'}}),
    "twice": written(GOOD) + "[run]\n",
    "another table": written({**GOOD, "runs": {}}),
    "nested": "a = " + "[" * 100_000,
    "two arms of one name": written(GOOD) + '[[arms]]\nname = "arm"\n',
    "no UTF-8": b"\xff\xfe",
    "NUL": b"\0" * 100,
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES.keys())
def test_files_of_the_wrong_shape(text, tmp_path, capsys):
    path = tmp_path / "study.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for action in (["run", "--dry-run"], ["status"]):
        assert main(["study", action[0], str(path), "--runs", str(tmp_path / "runs"), *action[1:]]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and "study.toml" in error


COPIES = [
    "",
    "[]",
    "5",
    "null",
    "{}",
    '{"content": 5}',
    '{"content": null}',
    '{"content": {"study": []}}',
    "[" * 100_000,
]


@pytest.mark.parametrize("text", COPIES, ids=range(len(COPIES)))
def test_copies_of_the_wrong_shape(text, tmp_path, capsys):
    (tmp_path / "study.json").write_text(text)
    assert main(["study", "status", str(tmp_path / "study.json"), "--runs", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('run = {dataset = "shapes", network = "resnet8", epochs = 0}', 1),
        ('run.dataset = "shapes"\nrun.network = "resnet8"\nrun.epochs = 0', 3),
        ('[run]\ndataset = "shapes"\n"network" = "resnet8"\n\'epochs\' = 0', 4),
        ('[ run ]\ndataset = "shapes"  # epochs = 1\nnetwork = "resnet8"\n   epochs=0', 4),
        (
            '[[arms]]\nname = "a"\n[[arms]]\nname = "b"\nepochs = 0\n[run]\ndataset = "shapes"\nnetwork = "resnet8"\nvalidation_per_class = 10',
            5,
        ),
        (
            'arms = [\n {name = "b", epochs = 0}]\n[run]\ndataset = "shapes"\nnetwork = "resnet8"\nvalidation_per_class = 10',
            1,
        ),
    ],
)
def test_lines_are_found_however_toml_is_written(text, line, tmp_path):
    rest = written({table: GOOD[table] for table in ("study", "grid")})
    (tmp_path / "study.toml").write_text(f"{text}\n{rest}")
    with pytest.raises(
        ks.InputError, match=rf"line {line}: .*epochs must be greater than or equal to 1\. Received: 0"
    ):
        ks.studies.read_study(tmp_path / "study.toml")


def test_a_default_that_does_not_fit_is_reported_at_its_table(tmp_path):
    (tmp_path / "study.toml").write_text(
        written({**GOOD, "run": {"dataset": '"shapes"', "network": '"resnet8"'}})
    )
    with pytest.raises(ks.InputError, match=r"line 13: .*validation_per_class = 500 cannot be drawn"):
        ks.studies.read_study(tmp_path / "study.toml")


COMBINATIONS = [
    ("cifar10", "resnet8", {}, {"pwcca": {}, "limit": 30}, "more samples than the 32 units"),
    ("cifar10", "resnet8", {}, {"pwcca": {}, "limit": 70}, None),
    ("tiny_imagenet", "resnet18", {"validation_per_class": 50}, {"limit": 100}, "200 classes cannot have limit = 100"),
    ("tiny_imagenet", "resnet18", {}, {}, "500 samples; validation_per_class = 500 cannot be drawn"),
    ("tiny_imagenet_subset", "resnet18", {}, {"corrupted_data": "tfds", "clean_data": "x"}, None),
    ("cifar10", "resnet8", {}, {"clean_data": "x", "corrupted_data": "tfds"}, "clean_data holds"),
    ("cifar10", "resnet8", {"method": "pgd", "micro_batch": 64}, {}, "does not go together with method = pgd"),
    ("cifar10", "resnet8", {"method": "fgsm", "epsilon": 0.01}, {}, None),
    ("cifar10", "resnet8", {"train_samples": 45_010}, {}, "at most 4500"),
    ("cifar10", "resnet8", {"train_samples": 45_000}, {"limit": 20_001}, None),
    ("cifar10", "resnet8", {"batch_size": 45_001}, {}, "do not fill one batch"),
    ("cifar10", "resnet8", {}, {"unit_gradients": {"samples": 15}}, "samples = 15"),
    ("cifar10", "resnet8", {"layers": ["stem_relu"]}, {"pwcca": {"layers": ["stem_relu", "stage3_block1_relu2"]}}, None),
    ("cifar10", "resnet8", {"layers": "first three", "warmup_epochs": 300}, {"units": {}}, None),
    ("cifar10", "vgg16", {}, {"off_axis": {"layers": ["stem_relu"]}}, "Unknown layers stem_relu. Those of vgg16"),
]  # fmt: skip


@pytest.mark.parametrize(("dataset", "network", "run", "evaluation", "message"), COMBINATIONS)
def test_combinations(dataset, network, run, evaluation, message):
    content = {
        "study": {"name": "n", "title": "t", "description": "d"},
        "grid": {"alphas": [0, 1.5], "seeds": [0, 7]},
        "run": {"dataset": dataset, "network": network, **run},
        "evaluation": evaluation,
    }
    if message is None:
        assert len(make_study(json.loads(json.dumps(content))).runs) == 4
    else:
        with pytest.raises(ks.InputError, match=message):
            make_study(content)


def test_declared_names_and_widths_are_those_that_there_are():
    assert get_args(RunConfig.model_fields["metric"].annotation) == METRICS
    for network in ("resnet8", "vgg16"):
        model = ks.regularize(getattr(ks.networks, network)(), 0.0)
        assert max(tap.units for tap in model.report.found) == WIDEST[network]
        assert layers_of(network, "shapes") == {tap.name: tap.units for tap in model.report.found}
    assert set(WIDEST) == set(OURS)


@pytest.mark.parametrize("name", ["corrupted_data", "clean_data", "frost"])
def test_a_folder_that_is_not_there_is_refused_before_the_training(name, tmp_path, capsys, monkeypatch):
    data = {"dataset": '"tiny_imagenet_subset"', "network": '"resnet8"'}
    entries = {"corrupted_data": '"tfds"', name: f'"{tmp_path / "nowhere"}"'}
    (tmp_path / "study.toml").write_text(written({**GOOD, "run": data, "evaluation": entries}))
    arguments = ["study", "run", str(tmp_path / "study.toml"), "--runs", str(tmp_path / "runs")]
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert main(arguments) == main([*arguments, "--dry-run"]) == 2
    assert capsys.readouterr().err.count(f"{name}: '{tmp_path / 'nowhere'}' is not a folder") == 2
    assert not (tmp_path / "runs").exists()
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # trains only, and on another machine perhaps
    assert main([*arguments, "--dry-run"]) == 0


@pytest.mark.parametrize("option", [[], ["--dry-run"]], ids=["run", "dry run"])
def test_a_run_that_the_study_does_not_have_is_refused(option, tmp_path, capsys):
    (tmp_path / "study.toml").write_text(written(GOOD))
    arguments = ["study", "run", str(tmp_path / "study.toml"), "--runs", str(tmp_path / "runs"), *option]
    assert main([*arguments, "--only", "beta"]) == 2
    assert "There is no run 'beta' in the study. Its runs are alpha" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "2", "--ray"], "--workers and --ray do not go together"),
        (["--workers", "2", "--together", "2"], "--workers and --together do not go together"),
        (["--ray", "--together", "2"], "--ray and --together do not go together"),
        (["--minutes", "3"], "--minutes does not go together with runs in this process"),
        (["--retries", "3"], "--retries does not go together with runs in this process"),
        (["--workers", "2", "--minutes", "3"], "--minutes does not go together with --workers"),
        (["--workers", "2", "--strategy", "mirrored"], "--strategy does not go together with --workers"),
        (["--ray", "--strategy", "mirrored"], "--strategy does not go together with --ray"),
        (["--together", "2", "--strategy", "mirrored"], "--strategy does not go together with --together"),
        (["--together", "2", "--tensorboard", "logs"], "--tensorboard does not go together with --together"),
        (["--together", "2", "--retries", "1"], "--retries does not go together with --together"),
        (["--workers", "0"], "workers must be greater than or equal to 1"),
        (["--together", "2", "--minutes", "0"], "minutes must be greater than 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_do_not_go_together_are_refused(options, message, tmp_path, capsys):
    (tmp_path / "study.toml").write_text(written(GOOD))
    arguments = ["study", "run", str(tmp_path / "study.toml"), "--runs", str(tmp_path / "runs"), *options]
    assert main([*arguments, "--dry-run"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "runs").exists()
