"""Results that grow piece by piece in a folder: whole after every kill, never written again, packed once."""

import os

import polars as pl
import pytest

import keras_selectivity as ks
from keras_selectivity._errors import DamagedError
from keras_selectivity.results import PIECE
from keras_selectivity.results import Results
from keras_selectivity.results import frame
from keras_selectivity.results import read
from keras_selectivity.results import write

SHARED = {
    "model": "m",
    "fingerprint": "f",
    "dataset": "shapes",
    "split": "test",
    "protocol": "{}",
    "samples": 10,
}


def piece(number):
    """A piece with a row of the network and two of units."""
    shared = {**SHARED, "severity": number + 1, "measure": "accuracy", "value": 0.5}
    return [shared, *({**shared, "layer": "a", "unit": unit} for unit in range(2))]


def key(number):
    return tuple({**dict.fromkeys(PIECE), **SHARED, "severity": number + 1}[name] for name in PIECE)


def filled(path, pieces=3):
    results = Results(path)
    for number in range(pieces):
        results.add(piece(number))
    return results


def test_a_folder_holds_what_was_added_in_order(tmp_path):
    results = filled(tmp_path / "rows")
    rows = frame(row for number in range(3) for row in piece(number))
    of_units = pl.col("unit").is_not_null()
    expected = pl.concat([rows.filter(~of_units), rows.filter(of_units)])
    assert results.frame().equals(expected) and read(tmp_path / "rows").equals(expected)
    assert Results(tmp_path / "rows").has(key(2), "f") and not results.has(key(3), "f")
    with pytest.raises(ks.InputError, match="another network called m"):
        results.has(key(2), "g")


def test_packing_changes_nothing_and_more_can_be_added(tmp_path):
    results = filled(tmp_path / "rows")
    before = results.frame()
    results.pack()
    results.pack()  # there is nothing left to pack
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == ["pack-0001"]
    assert read(tmp_path / "rows").equals(before)
    more = Results(tmp_path / "rows")
    assert more.has(key(2), "f")
    more.add(piece(3))
    more.pack()
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == ["pack-0001", "pack-0002"]
    assert read(tmp_path / "rows").height == 12


def test_no_file_of_a_folder_is_written_again(tmp_path):
    results = filled(tmp_path / "rows")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "rows").iterdir()}
    results.add(piece(3))
    assert len(before) == 6 and all(path.stat().st_mtime_ns == at for path, at in before.items())


class Killed(BaseException):
    """In place of a signal."""


@pytest.mark.parametrize("step", range(15))
def test_stopped_at_any_file_nothing_is_lost_or_doubled(tmp_path, monkeypatch, step):
    """Adding writes two files, packing two and a folder, and then deletes six: stopped after each of these."""
    results = filled(tmp_path / "rows", 2)
    done = []

    def stopping(function):
        def stopped(*arguments, **options):
            function(*arguments, **options)
            done.append(arguments)
            if len(done) == step + 1:
                raise Killed

        return stopped

    monkeypatch.setattr(os, "replace", stopping(os.replace))
    monkeypatch.setattr(os, "unlink", stopping(os.unlink))
    with pytest.raises(Killed):
        results.add(piece(2))
        results.pack()
        results.add(piece(3))
        results.add(piece(4))
    monkeypatch.undo()
    found = read(tmp_path / "rows")
    again = Results(tmp_path / "rows")
    assert again.frame().equals(found)
    there = [number for number in range(5) if again.has(key(number), "f")]
    assert there[:2] == [0, 1] and found.height == 3 * len(there)
    for number in set(range(5)) - set(there):
        again.add(piece(number))
    again.pack()
    assert sorted(read(tmp_path / "rows")["severity"].unique()) == [1, 2, 3, 4, 5]
    assert read(tmp_path / "rows").height == 15
    assert {path.name.partition("-")[0] for path in (tmp_path / "rows").iterdir()} == {"pack"}


@pytest.mark.parametrize("packed", [False, True], ids=["pieces", "pack"])
@pytest.mark.parametrize("kind", ["rows", "units"])
def test_what_is_damaged_is_named_and_done_again_alone(tmp_path, packed, kind):
    results = filled(tmp_path / "rows")
    if packed:
        results.pack()
        file = tmp_path / "rows" / "pack-0001" / f"{kind}.parquet"
    else:
        (file,) = (
            p for p in (tmp_path / "rows").glob("000002-*") if (".units." in p.name) == (kind == "units")
        )
    content = bytearray(file.read_bytes())
    content[50] ^= 1
    file.write_bytes(content)
    for reader in (read, Results):
        with pytest.raises(DamagedError, match=f"{file.name} is damaged"):
            reader(tmp_path / "rows")
    found = Results(tmp_path / "rows", damaged=lambda path, error: os.rename(path, f"{path}.damaged-1"))
    assert [found.has(key(number), "f") for number in range(3)] == (
        [False] * 3 if packed else [True, False, True]
    )
    for number in range(3):
        if not found.has(key(number), "f"):
            found.add(piece(number))
    assert read(tmp_path / "rows").height == 9


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda: piece(0) + piece(1), "of 2 pieces. Add one at a time"),
        (lambda: piece(2), "hold that piece already"),
        (lambda: [{**SHARED, "samples": True}], "samples is a whole number, and is True"),
        (lambda: [{**SHARED, "samples": 1.5}], "samples is a whole number, and is 1.5"),
        (lambda: [{**SHARED, "value": "0.5"}], "value is a number, and is '0.5'"),
        (lambda: [{**SHARED, "value": [0.5]}], r"value is a number, and is \[0.5\]"),
        (lambda: [{**SHARED, "epsilon": float("inf")}], "epsilon is finite"),
        (lambda: [{**SHARED, "layer": 5}], "layer is text, and is 5"),
        (lambda: [{**SHARED, "layer": "a\ud800"}], "layer is a line of printable characters"),
        (lambda: [{**SHARED, "severity": 6}], r"severity lies in \[1, 5\], and is 6"),
        (lambda: [{**SHARED, "measure": "accuracy", "value": 1.5}], r"accuracy lies in \[0, 1\], and is 1.5"),
        (lambda: [{**SHARED, "colour": "red"}], "no columns colour"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_changes_nothing(tmp_path, rows, message):
    results = filled(tmp_path / "rows")
    before = results.frame()
    with pytest.raises(ks.InputError, match=message):
        results.add(rows())
    assert results.frame().equals(before) and len(list((tmp_path / "rows").iterdir())) == 6


def test_pieces_of_another_table_are_adopted_once(tmp_path):
    older = filled(tmp_path / "older", 3).frame()
    results = filled(tmp_path / "rows", 1)
    for _ in range(2):
        results.adopt(older)
        assert results.frame().height == 9 and results.has(key(2), "f")
    assert read(tmp_path / "rows").height == 9


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_is_overwritten_and_a_file_of_someone_else_is_not(tmp_path, suffix):
    thesis, table = tmp_path / f"thesis{suffix}", tmp_path / f"table{suffix}"
    thesis.write_text("subject,age\n1,52\n")
    with pytest.raises(ks.InputError, match=r"thesis.* holds something else and is not overwritten"):
        Results(thesis, overwrite=True)
    assert thesis.read_text() == "subject,age\n1,52\n"
    filled(table, 3)
    filled(tmp_path / f"other{suffix}", 1)
    results = Results(table, overwrite=True)
    assert read(table).height == 9, "until there is a first piece"
    results.add(piece(0))
    assert read(table).equals(read(tmp_path / f"other{suffix}"))


def test_a_folder_is_not_overwritten_and_a_table_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ks.InputError, match="not overwritten"):
        Results(tmp_path / "rows", overwrite=True)
    for table in ([], {"a": 1}, None):
        with pytest.raises(ks.InputError, match="is a Polars frame"):
            ks.claims.check(table)
        with pytest.raises(ks.InputError, match="is a Polars frame"):
            write(tmp_path / "a.csv", table)
    with pytest.raises(ks.InputError, match="There are no columns colour"):
        ks.results.pick(frame([]), "accuracy", colour="red")
    with pytest.raises(ks.InputError, match="lacks the columns alpha, arm"):
        ks.claims.check(pl.DataFrame({"a": [1]}))


def test_a_table_of_other_columns_is_not_written(tmp_path):
    write(tmp_path / "a.csv", pl.DataFrame({"model": ["m"], "value": [0.5], "measure": ["accuracy"]}))
    assert read(tmp_path / "a.csv").row(0, named=True)["schema"] == 4
    for bad, message in (({"colour": [1]}, "no columns colour"), ({"value": ["x"]}, "value is a number")):
        with pytest.raises(ks.InputError, match=message):
            write(tmp_path / "b.csv", pl.DataFrame(bad))
    assert not (tmp_path / "b.csv").exists()
