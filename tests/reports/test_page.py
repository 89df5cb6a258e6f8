"""The page holds what the rows say, needs nothing else, and says in words what its pictures show."""

import re
from html.parser import HTMLParser

import made_up
import numpy as np
import pytest
from made_up_page import page_file_fixture  # noqa: F401

from keras_selectivity.reports import _descriptions
from keras_selectivity.reports import _drawing
from keras_selectivity.reports import _figures
from keras_selectivity.reports import _picture
from keras_selectivity.reports import draw
from keras_selectivity.reports._interval import interval_plot
from keras_selectivity.reports._typography import minus
from keras_selectivity.reports._typography import typeset
from keras_selectivity.results import frame
from keras_selectivity.results import mean_interval


class _Page(HTMLParser):
    """Elements of a page with their attributes, and its text without script and style."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.inside = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.inside.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        self.inside = self.inside[: len(self.inside) - 1 - self.inside[::-1].index(tag)]

    def handle_data(self, data):
        if not {"script", "style", "pre"} & set(self.inside):
            self.texts.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


@pytest.fixture(name="text", scope="module")
def _text(page_file):
    return page_file.read_text(encoding="utf-8")


@pytest.fixture(name="page", scope="module")
def _page(text):
    return _Page(text)


def test_the_page_is_one_file_of_a_sane_size(page, text):
    assert len(text.encode()) < 3_000_000
    targets = [attributes.get(name) for _, attributes in page.elements for name in ("src", "href")]
    outside = [each for each in targets if each and not each.startswith(("#", "data:"))]
    assert outside == ["results.parquet"]
    assert not page.of("link")[1:] and not re.search(r"https?://(?!www\.w3\.org)|@import", text)


def test_the_first_screen_comes_before_all_else(page):
    first = page.ids()[: page.ids().index("networks")]
    assert "summary" in first and "accuracy" in first
    assert len([each for each in page.of("ul") if each.get("class") == "numbers"]) == 1
    text = " ".join(page.texts)
    body = text.index("Departs from the papers' protocol")
    for said in ("Nothing was trained for it.", "test accuracy at α = 0", "tested claims agree"):
        assert text.index(said) < body


def test_names_are_unique_and_links_lead_somewhere(page):
    ids = page.ids()
    assert len(ids) == len(set(ids))
    inner = {attributes["href"][1:] for attributes in page.of("a") if attributes["href"].startswith("#")}
    assert inner and inner <= set(ids)
    used = {attributes["href"][1:] for attributes in page.of("use")}
    assert used and used <= set(ids)


def test_pictures_say_what_they_show_and_do_not_repeat_their_captions(page):
    shown = [attributes for attributes in page.of("svg") if attributes.get("role") == "img"]
    assert len(shown) > 20
    assert all(len(attributes["aria-label"]) > 20 for attributes in shown)
    (accuracy, *_) = (a["aria-label"] for a in shown if a["aria-label"].startswith("a: test accuracy: "))
    assert accuracy.startswith(
        "a: test accuracy: 80.4 % at α = 0, down to 64.9 % at α = −1, down to 65.5 % at α = 1."
    )


def test_tables_have_captions_and_scopes(page):
    assert len(page.of("caption")) == len(page.of("table")) == 2
    assert all("scope" in attributes for attributes in page.of("th"))
    assert [tag for tag, _ in page.elements].count("main") == 1


def test_there_is_one_minus_sign(page):
    text = " ".join(page.texts)
    assert "−1" in text and not re.search(r"(?<![\w-])-\d", text)
    assert not re.search(r"\de[-+]\d", text)


def test_points_say_their_values(text):
    titles = re.findall(r'class="hint"><title>([^<]*)</title>', text)
    mean, low, high = mean_interval([100 * (0.8 - np.tanh(1) / 5 + number / 1000) for number in range(3)])
    assert f"α = −1 · test accuracy {mean:.3g} % [{low:.3g}, {high:.3g}]" in titles
    assert len(titles) > 100


def test_claims_are_told_apart_without_the_script(page):
    rows = [attributes for attributes in page.of("tr") if "data-verdict" in attributes]
    assert rows and {row["data-verdict"] for row in rows} <= {"agrees", "disagrees", "undecided"}
    assert [form for form in page.of("form") if "hidden" in form]


@pytest.mark.parametrize(
    ("text", "set_"),
    [
        ("[-62.1, -22.9]", "[−62.1, −22.9]"),
        ("run/a-1_s0", "run/a-1_s0"),
        ("arXiv 2003-01", "arXiv 2003-01"),
        ("p = 5.4e-05", "p = 5.4·10⁻⁵"),
        ("1e+06", "1·10⁶"),
        ("--alphas", "--alphas"),
    ],
)
def test_numbers_are_typeset_and_names_are_not(text, set_):
    assert minus(text) == set_


def test_per_cent_stands_apart():
    assert typeset("67.9% of 95 %") == "67.9\u202f% of 95\u202f%"


def _claim(**columns):
    shared = {"unit": "points", "verdict": "agrees", "no_effect": 0.0, "theirs_low": 2.0, "theirs_high": 2.0}
    return {**shared, "effect": 1.0, "low": -1.0, "high": 3.0, **columns}


def _places(plot, tag, name, kind):
    return [float(v) for v in re.findall(rf'<{tag} class="{kind}"[^>]*? {name}="([-\d.]+)"', plot)]


def test_a_plot_of_an_interval_is_to_scale():
    plot = interval_plot(_claim())
    low, high = (_places(plot, "line", name, "ours")[0] for name in ("x1", "x2"))
    (effect,) = _places(plot, "circle", "cx", "ours")
    (none,) = _places(plot, "line", "x1", "none")
    theirs = float(re.search(r'class="theirs" d="M([\d.]+)', plot)[1])
    span = high - low
    assert (effect - low) / span == pytest.approx(0.5, abs=0.01)
    assert (none - low) / span == pytest.approx(0.25, abs=0.01)
    assert (theirs - low) / span == pytest.approx(0.75, abs=0.01)
    assert "Here 1 [−1, 3], the paper 2 points" in plot


def test_a_plot_of_a_ratio_has_equal_factors_at_equal_distances():
    plot = interval_plot(_claim(unit="times", no_effect=1.0, low=1.0, effect=2.0, high=4.0))
    low, high = (_places(plot, "line", name, "ours")[0] for name in ("x1", "x2"))
    assert _places(plot, "circle", "cx", "ours")[0] == pytest.approx((low + high) / 2, abs=0.1)


@pytest.mark.parametrize(
    ("low", "high", "said"), [(80.0, None, "at least 80"), (None, 5.0, "at most 5"), (1.0, 2.0, "1 to 2")]
)
def test_a_range_of_the_paper_is_drawn_as_one(low, high, said):
    plot = interval_plot(_claim(theirs_low=low, theirs_high=high, no_effect=None))
    assert 'class="range"' in plot and f"the paper {said} points" in plot and 'class="none"' not in plot


def _sentence(draw):
    figure = _drawing.Figure()
    axes = figure.subplots()
    draw(axes)
    return _descriptions.sentences(figure.axes)


def test_a_sentence_says_where_values_go():
    def draw(axes):
        for alpha, value in ((-1, 50.2), (0, 50.0), (1, 40.0)):
            (line,) = axes.plot([alpha], [value], "o")
            _descriptions.describe(line, f"α = {alpha}")
        axes.set(ylabel="test\naccuracy (%)")

    expected = "Test accuracy: 50 % at α = 0, about the same, 50.2 %, at α = −1, down to 40 % at α = 1."
    assert _sentence(draw) == expected


def test_a_sentence_on_curves_names_their_ends():
    def draw(axes):
        (line,) = axes.plot([1, 2, 3], [0.1, 0.9, 0.3], "o-")
        _descriptions.describe(line, "α = 0", along=True)
        axes.set(xlabel="layer, input side first", ylabel="index")

    assert _sentence(draw) == "Index, from layer = 1 to 3: 0.1 to 0.3 for α = 0."


def test_a_figure_that_is_too_large_is_a_raster(monkeypatch):
    monkeypatch.setattr(_picture, "_MOST", 100)

    def draw(figure, table):
        (line,) = figure.subplots().plot(np.arange(3), np.arange(3), "o")
        _descriptions.describe(line, "<all>")

    picture = _picture.save([], draw, None, name="large")
    assert picture.element.startswith('<img src="data:image/png;base64,') and "&lt;all&gt;" in picture.element


def test_pictures_share_the_room_of_a_page(tmp_path, monkeypatch):
    rows = frame(made_up.study(seeds=3, everything=False))
    vectors = [kind.picture.element for kind in draw(rows, tmp_path, ())[0]]
    room = sum(map(len, vectors)) * 3 // 4
    monkeypatch.setattr(_figures, "_ROOM", room)
    pictures = [kind.picture.element for kind in draw(rows, tmp_path, ())[0]]
    # The smallest raster of a picture may be larger than its share
    assert sum(map(len, pictures)) < 1.1 * room and not list(tmp_path.iterdir())
    assert all(each.startswith("<svg") for each in vectors)
    assert not all(each.startswith("<svg") for each in pictures)
