"""Every figure can be read: nothing overlaps or is tiny, also with the papers' grid and layers."""

from itertools import pairwise

import made_up
import pytest

from keras_selectivity.reports import _drawing
from keras_selectivity.reports import _figures
from keras_selectivity.reports import draw
from keras_selectivity.reports._picture import Picture
from keras_selectivity.results import frame

PAPERS = [-100.0, -30.0, -10.0, -5.0, -2.0, -1.0, -0.7, -0.4, -0.3, -0.2, -0.1]
PAPERS = [*PAPERS, 0.0, *(-alpha for alpha in reversed(PAPERS))]
INTERVALS = {
    "accuracy": "ab", "signs": "", "selectivity_by_layer": "ab", "pwcca": "ab", "off_axis": "ab", "dead_units": "",
    "preferred_classes": "ab", "precision": "ab", "information": "ab", "corruption": "ab", "corruption_each": "",
    "corruption_severity5": "", "corruption_trade_off": "", "attacks": "ab", "jacobian": "", "dimensionality": "abc",
}  # fmt: skip


@pytest.fixture(
    name="figures",
    scope="module",
    params=[pytest.param(PAPERS, marks=pytest.mark.slow), [-1.0, 0.0, 1.0]],
    ids=["papers", "three"],
)
def _figures_of(request, tmp_path_factory):
    """Figures as they would be written: name -> (figure, panels without the key)."""
    found = {}
    original = _figures.save

    def keeping(paths, function, table, size, **options):
        figure = _drawing.Figure(figsize=size, layout="constrained", dpi=110)
        function(figure, table)
        axes = list(figure.axes)
        _drawing.key(figure)
        figure.draw_without_rendering()
        found[paths[0].stem] = figure, axes
        return Picture()

    _figures.save = keeping
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(made_up, "LAYERS", tuple(f"stage1_block1_relu{n}" for n in range(19)))
            patch.setattr(made_up, "UNITS", (16,) * 19)
            rows = made_up.study(
                request.param, seeds=3
            )  # the fewest that a ratio of distances has an interval for
        rows += made_up.study(request.param, arm="leaky_0.1", everything=False)
        draw(frame(rows), tmp_path_factory.mktemp("figures"))
    finally:
        _figures.save = original
    return found


def _boxes(artists):
    return [artist.get_window_extent() for artist in artists if artist.get_text()]


def test_axis_labels_neither_overlap_nor_are_tiny(figures):
    for name, (_, panels) in figures.items():
        for axes in panels:
            low, high = axes.get_xlim()
            ticks = [
                label
                for label, place in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)
                if low <= place <= high and label.get_text()
            ]
            assert all(tick.get_fontsize() >= 7 for tick in ticks), name
            if any(tick.get_rotation() % 90 for tick in ticks):
                continue  # of oblique texts the boxes overlap where the texts do not
            boxes = sorted(_boxes(ticks), key=lambda box: box.x0)
            gaps = [right.x0 - left.x1 for left, right in pairwise(boxes)]
            assert min(gaps, default=1) > -1, (name, axes.get_xlabel())


def test_the_key_lies_beside_the_panels_and_inside_the_figure(figures):
    for name, (figure, panels) in figures.items():
        whole = figure.bbox
        for key in (*figure.legends, *(axes for axes in figure.axes if axes not in panels)):
            box = key.get_window_extent()
            assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and box.y1 <= whole.y1 + 1, name
            assert not any(box.overlaps(axes.get_window_extent()) for axes in panels), name


def test_axes_of_alpha_say_that_they_are_not_to_scale(figures):
    labels = {
        axes.get_xlabel() for _, panels in figures.values() for axes in panels if "α" in axes.get_xlabel()
    }
    assert labels and all("not to scale" in label for label in labels)


@pytest.mark.parametrize("name", sorted(INTERVALS))
def test_the_papers_intervals_are_drawn(name, figures):
    panels = {axes.get_title(loc="left"): axes for axes in figures[name][1]}
    for letter in INTERVALS[name] or [""]:
        assert panels[letter].collections, letter
