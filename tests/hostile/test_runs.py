"""Runs and studies that fail, that are killed, that are pointed at what is not theirs."""

import errno
import json
import os
import re

import pytest
from conftest import tiny_network

import keras_selectivity as ks
from keras_selectivity import demo
from keras_selectivity import saved_model
from keras_selectivity._json_file import write_json
from keras_selectivity.cli import main
from keras_selectivity.demo import STUDY as STUDY_OF_DEMO
from keras_selectivity.results import sole_writer
from keras_selectivity.studies import RunConfig
from keras_selectivity.studies import RunsFolder
from keras_selectivity.studies import _run
from keras_selectivity.studies import _runs_folder
from keras_selectivity.studies import _setup
from keras_selectivity.studies import _worker
from keras_selectivity.studies import make_study
from keras_selectivity.studies import publish_networks
from keras_selectivity.studies import read_study

STUDY = """
[study]
name = "tiny"
title = "t"
description = "d"
[grid]
alphas = [-1, 0]
seeds = [0]
[run]
dataset = "shapes"
network = "tiny"
epochs = 1
validation_per_class = 10
batch_size = 50
"""
NAME = "alpha-1_seed0"
FULL = "a cannot be used: No space left on device. Nothing that was finished is lost."


@pytest.fixture(name="folder")
def _folder(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path


def run_study(folder, *arguments):
    return main(["study", "run", str(folder / "study.toml"), "--runs", str(folder / "runs"), *arguments])


def left_by(folder, *names):
    for name in names:
        (folder / "runs" / NAME / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "runs" / NAME / name).write_text("")


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "epoch-0001.keras")


@pytest.mark.parametrize(
    ("error", "left", "writable", "state", "reason"),
    [
        (ks.InputError("bad luck"), (), True, "failed", "bad luck"),
        (ZeroDivisionError("0 / 0"), (), True, "failed", "ZeroDivisionError: 0 / 0"),
        (ks.InputError("no export"), ("run.keras",), True, "failed", "no export"),
        (OSError(errno.ENOSPC, "", "a"), (), True, "failed", FULL),
        (OSError(errno.ENOSPC, "", "a"), (), False, "failed", FULL),
        (OSError(errno.ENOSPC, "", "a"), ("run.keras",), False, "failed", FULL),
        (None, (), True, "waiting", ""),
        (None, ("run.keras",), True, "trained", ""),
    ],
    ids=[
        "refused",
        "defect",
        "trained",
        "full",
        "no note",
        "trained, no note",
        "nothing done",
        "not exported",
    ],
)
def test_what_is_not_done_is_said_and_is_exit_code_one(
    folder, monkeypatch, capsys, error, left, writable, state, reason
):
    def finish(*_, **__):
        left_by(folder, *left)
        if not writable:
            monkeypatch.setattr(_runs_folder, "write_json", full_disk)
        if error is not None:
            raise error

    monkeypatch.setattr(_worker, "finish", finish)
    assert run_study(folder, "--only", NAME) == 1
    said = capsys.readouterr().err.splitlines()
    (line,) = (line.split(maxsplit=3) for line in said if line.startswith(f"{NAME} "))
    assert [line[1], *line[3:]] == [state, *([reason] if reason else [])]
    status = RunsFolder(folder / "runs").status(read_study(folder / "study.toml"))
    assert [row["state"] for row in status][1] == "waiting"
    if writable:
        assert (status[0]["state"], status[0]["reason"] or "") == (state, reason)


def test_a_failure_is_forgotten_once_the_run_begins_again(folder):
    runs = RunsFolder(folder / "runs")
    runs.fail(NAME, "bad luck")
    assert runs.reason(NAME) == RunsFolder(folder / "runs").reason(NAME) == "bad luck"
    runs.forget_failure(NAME)
    assert runs.reason(NAME) is None and not runs.failures


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("index.html", lambda folder, _: demo.run_demo(folder, resume=True)),
        ("results.csv", lambda folder, _: demo.run_demo(folder, resume=True)),
        ("index.html", lambda folder, study: main(["study", "run", study, "--runs", f"{folder}/runs"])),
        ("results.parquet", lambda folder, study: main(["study", "run", study, "--runs", f"{folder}/runs"])),
        ("marks.csv", lambda folder, study: run_study(folder, "--output", str(folder / "marks.csv"))),
        (
            "index.html",
            lambda folder, _: main(["evaluate", "m.keras", "--dataset", "shapes", "--page", str(folder)]),
        ),
        ("index.json", lambda folder, study: publish_networks(read_study(study), folder / "runs", folder)),
    ],
)
def test_a_file_of_someone_else_is_seen_before_anything_is_done(folder, monkeypatch, capsys, name, start):
    monkeypatch.setattr(_worker, "execute", lambda *_, **__: pytest.fail("it trains"))
    (folder / name).write_text("mine")
    found = entries(folder)
    try:
        assert start(folder, str(folder / "study.toml")) == 2
        said = capsys.readouterr().err
    except ks.InputError as error:
        said = str(error)
    assert f"{name} holds something else" in said
    assert (folder / name).read_text() == "mine" and entries(folder) == found


def entries(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix != ".lock")


@pytest.mark.parametrize("busy", ["alpha+0_seed0", "pairs"])
def test_a_change_is_not_accepted_while_somebody_works(folder, busy):
    """Whatever the changed run is: its network would be taken for one of the new configuration."""
    before = read_study(folder / "study.toml")
    (folder / "study.toml").write_text(STUDY.replace("epochs = 1", "epochs = 2"))
    after = read_study(folder / "study.toml")
    runs = folder / "runs"
    RunsFolder(runs).register(before)
    for name, config in before.runs.items():
        grow(runs / name, {"config.json": config.to_dict(), "model/saved_model.pb": "", "rows/a.parquet": ""})
    found = entries(runs)
    holder = RunsFolder(runs).lock(busy) if busy != "pairs" else sole_writer(runs / "pairs")
    with holder, pytest.raises(ks.InputError, match=re.escape(busy)):
        RunsFolder(runs).register(after, accept_change=True)
    assert entries(runs) == found
    RunsFolder(runs).register(after, accept_change=True)
    assert {path.name for path in runs.iterdir() if path.name[0] not in "._"} == {
        f"{name}.replaced-1" for name in before.runs
    }


def test_rows_are_not_set_aside_while_somebody_adds_to_them(folder):
    """Opening them deletes rows of units that the other process has just written."""
    runs = RunsFolder(folder / "runs")
    left_by(folder, "rows/000001-0123456789abcdef0123456789abcdef.units.parquet")
    study = read_study(folder / "study.toml")
    runs.register(make_study({**study.content, "evaluation": {"fgsm": {}}}))
    found = entries(runs.path)
    with runs.lock(NAME), pytest.raises(ks.InputError, match=NAME):
        RunsFolder(runs.path).register(study, accept_change=True)
    assert entries(runs.path) == found


@pytest.mark.parametrize("left", ["model/saved_model.pb", "run.keras", "checkpoints/epoch-0001.keras"])
def test_a_network_of_which_nothing_says_how_it_was_trained_is_not_the_run(folder, monkeypatch, left, caplog):
    study, run = read_study(folder / "study.toml"), folder / "runs" / NAME
    left_by(folder, left)
    with pytest.raises(ks.InputError, match=r"no config\.json"):
        _run.execute(study.runs[NAME], run, resume=True)
    assert (run / left).exists()
    # A study sets it aside, and begins the run anew.
    monkeypatch.setattr(_run, "_train", lambda config, work, *_: work / "run.keras")
    assert _worker.trained(NAME, study.runs[NAME], run) is None
    assert "no config.json" in caplog.text and not (run / left).exists()
    assert any(
        path.name.startswith(("model.damaged", f"{NAME}.damaged")) for path in (folder / "runs").rglob("*")
    )


@pytest.mark.parametrize(
    "note",
    ["", "[]", "null", '{"state": 3}', '{"state": "failed", "reason": [1]}', '{"seconds": "long"}', "\0"],
)
def test_a_note_that_is_none_is_no_note(folder, note):
    path = folder / "runs" / "_state" / f"{NAME}.json"
    path.parent.mkdir(parents=True)
    path.write_text(note)
    status = RunsFolder(folder / "runs").status(read_study(folder / "study.toml"))
    assert [row["state"] for row in status] == ["waiting", "waiting"]
    json.dumps(status)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "0"], "workers must be greater than or equal to 1. Received: '0'"),
        (["--workers", "-2"], "workers must be greater than or equal to 1. Received: '-2'"),
        (["--workers", "1", "--retries", "-1"], "retries must be greater than or equal to 0"),
        (["--only", "beta"], "no run 'beta'"),
        (["--minutes", "3"], "--minutes does not go together with runs in this process"),
    ],
)
def test_bad_options_of_a_study(folder, capsys, arguments, message):
    assert run_study(folder, *arguments) == 2
    assert message in capsys.readouterr().err


CONFIG = RunConfig("shapes", "resnet8", -1.0, validation_per_class=10, batch_size=32).to_dict()
RUN = {"config.json": CONFIG, "checkpoints/progress.json": "{}", "model/saved_model.pb": "x"}
DEMO = {"runs/_state/study.json": {"content": STUDY_OF_DEMO, "version": "0"}, "results.csv": "", "a.png": ""}
EXPORT = {
    "run.json": {"format": "keras_selectivity SavedModel"},
    "saved_model.pb": "x",
    "variables/variables.index": "y",
}
LISTED = {**EXPORT, "run.json": {**EXPORT["run.json"], "files": {n: "" for n in EXPORT if n != "run.json"}}}
TRAIN = [
    "train",
    "--alpha",
    "1",
    "--dataset",
    "shapes",
    "--network",
    "resnet8",
    "--validation-per-class",
    "10",
]


def grow(folder, files):
    """Writes files, of which dicts are sealed as ours are."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            write_json(path, content)
        else:
            path.write_text(content)


def everything(folder):
    return {p.relative_to(folder): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


@pytest.mark.parametrize(
    ("command", "files", "message"),
    [
        ([*TRAIN, "--layers", "relu_z"], RUN, "'relu_z' is not a layer"),
        ([*TRAIN, "--dataset", "cifar10", "--data-dir", "nowhere"], RUN, "is not in"),
        ([*TRAIN, "--batch-size", "9999"], RUN, "9999"),
        ([*TRAIN, "--network", "resnet7"], RUN, "resnet7"),
        (TRAIN, {"config.json": '{"dataset": 1}'}, "holds something else"),
        (TRAIN, {"config.json": "[]"}, "holds something else"),
        (TRAIN, {"config.json": "never ours"}, "holds something else"),
        (TRAIN, {**RUN, "notes.txt": "mine"}, "holds something else"),
        (TRAIN, {"model/saved_model.pb": "x"}, "holds something else"),
        (TRAIN, {"run.keras": ""}, "holds something else"),
        (TRAIN, DEMO, "holds something else"),
        (TRAIN, EXPORT, "holds something else"),
        (["demo"], {"runs/paper/results.csv": "mine"}, "holds something else"),
        (["demo"], {"results.csv": "mine"}, "holds something else"),
        (["demo"], {**DEMO, "thesis.tex": "mine"}, "holds something else"),
        (["demo"], {"runs/_state/study.json": {"content": {"study": {"name": "b"}}}}, "holds something else"),
        (["demo"], RUN, "holds something else"),
        (["export", "{network}"], {"saved_model.pb": "theirs", "variables/data": ""}, "holds something else"),
        (["export", "{network}"], {**EXPORT, "assets.extra": "", "notes.txt": ""}, "holds something else"),
        (["export", "{network}"], RUN, "holds something else"),
        (["export", "{network}"], {**EXPORT, "variables/thesis.tex": "mine"}, "holds something else"),
        (["export", "{network}"], {**EXPORT, "assets_of_my_project/a": "mine"}, "holds something else"),
        (["export", "{network}"], {**LISTED, "assets/thesis.tex": "mine"}, "holds something else"),
        (TRAIN, {**RUN, "checkpoints/old/mine.keras": "mine"}, "holds something else"),
        (
            TRAIN,
            {"config.json": CONFIG, **{f"model/{n}": c for n, c in LISTED.items()}, "model/assets/a": ""},
            "holds",
        ),
        (["demo"], {**DEMO, "runs/paper/results.csv": "mine"}, "holds something else"),
        (["demo"], {**DEMO, "runs/alpha+0_seed0/model/notes.txt": "mine"}, "holds something else"),
    ],
)
def test_overwrite_checks_first_and_deletes_nothing_that_is_not_ours(
    tmp_path, monkeypatch, capsys, network, command, files, message
):
    monkeypatch.chdir(tmp_path)
    old = tmp_path / "old"
    grow(old, files)
    before = everything(tmp_path)
    command = [str(network) if word == "{network}" else word for word in command]
    assert main([*command, "--output", str(old), "--overwrite"]) == 2
    assert message in capsys.readouterr().err
    assert everything(tmp_path) == before


@pytest.fixture(scope="module", name="network")
def _network(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "tiny.keras"
    tiny_network().save(path)
    return path


@pytest.mark.parametrize(
    ("test", "files"),
    [
        (_run._is_run, RUN),
        (_run._is_run, {"config.json": CONFIG}),
        (_run._is_run, {"config.json": json.dumps(CONFIG)}),  # of a version without checksums
        (demo._is_demo, DEMO),
        (saved_model.is_export, EXPORT),
        (saved_model.is_export, LISTED),
        (_run._is_run, {**RUN, "checkpoints/.epoch-0001.0123456789abcdef.part.keras": ""}),
        (_run._is_run, {**RUN, "model.damaged-1/saved_model.pb": ""}),
    ],
)
def test_what_is_ours_may_be_replaced_also_when_it_is_damaged(tmp_path, test, files):
    grow(tmp_path, files)
    assert test(tmp_path)
    mark = tmp_path / next(iter(files))
    content = mark.read_bytes()
    if b"sha256" in content:
        mark.write_bytes(content[:-9] + b"#" + content[-8:])
        assert test(tmp_path)
    mark.write_bytes(content)
    (tmp_path / "notes.txt").write_text("mine")
    assert not test(tmp_path)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
@pytest.mark.parametrize("how", ["overwrite", "resume"])
def test_a_run_takes_the_place_of_no_foreign_folder(tmp_path, monkeypatch, how, when):
    """Neither of one that was there, nor of what has appeared while the run was trained."""
    folder, beside = tmp_path / "run", tmp_path / "run.new"
    config = RunConfig(**CONFIG)
    trained = {"config.json": CONFIG, "model/saved_model.pb": "new"}
    grow(folder, RUN)
    if how == "resume":
        grow(beside, trained)
    if when == "before":
        grow(folder, {"notes.md": "mine"})

    def train(*_):
        grow(beside, trained)
        grow(folder, {"notes.md": "mine"})
        return beside / "model"

    monkeypatch.setattr(_run, "_train", train)
    monkeypatch.setattr(_run, "_left", lambda work: None)
    with pytest.raises(ks.InputError, match="holds something else") as raised:
        _run.execute(config, folder, **{how: True})
    assert (folder / "notes.md").read_text() == "mine" and (folder / "model" / "saved_model.pb").exists()
    assert beside.exists() is (how == "resume" or when == "meanwhile")
    if when == "meanwhile":
        assert "run.new" in str(raised.value) and (beside / "model" / "saved_model.pb").read_text() == "new"


@pytest.mark.parametrize("kind", ["file", "broken link", "empty"])
def test_overwrite_of_what_is_no_folder(tmp_path, kind):
    path = tmp_path / "old"
    if kind == "file":
        path.write_text("mine")
    elif kind == "broken link":
        path.symlink_to(tmp_path / "nowhere")
    else:
        path.mkdir()
    if kind != "empty":
        with pytest.raises(ks.InputError, match="holds something else"):
            ks.export(tiny_network(), path, overwrite=True)
        assert path.is_symlink() or path.read_text() == "mine"
    else:
        ks.export(tiny_network(), path, overwrite=True)
        assert saved_model.is_export(path)


@pytest.mark.slow
def test_a_training_that_diverges_is_told_in_one_line(tmp_path, capsys):
    command = [
        *TRAIN,
        "--epochs=2",
        "--learning-rate=1e6",
        "--batch-size=50",
        "--train-samples=100",
        "--pad=0",
    ]
    for again in ([], ["--resume"]):
        assert main([*command, *again, "--output", str(tmp_path / "run")]) == 2
        assert "its training has diverged" in capsys.readouterr().err
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.parametrize(("log", "epoch"), [("loss", 0), ("loss", 2), ("val_loss", 1)])
def test_a_loss_that_was_not_finite_is_not_kept(tmp_path, log, epoch):
    history = {name: [0.5] * 3 for name in ("loss", "val_loss")}
    history[log][epoch] = None
    config = RunConfig("shapes", "resnet8", -1.0, validation_per_class=10, batch_size=32)
    with pytest.raises(ks.InputError, match=f"diverged in epoch {epoch + 1}"):
        _setup.save(None, tmp_path, config, history, 0, 1, 1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The network is right for")  # it has learnt nothing in an epoch
def test_a_demonstration_is_replaced_when_the_new_one_is_complete(tmp_path, monkeypatch):
    run = {
        **STUDY_OF_DEMO["run"],
        "epochs": 1,
        "milestones": [],
        "warmup_epochs": 0,
        "train_samples": 100,
        "batch_size": 50,
    }
    grid = {"alphas": [0.0], "seeds": [0]}
    monkeypatch.setattr(demo, "STUDY", {**STUDY_OF_DEMO, "run": run, "grid": grid})
    folder = tmp_path / "demo"
    grow(folder, {**DEMO, "old.png": ""})
    before, original = everything(folder), demo.write_page

    def watched(work, *arguments, **options):
        assert work != folder and everything(folder) == before  # until the new one is there
        return original(work, *arguments, **options)

    monkeypatch.setattr(demo, "write_page", watched)
    demo.run_demo(folder, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert not (folder / "old.png").exists() and (folder / "index.html").exists()
    (model,) = folder.glob("runs/*/model")
    assert ks.load(model).run["protocol"]["epochs"] == 1
