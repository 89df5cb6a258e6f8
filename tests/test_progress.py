"""Bars where something can be redrawn, lines per minute elsewhere, nothing when nothing is wanted."""

import io
import re
import sys
import types

import numpy as np
import pytest

from keras_selectivity import _progress
from keras_selectivity._progress import Bar
from keras_selectivity._progress import batches
from keras_selectivity._progress import duration


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [100.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture(autouse=True)
def new_console():
    """A console that has not yet seen whether its stream is a terminal."""
    _progress.console.cache_clear()
    yield
    _progress.console.cache_clear()


class Terminal(io.StringIO):
    """What a program takes for a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (99.4, "99 s"), (99.6, "2 min"), (60 * 99, "99 min"), (60 * 100, "1 h 40 min"),
     (3600 * 23.5, "23 h 30 min"), (3600 * 24, "24 h"), (3600 * 1320, "1,320 h")],
)  # fmt: skip
def test_durations_are_for_people(seconds, text):
    assert duration(seconds) == text


def test_without_a_terminal_there_is_a_line_per_minute(clock, capsys):
    with Bar(400, "batch") as progress:
        for _ in range(120):
            clock[0] += 1.0
            progress.add()
    # After 60 of 400 steps in 60 s, 340 s are left; after 120 in 120 s, 280 s.
    assert capsys.readouterr().err.splitlines() == [
        "  60 of 400 batches, 6 min left",
        "  120 of 400 batches, 5 min left",
    ]


def test_what_is_quick_or_unwanted_says_nothing(clock, capsys):
    for verbose, seconds in ((1, 0.1), (0, 100.0)):
        with Bar(20, "step", verbose) as progress:
            for _ in range(20):
                clock[0] += seconds
                progress.add()
    assert capsys.readouterr() == ("", "")


def test_an_unknown_number_of_steps_has_no_end(clock, capsys):
    with Bar(None, "image") as progress:
        clock[0] += 61
        progress.update(1234)
        assert progress.left() is None
    assert capsys.readouterr().err == "  1,234 images\n"


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with Bar(2, "piece") as progress:
        progress.add(2)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert "2/2 pieces" in shown
    assert screen.getvalue().endswith("\x1b[2K")  # the last that happens is that its line is erased


def test_the_bar_goes_away_after_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(ZeroDivisionError), Bar(2, "piece") as progress:
        _ = 1 / 0
    assert not progress._drawn.live.is_started


def test_batches_cover_all_samples_once():
    parts = [np.arange(10)[part] for part in batches(10, 4, 0)]
    assert [len(part) for part in parts] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(10))


@pytest.mark.parametrize("widgets", [None, "a module"])
def test_a_notebook_without_widgets_gets_lines(monkeypatch, widgets):
    notebook = types.SimpleNamespace(is_jupyter=True, is_terminal=False, is_dumb_terminal=False)
    monkeypatch.setattr(_progress, "find_spec", lambda name: widgets)
    assert _progress.redraws(notebook) == (widgets is not None)
