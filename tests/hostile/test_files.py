"""Files that were damaged, edited or made up: noticed when they are read, and never believed."""

import csv
import json
import os
import random
import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from conftest import tiny_network

import keras_selectivity as ks
from keras_selectivity import _files
from keras_selectivity import _run_file
from keras_selectivity import saved_model
from keras_selectivity._files import clean_leftovers
from keras_selectivity._files import whole_directory
from keras_selectivity._files import whole_file
from keras_selectivity._json_file import mismatch
from keras_selectivity._json_file import read_json
from keras_selectivity._json_file import write_json
from keras_selectivity._seal import check_zip
from keras_selectivity._seal import seal_zip
from keras_selectivity.claims import check
from keras_selectivity.measurements import columns
from keras_selectivity.reports import layer_table
from keras_selectivity.reports import table
from keras_selectivity.reports import write_page
from keras_selectivity.results import COLUMNS
from keras_selectivity.results import Part
from keras_selectivity.results import check_output
from keras_selectivity.results import frame
from keras_selectivity.results import join
from keras_selectivity.results import read
from keras_selectivity.results import write
from keras_selectivity.results._sealed import write_checked
from keras_selectivity.studies import _runs_folder
from keras_selectivity.studies import read_study
from keras_selectivity.training import _progress

STUDY = {
    "study": {"name": "tiny", "title": "t", "description": "d"},
    "grid": {"alphas": [-1], "seeds": [0]},
    "run": {"dataset": "shapes", "network": "tiny", "validation_per_class": 10},
}
PROGRESS = {
    "epochs": 2, "last": "epoch-0002.keras", "best": "epoch-0001.keras", "best_epoch": 0,
    "history": {"val_accuracy": [0.5, None]}, "preferred_classes": [[1, 2], [1, 3]],
}  # fmt: skip
ROW = {
    "arm": "main", "model": "m", "fingerprint": "f1", "network": "n", "dataset": "shapes", "split": "test", "samples": 10,
    "alpha": -0.5, "seed": 0, "epochs": 2, "batch_size": 8, "samples_trained_on": 80, "measure": "accuracy",
    "value": 1 / 3, "protocol": '{"evaluation": "clean"}',
}  # fmt: skip


def members(path):
    check_zip(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# Kind of file -> who reads it
READERS = {
    "config.json": lambda path: read_json(path, {str: object}),
    "study.json": read_study,
    "note.json": lambda path: read_json(path, _runs_folder._NOTE),
    "progress.json": lambda path: _progress.restore(path.parent),
    "run.json": lambda path: read_json(path, saved_model._SHAPE),
    "run.keras": lambda path: (_run_file.read_record(path), members(path)),
    "epoch-0001.keras": members,
    "together.npz": members,
    "rows.parquet": lambda path: read(path).to_dicts(),
    "results.csv": lambda path: read(path).to_dicts(),
}


@pytest.fixture(scope="module", name="written")
def _written(tmp_path_factory, exported_path):
    """One file of every kind that the package writes and reads."""
    folder = tmp_path_factory.mktemp("written")
    write_json(folder / "config.json", {"alpha": -1.0, "validation_per_class": 100})
    write_json(folder / "study.json", {"content": STUDY, "version": "1.0"})
    write_json(folder / "note.json", {"state": "failed", "reason": "no space left"})
    write_json(folder / "progress.json", PROGRESS)
    (folder / "run.json").write_bytes((exported_path / "run.json").read_bytes())
    network = tiny_network()
    _run_file.save_run(network, folder / "run.keras", seed=3, history={"loss": [1.0]}, protocol={"epochs": 1})
    network.save(folder / "epoch-0001.keras")
    seal_zip(folder / "epoch-0001.keras")
    (folder / "epoch-0002.keras").touch()
    np.savez(folder / "together.npz", state=np.arange(50.0))
    seal_zip(folder / "together.npz")
    rows = [{**ROW, "unit": unit, "layer": f"layer{unit % 3}"} for unit in range(60)]
    for name in ("rows.parquet", "results.csv"):
        write(folder / name, frame(rows))
    return folder


@pytest.mark.parametrize("kind", READERS)
def test_no_flipped_bit_is_believed(written, kind):
    path, rng = written / kind, random.Random(kind)
    content, right = path.read_bytes(), READERS[kind](path)
    bits = 8 * len(content)
    # Everywhere, and every bit of the ends, where formats keep what tells the rest apart.
    flips = {*rng.choices(range(bits), k=100), *range(0, 400, 3), *range(bits - 800, bits, 5)}
    believed = 0
    try:
        for bit in sorted(flips):
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            try:
                believed += READERS[kind](path) != right
            except ks.InputError as error:
                assert "\n" not in str(error) and str(path.parent) in str(error)
    finally:
        path.write_bytes(content)
    assert believed == 0 and READERS[kind](path) == right


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("left", [0, 1, 0.5, 0.99], ids=["empty", "a byte", "half", "most"])
def test_truncated_files_are_named(written, tmp_path, kind, left):
    content = (written / kind).read_bytes()
    path = tmp_path / kind
    path.write_bytes(content[: left if isinstance(left, int) else int(left * len(content))])
    with pytest.raises(ks.InputError, match=re.escape(kind)):
        READERS[kind](path)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("what", ["folder", "pipe", "loop", "missing"])
def test_what_is_no_file_is_named(tmp_path, kind, what):
    path = tmp_path / kind
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "loop":
        path.symlink_to(path)
    if kind == "progress.json" and what in ("loop", "missing"):
        assert READERS[kind](path) is None  # no epoch is finished
        return
    with pytest.raises(ks.InputError, match=re.escape(kind)):
        READERS[kind](path)


def test_a_flipped_bit_in_any_file_of_a_saved_model_is_named(exported_path):
    rng = random.Random(0)
    for path in sorted(file for file in exported_path.rglob("*") if file.is_file()):
        content = path.read_bytes()
        try:
            for bit in rng.choices(range(8 * len(content)), k=15):
                flipped = bytearray(content)
                flipped[bit // 8] ^= 1 << bit % 8
                path.write_bytes(flipped)
                with pytest.raises(ks.InputError, match="damaged"):
                    ks.load(exported_path)
        finally:
            path.write_bytes(content)
    assert ks.load(exported_path).classes == 4


# Of an earlier version, without a checksum: the shape alone is checked.
RECORDS = {
    "study.json": ({"content": STUDY, "version": "1.0"}, _runs_folder.STUDY),
    "note.json": ({"state": "done", "seconds": 2.0, "reason": None}, _runs_folder._NOTE),
    "progress.json": (PROGRESS, _progress._SHAPE),
    "training.json": ({"seed": 0, "history": {"loss": [1, None]}, "protocol": {"epochs": 2}}, _run_file.TRAINING),
    "run.json": (
        {"format": "f", "format_version": 1, "alpha": 0, "metric": None, "regularized": ["a"], "classes": 4,
         "layers": [{"name": "a", "units": 3, "shift": False}], "input_shape": [8, 8, 3], "seed": None,
         "protocol": {"alpha": 0.5, "best_epoch": 3}, "history": {}, "versions": {"keras": "3"}, "files": {}},
        saved_model._SHAPE,
    ),
}  # fmt: skip
WRONG = (None, True, 3.5, -1, "x", [], {}, [1], ["x"], [None], [[]], {"a": 1}, {"name": 1}, 10**30, 1e308)


def is_of(value, shape):
    """Whether a value has a shape, by the definition, read anew."""
    if isinstance(shape, tuple):
        return any(is_of(value, each) for each in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(is_of(item, shape[0]) for item in value)
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return False
        needed = {key for key in shape if key is not str and key[-1] != "?"}
        kinds = {key.rstrip("?"): each for key, each in shape.items() if key is not str}
        others = all(key in kinds or str in shape for key in value)
        return (
            needed <= set(value)
            and others
            and all(is_of(v, kinds.get(k, shape.get(str))) for k, v in value.items())
        )
    if shape in (int, float):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return (whole or (shape is float and isinstance(value, float))) and -(2**63) < value < 2**63
    return value is None if shape is None else shape is object or isinstance(value, shape)


@pytest.mark.parametrize("kind", RECORDS)
def test_json_of_wrong_types_is_named(tmp_path, kind):
    right, shape = RECORDS[kind]
    assert mismatch(right, shape) is None and is_of(right, shape)
    changed = [{**right, key: wrong} for key in [*right, "unknown"] for wrong in WRONG]
    changed += [{k: v for k, v in right.items() if k != key} for key in right]
    for key, value in right.items():
        if isinstance(value, dict):
            changed += [
                {**right, key: {**value, inner: wrong}} for inner in [*value, "new"] for wrong in WRONG
            ]
    path, refused = tmp_path / kind, 0
    for value in [*WRONG, *changed]:
        path.write_text(json.dumps(value))
        try:
            assert is_of(read_json(path, shape), shape), value
        except ks.InputError as error:
            assert not is_of(value, shape) and "is damaged" in str(error) and len(str(error)) < 300, value
            refused += 1
    assert refused > 60


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"{", b"[" * 100_000, b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1, "a": 2}', b'{"a": 1e999}',
     b'{"a": ' + b"9" * 5000 + b"}", b"\x00", b'{"a": 1}x', b'{"checksum": "x", "a": 1}', b'{"checksum": 1, "a": 1}'],
    ids=["empty", "no UTF-8", "cut", "deep", "NaN", "infinity", "twice", "overflow", "5000 digits", "NUL", "more",
         "a checksum that is none", "a checksum that is no text"],
)  # fmt: skip
def test_what_is_no_json_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ks.InputError, match=r"a\.json is damaged"):
        read_json(tmp_path / "a.json", {"a": float})


@pytest.mark.parametrize(
    "change",
    [{"epochs": 3}, {"epochs": 0}, {"best_epoch": 2}, {"best_epoch": -1}, {"last": "../epoch-0002.keras"},
     {"best": "epoch-0002.keras"}, {"history": {"loss": [1.0]}}, {"preferred_classes": [[1]]}],
    ids=str,
)  # fmt: skip
def test_a_record_of_progress_that_contradicts_itself_is_named(tmp_path, change):
    for name in (PROGRESS["last"], PROGRESS["best"]):
        (tmp_path / name).touch()
    write_json(tmp_path / "progress.json", PROGRESS)
    assert _progress.restore(tmp_path) == PROGRESS
    write_json(tmp_path / "progress.json", {**PROGRESS, **change})
    with pytest.raises(ks.InputError, match="contradict each other"):
        _progress.restore(tmp_path)


@pytest.mark.parametrize(
    "record",
    [{"seed": "a"}, {"seed": 1.5}, {"seed": True}, {"history": 5}, {"history": {"loss": 5}}, {"history": {"loss": ["x"]}},
     {"history": {1: [0.5]}}, {"protocol": 5}, {"protocol": {"epochs": "ten"}}, {"protocol": {"best_epoch": None}},
     {"protocol": {"a": {1}}}, {"protocol": {"a": float("nan")}}, {"protocol": {"a": np.float32(1)}}],
    ids=str,
)  # fmt: skip
def test_what_would_not_be_read_is_not_written(tmp_path, record):
    network, record = tiny_network(), {"seed": None, "history": None, "protocol": None, **record}
    for function, name in ((_run_file.save_run, "a.keras"), (ks.export, "a")):
        with pytest.raises(ks.InputError):
            function(network, tmp_path / name, **record)
    assert list(tmp_path.iterdir()) == []


CELLS = {
    "schema": ("-1", "0", "x", "2.5", "1e2"),
    "arm": ("../../evil", "a/b", "<b>", "a b", "", "x" * 101),
    "model": ("a\nb", "a\x1b[2Jb", "a\x7fb", "\u2028"),
    "layer": ("a\x00b", "\x85"),
    "network": ("a\tb",),
    "alpha": ("x", "inf", "-inf", "1e999", "[1]"),
    "seed": ("x", "1.5", "99999999999999999999", "nan"),
    "epochs": ("-1", "two"),
    "batch_size": ("0", "-8"),
    "samples": ("-10", "1e3"),
    "severity": ("0", "6", "x"),
    "epsilon": ("-0.1", "inf"),
    "steps": ("-1", "0.5"),
    "unit": ("-1", "None"),
    "epoch": ("-1", "0x10"),
    "value": ("7.0", "-0.5", "1.01", "high"),
    "protocol": ("x", "[1]", "5", "null", '{"evaluation": 1}', '{"a"', "[" * 10_000),
    "training": ("x", "[1]", "5", "null", '{"a"'),
}


@pytest.mark.parametrize(
    ("column", "cell"), [(name, cell) for name, cells in CELLS.items() for cell in cells]
)
def test_no_cell_of_a_table_is_taken_on_trust(tmp_path, column, cell):
    path = tmp_path / "r.csv"
    names = list(COLUMNS)
    values = {"schema": 4, **ROW, column: cell}
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([names, [values.get(name, "") for name in names]])
    if cell == "" or (column, cell) == ("seed", "nan"):
        cell = None
    try:
        found = read(path).to_dicts()
    except ks.InputError as error:
        assert len(str(error)) < 300
    else:
        assert cell is None and found[0][column] is None


TABLES = {
    "a column twice": lambda names, line: ([*names, "value"], [*line, "0.1"]),
    "an unknown column": lambda names, line: ([*names, "colour"], [*line, "red"]),
    "a column lacks": lambda names, line: (names[:-1], line[:-1]),
    "a long row": lambda names, line: (names, [*line, "x"]),
    "a short row": lambda names, line: (names, line[:-1]),
    "no heading": lambda names, line: (line, line),
    "a quote that is not closed": lambda names, line: (names, [*line[:-1], '"x']),
    "no columns": lambda names, line: ([], []),
}


@pytest.mark.parametrize("change", TABLES.values(), ids=list(TABLES))
def test_tables_of_another_form_are_refused(tmp_path, change):
    names = list(COLUMNS)
    values = {
        "schema": "4",
        **{k: str(v).replace('"', "'") if k != "protocol" else "" for k, v in ROW.items()},
    }
    names, line = change(names, [values.get(name, "") for name in names])
    (tmp_path / "r.csv").write_text(",".join(names) + "\n" + ",".join(line) + "\n")
    with pytest.raises(ks.InputError, match=r"r\.csv"):
        read(tmp_path / "r.csv").to_dicts()


def test_a_row_twice_is_refused_and_a_heading_alone_is_an_empty_table(tmp_path):
    for name in ("r.csv", "r.parquet"):
        write_checked(tmp_path / name, frame([ROW, {**ROW, "value": 0.5}]).lazy())
        with pytest.raises(ks.InputError, match="holds a row twice"):
            read(tmp_path / name).to_dicts()
        write(tmp_path / name, frame([]))
        assert read(tmp_path / name).to_dicts() == []


@pytest.mark.parametrize(
    ("column", "values"),
    [("value", [[0.5]]), ("value", [b"x"]), ("unit", [True]), ("unit", [1.5]), ("model", [5]), ("model", [b"m"]),
     ("model", [{"a": 1}]), ("seed", [2**63 - 1 + 0.0]), ("alpha", [float("inf")]), ("arm", ["../x"]), ("schema", [-1])],
    ids=str,
)  # fmt: skip
def test_columns_of_another_kind_are_refused(tmp_path, column, values):
    row = {"schema": 4, **ROW}
    table = {name: values if name == column else [row.get(name)] for name in COLUMNS}
    pl.DataFrame(table).write_parquet(tmp_path / "r.parquet")
    with pytest.raises(ks.InputError, match=r"r\.parquet has a bad cell"):
        read(tmp_path / "r.parquet").to_dicts()


HOSTILE = ("=1+1", "+1", "-x", "@SUM(A1)", "'=x", "'", "<script>alert(1)</script>", '" onload="x', r"$\frac{a$", "a$b$c",
           "$", r"\$", "..", "&amp;")  # fmt: skip


@pytest.mark.parametrize("name", ["r.csv", "r.parquet"])
def test_names_come_back_as_they_were_and_no_cell_is_a_formula(tmp_path, name):
    rows = [{**ROW, "model": text, "layer": text, "dataset": text} for text in HOSTILE]
    write(tmp_path / name, frame(rows))
    assert [row["layer"] for row in read(tmp_path / name).to_dicts()] == list(HOSTILE)
    if name == "r.csv":
        with open(tmp_path / name, newline="") as file:
            texts = {
                cell
                for row in csv.DictReader(file)
                for column, cell in row.items()
                if COLUMNS.get(column) is str
            }
        assert not [text for text in texts if text[:1] in set("=+-@")]


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.scripts = set(), 0

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.found |= {tag, *(name for name, _ in attrs)}


def test_a_page_shows_hostile_names_as_they_are(tmp_path):
    rows = []
    for number, text in enumerate(HOSTILE):
        shared = {
            **dict.fromkeys(COLUMNS),
            **ROW,
            "model": text,
            "alpha": None,
            "dataset": text,
            "samples": number + 1,
        }
        shared["dataset"], shared["samples"] = "<i>shapes</i>", 10
        rows += [shared, {**shared, "measure": "mean_selectivity"}]
        rows += [{**shared, "measure": "mean_selectivity", "layer": layer} for layer in HOSTILE]
        rows.append({**shared, "measure": "val_accuracy", "epoch": 0, "protocol": None})
    rows = frame(rows)
    page = write_page(
        tmp_path, rows, title="<u>", description="<u>", results='" onload="x.csv', columns=columns(), claims=check(rows),
        formats=("png", "svg"),
    )  # fmt: skip
    tags = _Tags()
    tags.feed(page.read_text())
    assert not tags.found & {"onload", "i", "u"}
    assert tags.scripts == 1  # the page's own, which alone the browser is told to run
    assert "script-src &#39;sha256-" in page.read_text() or "script-src 'sha256-" in page.read_text()
    assert {file.suffix for file in tmp_path.iterdir()} == {".html", ".png", ".svg"}
    assert "<script>" not in (tmp_path / "selectivity_by_layer.svg").read_text()
    assert r"$\frac{a$" in table(rows, columns())


def test_rows_without_a_result_are_said_to_be_none(tmp_path):
    none = {**dict.fromkeys(COLUMNS), **ROW, "value": None}
    for rows in map(frame, ([], [none], [{**none, "measure": "loss", "value": 1.0}])):
        for function in (
            check,
            lambda r: write_page(tmp_path, r, title="", description="", results=None, columns=columns()),
        ):
            with pytest.raises(ks.InputError, match="no accuracy on a test split"):
                function(rows)
        assert table(rows, columns()) and layer_table(rows)


def test_a_diverged_network_is_named_and_the_others_are_shown(tmp_path):
    rows = []
    for alpha in (-1.0, 0.0, 1.0):
        for measure in ("accuracy", "mean_selectivity"):
            value = None if alpha == 1 and measure == "mean_selectivity" else 0.5
            rows.append({**dict.fromkeys(COLUMNS), **ROW, "model": f"m{alpha}", "alpha": alpha, "measure": measure,
                         "value": value})  # fmt: skip
    rows = frame(rows)
    text = write_page(
        tmp_path, rows, title="", description="", results=None, columns=columns(), claims=check(rows)
    ).read_text()
    assert "Left out, because accuracy or selectivity is undefined</b> (diverged): m1.0." in text
    assert (tmp_path / "accuracy.png").exists() and "α = 1<" not in text


FOREIGN = [b"student,mark\nann,1\n", b"", b"PAR1", b"model,value\na,0.5\n"]


@pytest.mark.parametrize("content", FOREIGN)
@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_a_file_that_is_no_table_of_results_is_not_replaced_by_one(tmp_path, name, content):
    path, part, rows = tmp_path / name, tmp_path / "part.csv", frame([ROW])
    path.write_bytes(content)
    write(part, rows)
    for replace in (
        lambda: write(path, rows),
        lambda: join(path, [Part(part)], None),
        lambda: check_output(path),
    ):
        with pytest.raises(ks.InputError, match="holds something else"):
            replace()
        assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_a_table_of_results_is_replaced_also_when_damaged_or_old(tmp_path, name):
    path, rows = tmp_path / name, frame([ROW])
    write(path, rows)
    path.write_bytes(path.read_bytes().replace(b"accuracy", b"accurasy"))
    write(path, rows)
    assert read(path).height == 1
    without = rows.with_columns(
        pl.col(pl.Categorical).cast(pl.String)
    )  # as versions without checksums wrote it
    without.write_csv(path) if path.suffix == ".csv" else without.write_parquet(path)
    write(path, frame([ROW, {**ROW, "measure": "loss"}]))
    assert read(path).height == 2


def page_of(folder, **options):
    rows = frame(
        {**ROW, "model": f"m{alpha}", "alpha": alpha, "measure": measure}
        for alpha in (-1.0, 0.0, 1.0)
        for measure in ("accuracy", "mean_selectivity")
    )
    write_page(folder, rows, title="t", description="d", results=None, columns=columns(), **options)
    return (folder / "index.html").read_text()


NEW_PAGE = '<meta name="generator" content="keras_selectivity">'
OLD_PAGES = [  # of three versions
    "<!doctype html>\n<body>\n<footer>n trained for 4 epochs. keras_selectivity 0.1.0, Keras 3.15.1.</footer>\n</body>",
    '<p class="kicker">Study report</p>\n<h1 id="title">t</h1>',
    '<p class="kicker">Studies compared</p>\n<h1 id="title">t</h1>',
]


@pytest.mark.parametrize("found", [*OLD_PAGES, NEW_PAGE])
def test_a_page_of_any_version_is_replaced(tmp_path, found):
    (tmp_path / "index.html").write_text(found)
    (tmp_path / "accuracy.png").write_bytes(b"of a version without a mark")
    assert NEW_PAGE in page_of(tmp_path) and page_of(tmp_path) == page_of(tmp_path)


@pytest.mark.parametrize("found", ["<h1>my home page</h1>", "", "I like keras_selectivity 0.2", "a folder"])
def test_a_page_of_someone_else_is_not_replaced(tmp_path, found):
    path = tmp_path / "index.html"
    if found == "a folder":
        path.mkdir()
    else:
        path.write_text(found)
    with pytest.raises(ks.InputError, match=r"index\.html holds something else"):
        page_of(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["index.html"] and (
        path.is_dir() or path.read_text() == found
    )


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_picture_of_someone_else_is_not_replaced_and_one_of_ours_is(tmp_path, ending):
    """Also where a process was killed before it had written the page."""
    page_of(tmp_path, formats=(ending,))
    (tmp_path / "index.html").unlink()
    figures = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert figures
    page_of(tmp_path, formats=(ending,))
    assert {path.name: path.read_bytes() for path in tmp_path.glob(f"*.{ending}")} == figures
    (tmp_path / "index.html").unlink()
    (tmp_path / f"accuracy.{ending}").write_text("mine")
    with pytest.raises(ks.InputError, match=f"accuracy.{ending} holds something else"):
        page_of(tmp_path, formats=(ending,))
    assert (tmp_path / f"accuracy.{ending}").read_text() == "mine" and not (tmp_path / "index.html").exists()


TOKEN = "0123456789abcdef"


def test_a_planted_link_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "target").write_text("mine")
    (tmp_path / f".a.{TOKEN}.part.txt").symlink_to(tmp_path / "target")
    (tmp_path / f".d.{TOKEN}.part").symlink_to(tmp_path)
    monkeypatch.setattr(_files.secrets, "token_hex", lambda size: TOKEN)
    with pytest.raises(FileExistsError), whole_file(tmp_path / "a.txt"):
        pass
    with pytest.raises(FileExistsError), whole_directory(tmp_path / "d"):
        pass
    assert (tmp_path / "target").read_text() == "mine"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_appears_while_a_folder_is_written_is_not_replaced(tmp_path, overwrite, kind):
    path, mine = tmp_path / "d", tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("mine")
    with (
        pytest.raises(ks.InputError, match=r"exists|holds something else"),
        whole_directory(path, overwrite, lambda folder: not (folder / "thesis.tex").exists()) as temporary,
    ):
        (temporary / "a").touch()
        if kind == "folder":
            mine.rename(path)
        elif kind == "link":
            path.symlink_to(mine)
        else:
            (mine / "thesis.tex").rename(path)
    assert (path if kind == "file" else path / "thesis.tex").read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_folder_that_is_ours_is_replaced(tmp_path):
    path = tmp_path / "d"
    path.mkdir()
    (path / "old").touch()
    with whole_directory(
        path, True, lambda folder: [p.name for p in folder.iterdir()] == ["old"]
    ) as temporary:
        (temporary / "new").touch()
    assert [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob("*"))] == ["d", "d/new"]


def test_a_link_to_a_folder_that_is_ours_is_replaced_and_the_folder_stays(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "old").touch()
    (tmp_path / "d").symlink_to(tmp_path / "disk")
    with whole_directory(tmp_path / "d", True, lambda _: True) as temporary:
        (temporary / "new").touch()
    assert not (tmp_path / "d").is_symlink()
    found = [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob("*"))]
    assert found == ["d", "d/new", "disk", "disk/old"]


def test_names_of_writers_with_one_process_id_differ(tmp_path):
    with whole_file(tmp_path / "a.txt") as first, whole_file(tmp_path / "a.txt") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a.txt").read_text() == "first" and len(list(tmp_path.iterdir())) == 1


def test_leftovers_of_the_killed_go_and_those_of_the_living_stay(tmp_path):
    code = (
        "import os, sys; from keras_selectivity._files import whole_directory, whole_file\n"
        "with whole_file(sys.argv[1] + '/rows.csv'), whole_directory(sys.argv[1] + '/model'): os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)  # ends in the middle of writing
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / f".gone.{TOKEN}.old").mkdir()
    (tmp_path / f".gone.{TOKEN}.old" / "mine").touch()
    (tmp_path / "there").mkdir()
    (tmp_path / f".there.{TOKEN}.old").mkdir()
    others = [".hidden", f".x.{TOKEN}", f"x.{TOKEN}.part", ".x.123.part.csv", f".x.{TOKEN.upper()}.part"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / f".link.{TOKEN}.part").symlink_to(tmp_path / ".hidden")
    with whole_file(tmp_path / "b.csv") as living:
        clean_leftovers(tmp_path)
        assert living.exists()
    found = {file.name for file in tmp_path.iterdir()}
    assert found == {*others, "b.csv", "gone", "there", f".link.{TOKEN}.part"}
    assert (tmp_path / "gone" / "mine").exists()
