"""Parts of unfinished pieces, which outlive the process that did them."""

import numpy as np
import pytest

from keras_selectivity.results import Results

SHARED = {"model": "a", "fingerprint": "f" * 64, "protocol": "{}", "severity": None}


@pytest.fixture(name="path", params=["rows", "rows.csv", None])
def _path(request, tmp_path):
    return request.param and tmp_path / request.param


def test_a_part_is_there_until_the_piece_is_done(path):
    parts = Results(path).parts(SHARED)
    assert parts.read("images-0-2") is None
    parts.write("images-0-2", {"left": np.array([3, 1])})
    kept = parts if path is None else Results(path).parts(SHARED)
    np.testing.assert_array_equal(kept.read("images-0-2")["left"], [3, 1])
    assert kept.read("images-0-2").keys() == {"left"} and kept.read("images-2-4") is None
    kept.forget()
    assert kept.read("images-0-2") is None


@pytest.mark.parametrize("changed", ["fingerprint", "protocol", "model"])
def test_a_part_of_another_network_or_protocol_is_not_taken(tmp_path, changed):
    results = Results(tmp_path / "rows")
    results.parts(SHARED).write("all", {"left": np.ones(2)})
    other = results.parts({**SHARED, changed: "other"})
    assert other.read("all") is None
    other.write("all", {"left": np.zeros(2)})
    other.forget()
    np.testing.assert_array_equal(results.parts(SHARED).read("all")["left"], np.ones(2))


def test_nothing_is_left_lying(tmp_path):
    results = Results(tmp_path / "rows")
    results.parts(SHARED).write("all", {"left": np.ones(2)})
    assert len(list(tmp_path.rglob("*.npz"))) == 1 and not list((tmp_path / "rows").glob("*"))
    results.parts(SHARED).forget()
    assert not list(tmp_path.iterdir())
    results.parts(SHARED).forget()


def test_a_damaged_part_is_done_again(tmp_path, caplog):
    parts = Results(tmp_path / "rows").parts(SHARED)
    parts.write("all", {"left": np.arange(1000)})
    (file,) = tmp_path.rglob("*.npz")
    whole = file.read_bytes()
    for damaged in (b"", whole[:300], whole[:600] + b"?" + whole[601:], b"x" * 50):
        file.write_bytes(damaged)
        assert parts.read("all") is None
        assert "damaged" in caplog.text and "done again" in caplog.text
        caplog.clear()


def test_to_overwrite_is_to_start_again(tmp_path):
    path = tmp_path / "rows.csv"
    Results(path).parts(SHARED).write("all", {"left": np.ones(2)})
    assert Results(path).parts(SHARED).read("all")
    assert Results(path, overwrite=True).parts(SHARED).read("all") is None
