"""Runs and studies that fail, that are killed, that are pointed at what is not theirs."""

import errno
import json
import os

import pytest

import keras_selectivity as ks
from keras_selectivity.cli import main
from keras_selectivity.studies import RunsFolder
from keras_selectivity.studies import _runner
from keras_selectivity.studies import _runs_folder
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
network = "resnet8"
epochs = 1
validation_per_class = 10
batch_size = 50
"""
NAME = "alpha-1_seed0"


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
        (OSError(errno.ENOSPC, "full", "a"), (), True, "failed", "no space left for a (full)"),
        (OSError(errno.ENOSPC, "full", "a"), (), False, "failed", "no space left for a (full)"),
        (OSError(errno.ENOSPC, "full", "a"), ("run.keras",), False, "failed", "no space left for a (full)"),
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

    monkeypatch.setattr(_runner, "finish", finish)
    assert run_study(folder, "--only", NAME) == 1
    said = capsys.readouterr().err.splitlines()
    (line,) = (line.split(maxsplit=4) for line in said if line.startswith(NAME))
    assert [line[1], *line[4:]] == [state, *([reason] if reason else [])]
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
        (["--workers", "0"], "--workers: value must be a whole number of at least 1"),
        (["--workers", "-2"], "--workers: value must be a whole number of at least 1"),
        (["--workers", "1", "--retries", "-1"], "--retries: value must be a whole number of at least 0"),
        (["--only", "beta"], "no run 'beta'"),
        (["--minutes", "3"], "minutes is for runs that are trained together"),
    ],
)
def test_bad_options_of_a_study(folder, capsys, arguments, message):
    assert run_study(folder, *arguments) == 2
    assert message in capsys.readouterr().err
