"""Every figure of both papers is drawn by a panel that there is, or there is a reason why not."""

import made_up
import pytest

from keras_selectivity.reports import _drawing
from keras_selectivity.reports import _figures
from keras_selectivity.reports import draw
from keras_selectivity.reports import kinds
from keras_selectivity.reports import write_page
from keras_selectivity.reports._papers import FIGURES
from keras_selectivity.reports._papers import NOT_DRAWN
from keras_selectivity.reports._picture import Picture
from keras_selectivity.results import frame

NUMBERS = [
    *(f"S {n}" for n in range(1, 5)),
    *(f"S A{n}" for n in range(1, 35)),
    *(f"W {n}" for n in range(1, 4)),
    *(f"W A{n}" for n in range(1, 9)),
]
# What captions, and texts that have none, say: network, panels of the paper, kind and panels of ours
SAID = {
    "S 1": {("resnet18", "accuracy", "ab")},
    "S 2": {("resnet18", "pwcca", "ab"), ("resnet18", "off_axis", "a")},
    "S 4": {("resnet18", "signs", ""), ("resnet18", "accuracy", "b")},
    "S A8": {("resnet20", "dead_units", ""), ("resnet20", "selectivity_of_alive", "ab")},
    "S A9": {("resnet20", "leaky_slopes", "a")},
    "S A16": {("resnet20 and vgg16", "architectures", "ab")},
    "S A19": {(network, "discriminability_by_layer", "ab") for network in ("resnet18", "resnet20")},
    "S A28": {(network, "preferred_classes", "a") for network in ("resnet18", "resnet20")},
    "S A29": {(network, "preferred_classes", "b") for network in ("resnet18", "resnet20")},
    "S A34": {("resnet50", "accuracy", "a"), ("resnet50", "selectivity_by_layer", "b")},
    "W 2": {("resnet18", "attacks", "ab"), ("resnet18", "jacobian", "")},
    "W A1": {(network, "accuracy", "b") for network in ("resnet18", "resnet20")},
    "W A7": {("resnet20", "attacks", "ab"), ("resnet20", "jacobian", "")},
}


@pytest.fixture(name="everything", scope="module")
def _everything():
    """A study with all measures and all arms."""
    arms = ("leaky_0.01", "leaky_0.3", "discriminability", "first_three", "last_three", "warmup")
    rows = made_up.study(seeds=3)
    for arm in arms:
        rows += made_up.study(arm=arm, seeds=1, everything=False)
    rows += made_up.study(arm="vgg16", network="vgg16", seeds=1, everything=False)
    return frame(rows)


@pytest.fixture(name="axes", scope="module")
def _axes(everything, tmp_path_factory):
    """The panels of every figure, by name."""
    found = {}
    original = _figures.save

    def keeping(paths, function, table, size, **options):
        figure = _drawing.Figure()
        function(figure, table)
        found[paths[0].stem] = figure.axes
        return Picture()

    _figures.save = keeping
    try:
        _, missing = draw(everything, tmp_path_factory.mktemp("figures"))
    finally:
        _figures.save = original
    assert not missing
    return found


@pytest.mark.parametrize("number", NUMBERS)
def test_a_figure_of_the_papers_is_drawn_or_there_is_a_reason(number, axes):
    panels = [each for each in FIGURES if f"{each.paper} {each.number}" == number]
    assert bool(panels) != bool(NOT_DRAWN.get(number))
    names = {kind.name for kind in kinds()}
    for each in panels:
        assert each.kind in names
        letters = {panel.get_title(loc="left") for panel in axes[each.kind]}
        assert set(each.panels or [""]) <= letters
    if number in SAID:
        merged = {}
        for each in panels:
            merged.setdefault((each.network, each.kind), set()).update(each.panels)
        found = {(network, kind, "".join(sorted(letters))) for (network, kind), letters in merged.items()}
        assert found == SAID[number]


def test_no_figure_has_another_number():
    assert {f"{each.paper} {each.number}" for each in FIGURES} | set(NOT_DRAWN) == set(NUMBERS)


def _heights(axes, marker="o"):
    """Means that are drawn as single markers, in order."""
    return [float(line.get_ydata()[0]) for line in axes.lines
            if line.get_marker() == marker and len(line.get_xdata()) == 1 and line.get_markersize() > 3]  # fmt: skip


@pytest.mark.parametrize(("arm", "value"), [("first_three", -0.025), ("last_three", 0.025)])
def test_the_layers_that_are_regularised_are_averaged(arm, value, axes):
    (mean,) = axes[f"{arm}_selectivity_by_layer"][1:]
    expected = [
        0.3 + tanh / 5 + number / 1000 + value for number, tanh in enumerate((-0.76159416, 0.0, 0.76159416))
    ]
    assert _heights(mean) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", ["selectivity_by_layer", "precision", "information"])
def test_the_means_over_layers_and_over_units_are_told_apart(kind, axes):
    mean = axes[kind][1]
    layers, units = _heights(mean), _heights(mean, "D")
    weighted = sum(n * (place - 1.5) / 20 for place, n in enumerate(made_up.UNITS)) / sum(made_up.UNITS)
    assert [b - a for a, b in zip(layers, units, strict=True)] == pytest.approx([weighted] * 3)
    assert {"mean over layers", "mean over units"} <= set(mean.get_legend_handles_labels()[1])


def test_arms_are_compared(axes):
    _, labels = axes["leaky_slopes"][0].get_legend_handles_labels()
    assert labels == ["ReLU", "leaky ReLU, slope 0.01", "leaky ReLU, slope 0.3"]
    assert axes["architectures"][0].get_legend_handles_labels()[1] == ["resnet20", "vgg16"]


@pytest.mark.parametrize(("network", "named", "other"), [
    ("resnet50", "b with Figure A34a (resnet50) of S", "A1ab"),
    ("resnet18", "a, b with Figures A1ab (resnet18, α ≤ 0), A5ab (resnet18, α ≥ 0) of S", "A34a"),
    ("resnet8", "b with Figure A34a (resnet50) of S", "nothing"),
])  # fmt: skip
def test_a_page_names_the_figures_of_its_network(network, named, other, tmp_path):
    rows = frame(made_up.study(network=network, everything=False))
    page = write_page(tmp_path, rows, title="t", description="d", results=None, columns=()).read_text()
    assert named in page and other not in page
    assert "Layers are numbered from the input side: 1 one, 2 two, 3 three, 4 four." in page
