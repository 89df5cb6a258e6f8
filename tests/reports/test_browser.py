"""The page as a browser shows it: wide and narrow, light and dark, printed, without its script, and to a screen
reader."""

import io
import re
import shutil
import unicodedata

import numpy as np
import pytest
from made_up_page import page_file_fixture  # noqa: F401
from PIL import Image

pytestmark = pytest.mark.browser

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_SIZES = {"wide": (1280, 800), "narrow": (390, 844)}


@pytest.fixture(name="browser", scope="module")
def _browser():
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"no Chromium: looked for {', '.join(_NAMES)}")
    api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(name="show")
def _show(browser, page_file):
    """Opens the page; what the browser complains of fails the test."""
    contexts, complaints = [], []

    def show(size="wide", scheme="light", **options):
        width, height = _SIZES[size]
        viewport = {"width": width, "height": height}
        contexts.append(browser.new_context(viewport=viewport, color_scheme=scheme, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(page_file.as_uri())
        return page

    yield show
    for context in contexts:
        context.close()
    assert not complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", _SIZES)
def test_nothing_sticks_out_and_axe_finds_nothing(show, size, scheme):
    page = show(size, scheme, bypass_csp=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= _SIZES[size][0]
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    found = axe.run(page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found] == []


def test_the_first_screen_holds_the_numbers_and_the_figure(show):
    page = show()
    numbers, figure = (page.locator(which).first.bounding_box() for which in (".numbers", "#accuracy svg"))
    assert numbers["y"] + numbers["height"] < figure["y"]
    assert figure["y"] + figure["height"] <= 800


@pytest.mark.parametrize(("scheme", "ground"), [("light", 255), ("dark", 24)])
def test_figures_are_legible_on_either_ground(show, scheme, ground):
    page = show(scheme=scheme)
    picture = page.locator("#accuracy .picture").screenshot()
    grey = np.asarray(Image.open(io.BytesIO(picture)).convert("L"), float)
    assert np.median(grey) == pytest.approx(ground, abs=8)
    ink = np.abs(grey - np.median(grey))
    assert np.quantile(ink, 0.995) > 110


def test_claims_are_filtered_and_sorted(show):
    page = show()
    rows = page.locator("#table-of-claims tbody tr")
    total = rows.count()
    page.get_by_label("Verdict").select_option("undecided")
    left = rows.filter(visible=True)
    assert 0 < left.count() < total
    assert set(left.locator(".badge").all_inner_texts()) == {"? undecided"}
    assert page.locator(".filters output").inner_text() == f"{left.count()} of {total} claims"
    page.get_by_label("Verdict").select_option("")
    page.get_by_label("Words").fill("jacobian")
    assert all("jacobian" in text.lower() for text in rows.filter(visible=True).all_text_contents())
    page.get_by_label("Words").fill("")
    head = page.get_by_role("columnheader", name="Claim")
    for direction in ("ascending", "descending"):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == direction
        names = [name.lower() for name in page.locator("#table-of-claims tbody b").all_inner_texts()]
        assert names == page.evaluate(
            "([names, down]) => names.toSorted((a, b) => (down ? -1 : 1) * a.localeCompare(b, undefined, {numeric: true}))",
            [names, direction == "descending"],
        )


def test_without_its_script_the_page_is_whole(show):
    page = show(java_script_enabled=False)
    rows = page.locator("#table-of-claims tbody tr")
    assert rows.filter(visible=True).count() == rows.count() > 5
    assert not page.locator(".filters").is_visible()


def test_a_narrow_screen_shows_what_matters_first_and_the_rest_on_demand(show):
    page = show("narrow")
    row = page.locator("#table-of-claims tbody tr").first
    assert row.locator(".badge").is_visible() and row.locator("svg").is_visible()
    assert not row.locator("td.here").is_visible() and not row.locator("dl").is_visible()
    row.locator("summary").click()
    assert row.locator("dl").is_visible() and "95" not in row.locator("summary").inner_text()
    assert not page.locator(".contents ol").first.is_visible()


def test_points_say_their_values_where_the_pointer_rests(show):
    page = show()
    point = page.locator("#accuracy .hint").first
    box = point.bounding_box()
    said = page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).querySelector('title').textContent",
        [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2],
    )
    assert re.fullmatch(r"α = −1 · test accuracy [\d.]+ % \[[\d.]+, [\d.]+\]", said)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_print_cuts_nothing(show, scheme):
    reader = pytest.importorskip("pypdf").PdfReader
    page = show(scheme=scheme)
    wanted = page.locator("figcaption, .claims dd, #untested li, #missing ~ ul li").all_text_contents()
    printed = "".join(sheet.extract_text() for sheet in reader(io.BytesIO(page.pdf(format="A4"))).pages)
    assert len(wanted) > 50
    assert [text for text in wanted if _letters(text) not in _letters(printed)] == []
    assert not page.locator(".claims dl").first.is_visible()  # they were open for the print alone


def _letters(text):
    """A text without what breaks of lines and ligatures change."""
    return re.sub(r"\W", "", unicodedata.normalize("NFKC", text))
