"""Tables of older schemas are read as if written by this version."""

import csv
import json

import pytest

from keras_selectivity.measurements import measurements
from keras_selectivity.results import COLUMNS
from keras_selectivity.results import Results
from keras_selectivity.results import read

RENAMED = {
    "controls": "masking",
    "corruption": "corruptions",
    "off-axis": "off_axis",
    "unit gradients": "unit_gradients",
}


def written(path, schema, names):
    """A table without a checksum, as the first version wrote them: a row for each measurement."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
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
    assert set(found["schema"]) == {3}
    assert {p["evaluation"] for p in protocols} <= set(measurements())


def test_a_table_of_this_schema_is_left_as_it_is(tmp_path):
    found = read(written(tmp_path / "a.csv", 3, ["corruption"]))
    assert json.loads(found["protocol"][0])["evaluation"] == "corruption"


def test_an_older_table_is_continued(tmp_path):
    path = written(tmp_path / "a.csv", 2, ["off-axis"])
    results = Results(path)
    results.add([{"model": "b", "measure": "x", "value": 2.0, "protocol": '{"evaluation": "off_axis"}'}])
    assert [json.loads(p)["evaluation"] for p in read(path)["protocol"]] == ["off_axis", "off_axis"]
