"""A page of made-up rows, shared by the tests that read it and those that look at it."""

import made_up
import pytest

from keras_selectivity.claims import check
from keras_selectivity.measurements import columns
from keras_selectivity.reports import write_page
from keras_selectivity.results import frame


@pytest.fixture(name="page_file", scope="module")
def page_file_fixture(tmp_path_factory):
    """The page of a study with two arms, some claims of which were tested."""
    rows = frame(made_up.study(seeds=3) + made_up.study(arm="warmup", everything=False))
    return write_page(
        tmp_path_factory.mktemp("page"),
        rows,
        title="A <made-up> study",
        description="Nothing was trained for it.",
        results="results.parquet",
        columns=columns(),
        claims=check(rows),
        formats=(),
    )
