"""Captions are made from the table: how many networks, and only what these allow to say."""

import made_up
import pytest

from keras_selectivity.reports import _figures
from keras_selectivity.reports import draw
from keras_selectivity.reports._picture import Picture
from keras_selectivity.results import frame


@pytest.fixture(autouse=True)
def _nothing_drawn(monkeypatch):
    monkeypatch.setattr(_figures, "save", lambda *arguments, **options: Picture())


@pytest.mark.parametrize(("seeds", "n", "interval", "test"), [
    (1, "n = 1 network per α.", False, False),
    (2, "n = 2 networks per α.", True, False),
    (3, "n = 3 networks per α.", True, True),
])  # fmt: skip
def test_captions_speak_of_what_the_seeds_allow(seeds, n, interval, test, tmp_path):
    drawn, _ = draw(frame(made_up.study(seeds=seeds)), tmp_path)
    captions = {kind.name: kind.caption for kind in drawn}
    assert {"accuracy", "signs", "pwcca", "attacks", "dimensionality", "corruption_trade_off"} <= set(
        captions
    )
    assert all(n in caption for caption in captions.values())
    words = " ".join(captions.values()).lower()
    assert ("interval" in words, "band" in words, "over seeds" in words) == (interval,) * 3
    assert ("t-test" in words, "rank-sum" in words, "stars" in words) == (test,) * 3


def test_a_range_of_networks_is_said(tmp_path):
    rows = [r for r in made_up.study(seeds=3, everything=False) if r["model"] != "main/a1s2"]
    drawn, _ = draw(frame(rows), tmp_path)
    assert {kind.caption.rsplit(" n = ")[-1] for kind in drawn} == {"2 to 3 networks per α."}


def test_networks_without_alpha_are_not_counted(tmp_path):
    rows = [{**r, "alpha": None} for r in made_up.study(seeds=1, everything=False)]
    drawn, _ = draw(frame(rows), tmp_path)
    assert drawn and not any("n = " in kind.caption for kind in drawn)
