"""Tables of the terminal fit 100 columns and lose nothing."""

import re

import made_up
import numpy as np
import pytest
from scipy import stats

from keras_selectivity.claims import check
from keras_selectivity.measurements import columns
from keras_selectivity.reports import WIDTH
from keras_selectivity.reports import claims_text
from keras_selectivity.reports import table
from keras_selectivity.reports._tables import cells
from keras_selectivity.results import frame
from keras_selectivity.results import mean_interval


@pytest.fixture(scope="module")
def rows():
    return frame(made_up.study(seeds=3))


def test_narrow_tables_hold_the_columns_of_the_wide_one(rows):
    wide = [re.split(r"  +", line.strip()) for line in table(rows, columns()).splitlines()]
    assert len(table(rows, columns()).splitlines()[0]) > WIDTH
    found = [[] for _ in wide]
    for block in table(rows, columns(), WIDTH).split("\n\n"):
        lines = block.splitlines()
        assert max(map(len, lines)) <= WIDTH and len(lines) == len(wide)
        for number, line in enumerate(lines):
            network, seed, *numbers = re.split(r"  +", line.strip())
            assert [network, seed] == wide[number][:2]
            found[number] += numbers
    assert found == [line[2:] for line in wide]


def test_verdicts_fit(rows):
    claims = check(rows)
    lines = claims_text(claims).splitlines()
    assert max(map(len, lines)) <= WIDTH
    for claim in claims.filter(claims["verdict"] != "not tested").to_dicts():
        (line,) = (
            line for line in lines if re.match(rf"{claim['verdict']} +{re.escape(claim['claim'])}  ", line)
        )
        assert claim["ours"].split()[0] in line
    untested = (claims["verdict"] == "not tested").sum()
    assert lines[-1].endswith(f"{untested} not tested.")


@pytest.mark.parametrize("names", [["all 15 corruptions"], ["all 15 corruptions", "all 19 corruptions"]])
def test_a_mean_over_any_number_of_corruptions_has_its_columns(names):
    rows = made_up.study(seeds=1)
    of_all = [row for row in rows if row["perturbation"] == "all 19 corruptions"]
    rest = [row for row in rows if row not in of_all]
    renamed = [
        {**row, "perturbation": name, "value": row["value"] + number / 10}
        for number, name in enumerate(names)
        for row in of_all
    ]
    heads, lines = cells(frame(rest + renamed), columns())
    found = {head: cell.text for head, cell in zip(heads, lines[0], strict=True) if "corruptions" in head}
    expected = {}
    for number, name in enumerate(names):
        value, short = 0.35 + number / 10, name.removeprefix("all ")
        expected |= {short: f"{value:.2%}", f"{short}, relative": f"{value:.3f}"}
    assert found == expected


@pytest.mark.parametrize("seeds", [3, 12])
def test_cells_hold_the_interval(seeds):
    rows = made_up.study(seeds=seeds, everything=False)
    line = cells(frame(rows), columns(), by_alpha=True)[1][0]
    values = [row["value"] for row in rows if row["measure"] == "accuracy" and row["alpha"] == -1.0]
    mean, low, high = mean_interval(values)
    half = stats.t.ppf(0.975, seeds - 1) * np.std(values, ddof=1) / seeds**0.5
    assert line[2].text == f"{np.mean(values):.2%}" == f"{mean:.2%}"
    assert line[2].note == (f"± {half:.2%}" if seeds < 10 else f"{low:.2%} to {high:.2%}")
