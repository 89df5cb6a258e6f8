"""What is damaged or gone in the folder of a study is noticed, named and done again; what is whole stays."""

import shutil

import pytest

from keras_selectivity.results import read
from keras_selectivity.studies import RunsFolder
from keras_selectivity.studies import make_study
from keras_selectivity.studies import run_study
from keras_selectivity.studies.engines import Here
from keras_selectivity.training import RunCheckpoint

NAME = "alpha-1_seed0"
STUDY = make_study(
    {
        "study": {"name": "tiny", "title": "t", "description": "d"},
        "grid": {"alphas": [-1], "seeds": [0]},
        "run": {
            "dataset": "shapes", "network": "tiny", "epochs": 2, "milestones": [1], "batch_size": 20,
            "validation_per_class": 10, "train_samples": 40, "pad": 0,
        },
        "evaluation": {"limit": 20},
    }
)  # fmt: skip


def again(folder):
    return read(run_study(STUDY, Here(folder / "runs", verbose=0), folder)).to_dicts()


def flip(path, bit=0):
    """Flips a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1 << bit
    path.write_bytes(content)


@pytest.fixture(scope="module", name="once")
def _once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("once")
    again(folder)
    return folder


@pytest.fixture(scope="module", name="stopped")
def _stopped(tmp_path_factory):
    """A study that was stopped after its first epoch."""
    folder, patch = tmp_path_factory.mktemp("stopped"), pytest.MonkeyPatch()
    original = RunCheckpoint.on_epoch_end

    def stop(self, epoch, logs=None):
        original(self, epoch, logs)
        raise KeyboardInterrupt

    with patch.context() as patched:
        patched.setattr(RunCheckpoint, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            again(folder)
    return folder


# Damage to a finished study -> function of its folder of runs, what is said, what is set aside, whether there is a new
# model
FINISHED = {
    "a bit in config.json": (
        lambda runs: flip(runs / NAME / "config.json"), "config.json is damaged", f"{NAME}.damaged-1", True),
    "a bit in run.json": (
        lambda runs: flip(runs / NAME / "model" / "run.json"), "run.json is damaged", f"{NAME}/model.damaged-1", True),
    "run.json is gone": (
        lambda runs: (runs / NAME / "model" / "run.json").unlink(), "lacks its run.json", f"{NAME}/model.damaged-1", True),
    "model is gone": (
        lambda runs: shutil.rmtree(runs / NAME / "model"), "rows are of a network that is gone",
        f"{NAME}/rows.replaced-1", True),
    "a bit in the rows": (
        lambda runs: flip(runs / NAME / "rows" / "pack-0001" / "rows.parquet"), "rows.parquet is damaged",
        f"{NAME}/rows/pack-0001.damaged-1", False),
    "a bit in study.json": (
        lambda runs: flip(runs / "_state" / "study.json"), "study.json is damaged", None, False),
    "a bit in a note": (lambda runs: flip(runs / "_state" / f"{NAME}.json"), "", None, False),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", FINISHED)
def test_a_finished_study_is_healed(once, tmp_path, caplog, case):
    damage, said, aside, new = FINISHED[case]
    runs = shutil.copytree(once / "runs", tmp_path / "runs")
    model = runs / NAME / "model" / "saved_model.pb"
    before = model.stat().st_mtime_ns
    damage(runs)
    rows = again(tmp_path)
    assert said in caplog.text
    assert aside is None or (runs / aside).exists()
    assert (model.stat().st_mtime_ns != before) == new
    assert RunsFolder(runs).status(STUDY)[0]["state"] == "done"
    kept = read(once / "results.parquet").to_dicts()
    assert [(r["measure"], r["layer"]) for r in rows] == [(r["measure"], r["layer"]) for r in kept]
    assert new or rows == kept
    assert again(tmp_path) == rows  # and is left alone from then on


STOPPED = {
    "a bit in the checkpoint": lambda folder: flip(folder / "epoch-0001.keras"),
    "a bit in the record": lambda folder: flip(folder / "progress.json"),
    "a record of a wrong type": lambda folder: (folder / "progress.json").write_text('{"epochs": "one"}'),
    "an edited record": lambda folder: (folder / "progress.json").write_text(
        (folder / "progress.json").read_text().replace('"epochs": 1', '"epochs": 2')),
    "half a checkpoint": lambda folder: (folder / "epoch-0001.keras").write_bytes(b"PK\x03\x04"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", STOPPED)
def test_an_interrupted_run_is_begun_again_where_it_cannot_go_on(stopped, once, tmp_path, caplog, case):
    runs = shutil.copytree(stopped / "runs", tmp_path / "runs")
    STOPPED[case](runs / NAME / "checkpoints")
    rows = again(tmp_path)
    assert "damaged" in caplog.text and (runs / f"{NAME}.damaged-1").exists()
    history = {row["epoch"] for row in rows if row["measure"] == "val_accuracy"}
    assert history == {0, 1} and len(rows) == len(read(once / "results.parquet").to_dicts())
