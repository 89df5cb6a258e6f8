"""Tables of older schemas are read as if written by this version."""

import csv
import json

import polars as pl
import pytest

import keras_selectivity as ks
from keras_selectivity._seal import PLACE
from keras_selectivity._seal import seal
from keras_selectivity.measurements import measurements
from keras_selectivity.results import COLUMNS
from keras_selectivity.results import Part
from keras_selectivity.results import Results
from keras_selectivity.results import join
from keras_selectivity.results import read
from keras_selectivity.results._sealed import SEAL

RENAMED = {
    "controls": "masking",
    "corruption": "corruptions",
    "off-axis": "off_axis",
    "unit gradients": "unit_gradients",
}


def written(path, schema, names):
    """A table without a checksum, as the first version wrote them: a row for each measurement."""
    columns = [name for name in COLUMNS if name != "training" or schema > 3]
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for name in names:
            protocol = json.dumps({"evaluation": name, "source": 'says "evaluation": controls'})
            writer.writerow(
                {"schema": schema, "model": "a", "measure": "x", "value": 1, "protocol": protocol}
            )
    return path


@pytest.mark.parametrize("schema", [1, 2])
def test_measurements_have_the_names_of_study_files(tmp_path, schema):
    names = [*RENAMED, "clean", "fgsm"]
    found = read(written(tmp_path / "a.csv", schema, names))
    protocols = [json.loads(protocol) for protocol in found["protocol"]]
    assert [p["evaluation"] for p in protocols] == [RENAMED.get(name, name) for name in names]
    assert {p["source"] for p in protocols} == {'says "evaluation": controls'}
    assert set(found["schema"]) == {4}
    assert {p["evaluation"] for p in protocols} <= set(measurements())


@pytest.mark.parametrize("schema", [3, 4])
def test_a_table_that_has_these_names_is_left_as_it_is(tmp_path, schema):
    found = read(written(tmp_path / "a.csv", schema, ["corruption"]))
    assert json.loads(found["protocol"][0])["evaluation"] == "corruption"
    assert found["training"].to_list() == [None] and set(found["schema"]) == {4}


def test_a_table_of_this_schema_has_all_columns(tmp_path):
    older = written(tmp_path / "a.csv", 3, ["clean"]).read_text()
    (tmp_path / "a.csv").write_text(older.replace("\n3,", "\n4,"))
    with pytest.raises(ks.InputError, match="lacks the columns training"):
        read(tmp_path / "a.csv")


def test_pieces_of_an_older_version_lie_beside_new_ones(tmp_path):
    rows = [{"model": "a", "measure": "x", "value": 1.0, "perturbation": str(n)} for n in range(4)]
    results = Results(tmp_path / "rows")
    for row in rows:
        results.add([row])
    for number, file in enumerate(sorted((tmp_path / "rows").glob("*.parquet"))):
        if number % 2:  # without the column, as it was written then
            table = pl.read_parquet(file).drop("training").with_columns(schema=pl.lit(3, pl.Int64))
            table.write_parquet(file, metadata={SEAL: PLACE})
            seal(file)
    results = Results(tmp_path / "rows")
    results.add([{**rows[0], "model": "b", "training": "{}"}])
    for _ in range(2):
        found = read(tmp_path / "rows")
        assert sorted(found["training"].to_list(), key=str) == [*[None] * 4, "{}"]
        assert join(tmp_path / "all.parquet", [Part(tmp_path / "rows")], print)
        assert read(tmp_path / "all.parquet").height == 5
        results.pack()


def test_an_older_table_is_continued(tmp_path):
    path = written(tmp_path / "a.csv", 2, ["off-axis"])
    results = Results(path)
    results.add([{"model": "b", "measure": "x", "value": 2.0, "protocol": '{"evaluation": "off_axis"}'}])
    assert [json.loads(p)["evaluation"] for p in read(path)["protocol"]] == ["off_axis", "off_axis"]
