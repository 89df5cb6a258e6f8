"""Paths that cannot be read or written, for every option that takes one: one line, an exit code, nothing lost."""

import contextlib
import errno
import os
import resource
import socket
from pathlib import Path

import pytest

import keras_selectivity as ks
from keras_selectivity._system_errors import explain
from keras_selectivity.cli import main

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "vit_cifar10_reduced"
TINY = (
    "--dataset shapes --network tiny --epochs 1 --batch-size 32 --validation-per-class 10 --train-samples 40"
)
TRAIN = f"train {TINY} --alpha 0"
TUNE = f"tune {TINY} --alphas 0"
CIFAR = "train --alpha 0 --output OUT --network tiny"
STUDY = """
[study]
name = "tiny"
title = "t"
description = "d"
[grid]
alphas = [0]
seeds = [0]
[run]
dataset = "shapes"
network = "tiny"
epochs = 1
batch_size = 32
validation_per_class = 10
train_samples = 40
"""


@pytest.fixture(scope="module", name="home")
def _home(tmp_path_factory):
    """A model, a .keras file and a study, to name beside a bad path."""
    folder = tmp_path_factory.mktemp("home")
    network = ks.networks.resnet8()
    ks.export(network, folder / "model", seed=1)
    network.save(folder / "run.keras")
    (folder / "study.toml").write_text(STUDY)
    return folder


@pytest.fixture(scope="module", name="paths")
def _paths(tmp_path_factory):
    """Name -> a path with that fault."""
    folder = tmp_path_factory.mktemp("paths")
    (folder / "file").write_text("something")
    (folder / "folder").mkdir()
    (folder / "folder" / "mine.txt").write_text("something")
    (folder / "loop").symlink_to(folder / "pool")
    (folder / "pool").symlink_to(folder / "loop")
    (folder / "dangling").symlink_to(folder / "gone" / "far")
    os.mkfifo(folder / "fifo")
    server = socket.socket(socket.AF_UNIX)
    with contextlib.chdir(folder):  # the name of a socket must be short
        server.bind("socket")
    yield {
        "absent": folder / "absent",
        "file": folder / "file",
        "folder": folder / "folder",
        "under a file": folder / "file" / "x",
        "loop": folder / "loop",
        "under a loop": folder / "loop" / "x",
        "dangling": folder / "dangling",
        "long name": folder / ("n" * 300),
        "long path": folder / ("n/" * 3000),
        "read-only": Path("/sys/keras_selectivity"),
        "under a device": Path("/dev/null/x"),
        "fifo": folder / "fifo",
        "socket": folder / "socket",
        "endless": Path("/dev/zero"),
        "NUL": "a\0b",
        "empty": "",
        "half a character": "a\udcff",
    }
    server.close()


# Command, with BAD for the path, and the faults that are none there
INPUTS = [
    ("evaluate BAD --dataset shapes", ()),
    ("evaluate MODEL --data-dir BAD", ()),
    ("evaluate MODEL --dataset shapes --limit 10 --measure corruptions --corrupted-data BAD", ()),
    ("evaluate MODEL --dataset shapes --limit 10 --corruptions.only frost --frost BAD", ()),
    ("study run BAD --runs OUT", ()),
    ("study run BAD --runs OUT --dry-run", ()),
    ("study status BAD --runs OUT", ()),
    ("study report BAD", ()),
    ("study report STUDY --results BAD", ()),
    ("export BAD", ()),
    ("data prepare tiny_imagenet_subset --data-dir OUT --archive BAD", ()),
    ("data prepare tiny_imagenet_c_subset --data-dir OUT --archive BAD", ()),
    ("data prepare tiny_imagenet --data-dir OUT --archive BAD", ()),
    ("data pack --output OUT/cifar10.npz --data-dir BAD", ()),
    (f"{CIFAR} --data-dir BAD", ()),
    ("study status STUDY --runs BAD", ("absent", "folder", "dangling", "read-only")),
]
OUTPUTS = [
    (f"{TRAIN} --output BAD", ("absent", "dangling")),
    (f"{TRAIN} --output BAD --overwrite", ("absent", "dangling", "file")),
    (f"{TUNE} --output BAD", ("absent", "dangling", "folder")),
    ("study run STUDY --runs BAD", ("absent", "folder", "dangling")),
    ("study report SHIPPED --output BAD", ("absent", "folder", "dangling")),
    ("export RUN --output BAD", ("absent", "dangling")),
    ("evaluate MODEL --dataset shapes --limit 10 --csv BAD", ()),
    (
        "evaluate MODEL --dataset shapes --limit 10 --csv BAD.csv",
        ("absent", "folder", "file", "loop", "dangling", "fifo", "socket", "endless"),
    ),
    ("evaluate MODEL --dataset shapes --limit 10 --page BAD", ("absent", "folder", "dangling")),
    ("demo --output BAD", ("absent", "dangling")),
    ("data pack --output BAD", ()),
]
NAMES = ["absent", "file", "folder", "under a file", "loop", "under a loop", "dangling", "long name", "long path",
         "read-only", "under a device", "fifo", "socket", "endless", "NUL", "empty", "half a character"]  # fmt: skip
CASES = [
    pytest.param(
        command, name, id=f"{command.partition('--dataset shapes --network')[0]} [{name}] {command[-20:]}"
    )
    for command, fine in INPUTS + OUTPUTS
    for name in NAMES
    if name not in fine
]


def run(command, home, out, bad):
    words = {"MODEL": home / "model", "RUN": home / "run.keras", "STUDY": home / "study.toml", "OUT": out,
             "SHIPPED": EXPERIMENT / "study.toml"}  # fmt: skip
    arguments = []
    for word in command.split():
        if word.startswith("BAD"):
            word = f"{bad}{word[3:]}" if str(bad) else ""
        else:
            head, slash, rest = word.partition("/")
            word = f"{words.get(head, head)}{slash}{rest}"
        arguments.append(str(word))
    return main(arguments)


@pytest.mark.parametrize(("command", "name"), CASES)
def test_a_bad_path_is_told_in_one_line(command, name, home, paths, tmp_path, capsys):
    assert run(command, home, tmp_path / "out", paths[name]) in (1, 2)
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("keras-selectivity: ")
    assert Path(paths["folder"], "mine.txt").read_text() == "something"
    assert paths["file"].read_text() == "something"


@contextlib.contextmanager
def full_disk():
    """No file can grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "command",
    [
        f"{TRAIN} --output OUT",
        f"{TUNE} --output OUT",
        "study run STUDY --runs OUT/runs --output OUT",
        "study report SHIPPED --output OUT",
        "export RUN --output OUT",
        "evaluate MODEL --dataset shapes --limit 10 --csv OUT/rows.csv",
        "evaluate MODEL --dataset shapes --limit 10 --csv OUT/rows.parquet",
        "evaluate MODEL --dataset shapes --limit 10 --page OUT",
    ],
)
def test_no_space_is_no_fault_of_the_input(command, home, tmp_path, capsys):
    with full_disk():
        assert run(command, home, tmp_path / "out", "") == 1
    assert "File too large" in capsys.readouterr().err
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]


CODES = {errno.ENOSPC: 1, errno.EDQUOT: 1, errno.EIO: 1, errno.EMFILE: 1, errno.EACCES: 2, errno.EROFS: 2,
         errno.ENOENT: 2, errno.ELOOP: 2, errno.ENAMETOOLONG: 2, errno.EPERM: 2}  # fmt: skip


@pytest.mark.parametrize(("number", "code"), CODES.items(), ids=map(errno.errorcode.get, CODES))
def test_errors_of_the_system_say_the_path_and_the_reason(number, code):
    message, found = explain(OSError(number, "whatever", "/some/path"))
    assert found == code and "/some/path" in message and os.strerror(number) in message


def test_a_defect_of_ours_is_not_explained_away(monkeypatch):
    assert explain(ValueError("x")) is None and explain(KeyError("x")) is None
    assert explain(MemoryError())[1] == 1
    message, code = explain(
        ModuleNotFoundError("No module named 'tensorflow_datasets'", name="tensorflow_datasets")
    )
    assert code == 1 and "pip install 'keras_selectivity[tensorflow]'" in message
    assert explain(ModuleNotFoundError("No module named 'x'", name="x")) is None
    monkeypatch.setattr("keras_selectivity.datasets.status", lambda data_dir: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["data", "list"])
