"""A page across studies shows each study's own numbers, on one scale per claim."""

import json
import re

import made_up
import numpy as np
import pytest

import keras_selectivity as ks
from keras_selectivity.claims import check
from keras_selectivity.cli import main
from keras_selectivity.measurements import columns
from keras_selectivity.reports import Reported
from keras_selectivity.reports import _comparison_figure as figures
from keras_selectivity.reports import _drawing
from keras_selectivity.reports import claims_text
from keras_selectivity.reports import write_comparison
from keras_selectivity.reports import write_page
from keras_selectivity.results import RUN_FAILED
from keras_selectivity.results import RUN_MISSING
from keras_selectivity.results import frame
from keras_selectivity.results import levels
from keras_selectivity.results import write


@pytest.fixture(name="studies", scope="module")
def _studies():
    tables = [frame(made_up.study(alphas, seeds=3)) for alphas in ((-1.0, 0.0, 1.0), (0.0, 2.0))]
    return [
        Reported(f"Study <{n}>", table, check(table), "../a b/index.html" if n else None)
        for n, table in enumerate(tables)
    ]


def test_a_page_shows_the_studies_side_by_side(studies, tmp_path):
    text = write_comparison(tmp_path, studies).read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"index.html", "trade_offs.png"}
    assert "A Study &lt;0&gt;" in text and '<a href="../a%20b/index.html">B Study &lt;1&gt;</a>' in text
    rows = re.findall(r'<tr id="claim-\d+".*?</tr>', text, re.S)
    tested = {c["claim"] for s in studies for c in s.claims.to_dicts() if c["verdict"] != "not tested"}
    assert len(rows) == len(tested) > 5
    for row in rows:
        name = re.search(r'data-claim="([^"]*)"', row)[1].replace("&#39;", "'")
        verdicts = [next(c["verdict"] for c in s.claims.to_dicts() if c["claim"] == name) for s in studies]
        assert re.findall(r'class="badge \w+">(?:[✓✗?] )?([^<]*)<', row) == verdicts


def test_runs_without_results_are_counted_wherever_a_study_is_reported(studies, tmp_path):
    runs = made_up.study((2.0,), seeds=3, everything=False)
    gone = [
        {**row, "value": None, "protocol": None, "measure": RUN_FAILED if row["seed"] < 2 else RUN_MISSING}
        for row in runs
        if (row["measure"], row["layer"]) == ("accuracy", None)
    ]
    rows = frame(made_up.study(seeds=3, everything=False) + gone)
    found, texts = check(rows), ("2 runs failed: α = 2 (2 of 3)", "1 run missing: α = 2 (1 of 3)")
    told = {"title": "t", "description": "d", "results": None, "columns": columns()}
    pages = [
        write_page(tmp_path / "page", rows, **told, claims=found, formats=()).read_text(),
        write_comparison(tmp_path, [studies[0], Reported("Other", rows, found)], formats=()).read_text(),
        claims_text(found),
    ]
    assert all(text in page for page in pages for text in texts)
    assert len(found.filter(found["verdict"] != "not tested")) > 0


def test_the_plots_of_a_claim_have_one_scale(studies, tmp_path):
    text = write_comparison(tmp_path, studies, formats=()).read_text()
    both = [row for row in re.findall(r'<tr id="claim-\d+".*?</tr>', text, re.S) if row.count("<svg") == 2]
    places = [re.findall(r'class="none" x1="([\d.]+)"', row) for row in both]
    assert any(len(of) == 2 for of in places) and all(len(set(of)) <= 1 for of in places)


def test_trade_offs_are_the_rows(studies):
    parts = [
        part for n, study in enumerate(studies) for part in figures.parts_of("AB"[n], levels(study.rows))
    ]
    figure = _drawing.Figure()
    figures.trade_offs(figure, parts)
    measured, relative = figure.axes
    lines = [line for line in measured.lines if line.get_alpha() == 0.7]
    index, accuracy = lines[0].get_data()
    np.testing.assert_allclose(index, 0.3 + np.tanh([-1, 0, 1]) / 5 + np.array([1, 4, 7]) / 1000)
    np.testing.assert_allclose(accuracy, 80 - 20 * np.tanh([1, 0, 1]) + np.array([0.1, 0.4, 0.7]))
    x, y = next(line for line in relative.lines if line.get_alpha() == 0.7).get_data()
    np.testing.assert_allclose(x, index / index[1])
    np.testing.assert_allclose(y, accuracy - accuracy[1])


def test_one_study_is_not_compared(studies, tmp_path):
    with pytest.raises(ks.InputError, match="Received 1"):
        write_comparison(tmp_path, studies[:1])


_STUDY = """[study]
name = "{0}"
title = "Study {0}"
description = "d"
[grid]
alphas = [-1, 0, 1]
seeds = [0, 1, 2]
[run]
dataset = "shapes"
network = "resnet8"
milestones = [1]
validation_per_class = 9
"""


@pytest.fixture(name="files")
def _files(tmp_path):
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "study.toml").write_text(_STUDY.format(name))
        write(folder / "results.csv", frame(made_up.study(seeds=3, everything=False)))
        found.append(str(folder / "study.toml"))
    return found


def test_the_command_compares_studies(files, tmp_path, capsys):
    assert main(["study", "report", *files, "--output", str(tmp_path / "both"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == set(files)
    assert "Study two" in (tmp_path / "both" / "index.html").read_text()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "name one with --output"),
        (["--output", "both", "--results", "rows.csv"], "--results names the rows of one study"),
    ],
)
def test_the_command_says_what_several_studies_need(files, more, said, capsys):
    assert main(["study", "report", *files, *more]) == 2
    assert said in capsys.readouterr().err


def test_a_study_is_not_compared_with_itself(files, tmp_path, capsys):
    assert main(["study", "report", files[0], files[0], "--output", str(tmp_path / "both")]) == 2
    assert "named twice" in capsys.readouterr().err
