"""Intervals, colours, the key and files of figures."""

from typing import get_args

import made_up
import numpy as np
import polars as pl
import pytest

import keras_selectivity as ks
from keras_selectivity.claims import check
from keras_selectivity.claims import mediation
from keras_selectivity.cli import main
from keras_selectivity.measurements import AutoAttack
from keras_selectivity.reports import _corruption_figures as corruptions
from keras_selectivity.reports import _drawing
from keras_selectivity.reports import _figures
from keras_selectivity.reports import _picture
from keras_selectivity.reports import _robustness_figures as robustness
from keras_selectivity.reports import _series as series
from keras_selectivity.reports import _study_figures as studies
from keras_selectivity.reports import draw
from keras_selectivity.results import frame
from keras_selectivity.results import levels
from keras_selectivity.results import mean_interval
from keras_selectivity.results import write

_FEW = ("accuracy", "mean_selectivity", "units")
MANY = [-100.0, -30.0, -10.0, -5.0, -2.0, -1.0, -0.4, -0.1, 0.0, 0.1, 0.4, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0]


@pytest.mark.parametrize("band", [True, False], ids=["band", "bars"])
def test_intervals_are_those_over_networks(band):
    samples = np.array([[1.0, 2.0, np.nan], [2.0, 4.0, 5.0], [4.0, 5.0, np.nan]])
    axes = _drawing.Figure().subplots()
    series.mean_with_interval(axes, [0, 1, 2], samples, color="k", style="o-", band=band)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [7 / 3, 11 / 3, 5])
    expected = [mean_interval(column)[1:] for column in ([1, 2, 4], [2, 4, 5])]
    if band:
        path = axes.collections[0].get_paths()[0].vertices
        found = [(path[path[:, 0] == x, 1].min(), path[path[:, 0] == x, 1].max()) for x in (0, 1)]
    else:
        found = [segment[:, 1] for segment in axes.collections[0].get_segments()[:2]]
    np.testing.assert_allclose(found, expected)


def test_one_network_has_no_interval():
    axes = _drawing.Figure().subplots()
    series.mean_with_interval(axes, [0, 1], np.array([[1.0, 2.0]]), color="k")
    assert len(axes.lines) == 1 and not axes.collections


def test_every_network_and_both_intervals_of_the_trade_off_are_drawn():
    figure = _drawing.Figure()
    corruptions.trade_off(figure, levels(frame(made_up.study(seeds=3))))
    (axes,) = figure.axes
    dots = [line for line in axes.lines if line.get_markersize() == 3]
    assert sum(len(line.get_xdata()) for line in dots) == 3 * 3 * 5
    assert len(axes.collections) == 2 * 3 * 5


@pytest.mark.parametrize(("alphas", "shown"), [
    ([-100, -2, -1, 0, 1, 2, 100], [-2, 0, 2]),
    ([-1, 0, 1], [-1, 0, 1]),
    ([-10, -5, 0, 3, 30], [-5, 0, 3]),
    ([0.5], [0.5]),
    ([], []),
], ids=str)  # fmt: skip
def test_example_alphas(alphas, shown):
    assert series.examples(alphas) == shown


@pytest.mark.parametrize(("alphas", "bars"), [([-1.0, 0.0, 1.0], 0), (MANY, 1)], ids=["few", "many"])
def test_one_key_beside_the_panels(alphas, bars):
    figure = _drawing.Figure(figsize=(9, 3.4), layout="constrained")
    robustness.attacks(figure, levels(frame(made_up.study(alphas, seeds=1))))
    panels = len(figure.axes)
    _drawing.key(figure)
    assert len(figure.axes) == panels + bars and len(figure.legends) == 1 - bars
    if bars:
        assert [text.get_text() for text in figure.axes[-1].get_yticklabels()] == [
            f"{a:g}".replace("-", "−") for a in MANY
        ]
    figure.draw_without_rendering()
    key = figure.axes[-1] if bars else figure.legends[0]
    for axes in figure.axes[:panels]:
        assert not axes.get_window_extent().overlaps(key.get_window_extent())


@pytest.mark.parametrize("networks", [1, 3, 40])
def test_networks_without_alpha_have_any_names(networks, tmp_path):
    """Also such as look like an alpha, and so many that no legend holds them."""
    rows = []
    for number in range(networks):
        name = f"α = {'long_name_' * 5}{number}"
        own = made_up.study((0.0,), seeds=1, everything=False)
        rows += [{**r, "model": name, "alpha": None, "arm": None, "network": None} for r in own]
    drawn, _ = draw(frame(rows), tmp_path)
    assert "selectivity_by_layer" in [kind.name for kind in drawn]


def test_colours_of_many_alphas_differ():
    shades = _drawing.palette(levels(frame(made_up.study(MANY, seeds=1, everything=False))))
    found = np.array([shade[:3] for shade in shades.values()])
    distances = np.abs(found[:, None] - found[None]).sum(axis=-1) + np.eye(len(found))
    assert len(found) == len(MANY) and distances.min() > 0.05


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_same_rows_give_the_same_file(ending, tmp_path):
    rows = levels(frame(made_up.study(everything=False, seeds=2)))
    paths = [tmp_path / f"{name}.{ending}" for name in ("one", "two")]
    for path in paths:
        _picture.save([path], studies.accuracy, rows)
    one, two = (path.read_bytes() for path in paths)
    assert one == two and len(one) > 5000


def test_unknown_formats_are_refused(tmp_path):
    with pytest.raises(ks.InputError, match=r"written as png, svg, pdf.*Received.*'bmp'"):
        draw(frame(made_up.study(everything=False)), tmp_path, ("png", "bmp"))
    assert not list(tmp_path.iterdir())


def test_the_command_writes_the_formats_it_is_asked_for(tmp_path, capsys):
    table, out = tmp_path / "rows.parquet", tmp_path / "page"
    write(table, frame([r for r in made_up.study(seeds=1, everything=False) if r["measure"] in _FEW]))
    study = "experiments/resnet20_cifar10_30_epochs/study.toml"
    command = ["study", "report", study, "--results", str(table), "--output", str(out), "--json", "--formats"]
    assert main([*command, "pdf"]) == 0
    assert {path.suffix for path in out.iterdir()} == {".html", ".pdf"}
    assert main([*command, "pdf,bmp"]) == 2
    assert "formats[1] must be 'png', 'svg' or 'pdf'" in capsys.readouterr().err


def test_the_dependence_on_selectivity_is_that_of_the_claims():
    table = levels(frame(made_up.study(seeds=3)))
    figure = _drawing.Figure()
    robustness.mediated(figure, table)
    (axes,) = figure.axes
    found = mediation(table)
    alone, adjusted = (line for line in axes.lines if line.get_label().startswith(("selectivity", "clean")))
    np.testing.assert_allclose(alone.get_xdata(), found["slope"])
    np.testing.assert_allclose(adjusted.get_xdata(), found["adjusted_slope"])
    segments = [segment[:, 0] for segment in axes.collections[0].get_segments()]
    np.testing.assert_allclose(segments, found.select("low", "high"))


def test_the_papers_gradient_is_drawn_apart_from_the_exact_one():
    table = levels(frame(made_up.study((0.0,), seeds=1)))
    found = {}
    for function in (robustness.attacks, robustness.exact_attacks):
        figure = _drawing.Figure()
        function(figure, table)
        found[function] = [axes.lines[0].get_ydata()[0] for axes in figure.axes]
    assert found[robustness.attacks] == pytest.approx([69, 69])
    assert found[robustness.exact_attacks] == pytest.approx([70, 70])


def test_radii_in_l2_are_no_multiples_of_a_pixels_step():
    rows = frame(made_up.study((0.0,), seeds=1))
    renamed = pl.col("perturbation").replace("apgd", "apgd in l2")
    figure = _drawing.Figure()
    robustness.worst_cases(figure, levels(rows.with_columns(renamed)))
    first, second = figure.axes
    assert "255" in first.get_xlabel() and first.lines[0].get_xdata()[1] == pytest.approx(1)
    assert "L2" in second.get_xlabel() and "255" not in second.get_xlabel()
    assert second.lines[0].get_xdata()[1] == pytest.approx(1 / 255)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("version", get_args(AutoAttack.model_fields["version"].annotation))
def test_every_version_of_autoattack_has_a_panel_and_a_claim(version, norm):
    own = {"standard": "autoattack"}.get(version, version)
    name = own if norm == "linf" else f"{own} in l2"
    rows = frame(made_up.study(seeds=3)).filter((pl.col("perturbation") != "apgd").fill_null(True))
    rows = rows.with_columns(pl.col("perturbation").replace("autoattack", name))
    figure = _drawing.Figure()
    robustness.worst_cases(figure, levels(rows))
    (axes,) = figure.axes
    assert axes.get_xlabel().lower().startswith(own)
    assert axes.lines[0].get_ydata()[0] == pytest.approx(70.1)  # the mean of 0.700 to 0.702
    if norm == "linf":
        worst = check(rows).filter(pl.col("claim") == "weaker against the worst case below zero")
        assert worst["verdict"].item() != "not tested"
    lost = pl.when(pl.col("perturbation") == name).then(None).otherwise(pl.col("perturbation"))
    _, missing = _figures._sorted(levels(rows.with_columns(perturbation=lost)))
    assert "attacks_worst" in [kind.name for kind, _ in missing]


@pytest.mark.parametrize(
    "function", [corruptions.severest, corruptions.each_corruption], ids=lambda f: f.__name__
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_networks_that_get_nothing_right_are_drawn(function):
    rows = [{**row, "value": 0.0} if row["measure"] == "accuracy" else row for row in made_up.study(seeds=3)]
    figure = _drawing.Figure()
    function(figure, levels(frame(rows)))
    assert all(axes.get_xlim()[0] == 0 < axes.get_xlim()[1] for axes in figure.axes)
