"""How far a study is, as tables that fit the terminal."""

import pytest

from keras_selectivity.reports import show
from keras_selectivity.reports import status_table
from keras_selectivity.reports import study_table
from keras_selectivity.studies import make_study

STUDY = make_study(
    {
        "study": {"name": "s", "title": "t", "description": "d"},
        "grid": {"alphas": [-1.0, 0.0], "seeds": list(range(500))},
        "run": {"dataset": "shapes", "network": "resnet8", "epochs": 3, "validation_per_class": 50},
        "arms": [{"name": "leaky", "negative_slope": 0.1, "alphas": [0.0], "seeds": [0, 1]}],
    }
)


def row(name="run", state="waiting", epochs=0, of=200, **other):
    return {
        "name": name, "arm": "main", "state": state, "epochs": epochs, "of": of, "val_accuracy": None,
        "seconds_per_epoch": None, "reason": None, **other,
    }  # fmt: skip


def shown(status, everything=False, **measured):
    return show(status_table(status, measured.__getitem__, everything), everything).split("\n")


def test_each_state_says_what_there_is_to_say():
    status = [
        row("a", "done", 200, seconds_per_epoch=36.0),
        row("b", "running", 50, val_accuracy=0.8125, seconds_per_epoch=36.0),
        row("c", "failed", 3, reason="no space"),
        row("d"),
    ]
    heading, *lines = shown(status, a={"accuracy": 0.9012, "mean_selectivity": 0.21})
    assert heading.split() == ["run", "state", "epochs", "accuracy", "selectivity"]
    assert [line.split() for line in lines[:4]] == [
        ["a", "done", "200/200", "90.12%", "0.210"],
        # 150 epochs of 36 s
        ["b", "running", "50/200", "val", "81.25%", "90", "min", "left"],
        ["c", "failed", "3/200", "no", "space"],
        ["d", "waiting", "0/200"],
    ]
    # 547 epochs of 36 s, one run at a time
    assert lines[4] == "4 runs: 1 done, 1 waiting, 1 running, 1 failed. 547 epochs left, about 5 h 28 min."


def test_of_many_runs_those_are_listed_that_are_worked_on_or_failed():
    status = [row(f"waits{n}") for n in range(1316)]
    status += [
        row("works", "running", 1),
        row("broke", "failed", reason="x" * 300),
        row("ended", "done", 200),
    ]
    lines = shown(status, ended={})
    assert [line.split()[0] for line in lines if line.startswith(("works", "broke", "ended", "waits"))] == [
        "broke", "works",
    ]  # fmt: skip
    assert "x" * 300 in "".join(line.strip() for line in lines)  # a reason is shown whole
    assert max(map(len, lines)) <= 100
    assert len(shown(status, True, ended={})) == 1 + 1319 + 1


@pytest.mark.parametrize("everything", [False, True])
def test_what_looks_like_markup_is_text(everything):
    assert "[bold]" in shown([row("a", "failed", reason="[bold] [/]")], everything)[1]


def test_a_study_is_a_line_per_arm():
    status = [row(name, "waiting", arm=STUDY.arms[name], of=3) for name in STUDY.runs]
    lines = show(study_table(status, STUDY.runs)).split("\n")
    assert [line.split() for line in lines[1:3]] == [
        ["main", "2", "500", "1,000", "0", "3,000"],
        ["leaky", "1", "2", "2", "0", "6"],
    ]
    assert lines[3].startswith("1,002 runs: 1,002 waiting. 3,006 epochs left") and len(lines) == 4 + (
        len(lines[3]) > 100
    )
