"""Figures and tables show the rows and nothing else."""

import json

import numpy as np
import pytest
from PIL import Image

import keras_selectivity as ks
from keras_selectivity.reports import _drawing
from keras_selectivity.reports import _representation_figures as figures
from keras_selectivity.reports import _robustness_figures
from keras_selectivity.reports import _rows
from keras_selectivity.reports import draw
from keras_selectivity.reports import table
from keras_selectivity.studies import COLUMNS

SHARED = {"dataset": "cifar10", "split": "test", "samples": 100, "fingerprint": "f"}


def row(model, alpha, evaluation, measure, value, protocol=None, **columns):
    protocol = json.dumps({"evaluation": evaluation, **(protocol or {})})
    values = {"model": model, "alpha": alpha, "measure": measure, "value": value, "protocol": protocol}
    return {**dict.fromkeys(COLUMNS), **SHARED, **values, **columns}


@pytest.fixture(name="rows")
def _rows_fixture():
    rows = []
    for model, alpha, level in (("m-1", -1.0, 0.8), ("m0", 0.0, 0.7), ("x/reference", None, 0.9)):
        rows.append(row(model, alpha, "clean", "accuracy", level))
        rows += [row(model, alpha, "fgsm", "accuracy", level - e, perturbation="fgsm", epsilon=e)
                 for e in (0.0, 1 / 255, 0.1)]  # fmt: skip
        rows += [row(model, alpha, "pgd", "accuracy", level - s / 100, perturbation="pgd", steps=s)
                 for s in (0, 25)]  # fmt: skip
        for end, shift in (("", 0), ("_low", -1), ("_high", 1)):
            rows.append(row(model, alpha, "jacobian", f"jacobian_norm_mean{end}", 10 * level + shift))
        for i, name in enumerate(("fog", "snow")):
            rows += [
                row(
                    model,
                    alpha,
                    "corruption",
                    "accuracy",
                    level - 0.05 * s - 0.1 * i,
                    perturbation=name,
                    severity=s,
                )
                for s in range(1, 6)
            ]
        for measure in ("accuracy", "relative_accuracy"):
            rows.append(
                row(model, alpha, "corruption", measure, level / 2, perturbation="all 19 corruptions")
            )
        for layer in ("one", "two"):
            for over in ("samples", "units"):
                name = f"unit_gradient_variation_over_{over}"
                rows.append(row(model, alpha, "unit gradients", name, level, layer=layer))
            rows.append(row(model, alpha, "unit gradients", "unit_gradient_mean", level, layer=layer))
    return rows


def drawn(function, rows):
    figure = _drawing.Figure()
    function(figure, rows)
    return figure.axes


def lines(axes):
    return {
        line.get_label(): dict(zip(*(np.round(v, 6).tolist() for v in line.get_data()), strict=True))
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def test_curves_are_the_rows(rows):
    fgsm, pgd = (lines(axes) for axes in drawn(_robustness_figures.attacks, rows))
    assert fgsm["α = -1"] == {0: 80, 1: round(80 - 100 / 255, 6), 25.5: 70}
    assert pgd["α = 0"] == {0: 70, 25: 45}
    assert set(pgd) == {"α = -1", "α = 0", "reference"}


def test_seeds_are_averaged(rows):
    rows += [
        row("m0b", 0.0, "pgd", "accuracy", 0.6 - s / 100, perturbation="pgd", steps=s, seed=1)
        for s in (0, 25)
    ]
    pgd = lines(drawn(_robustness_figures.attacks, rows)[1])
    assert pgd["α = 0"] == {0: 65, 25: 40}


def test_bars_are_the_rows(rows):
    (axes,) = drawn(_robustness_figures.each_corruption, rows)
    heights = np.array([[bar.get_height() for bar in group] for group in axes.containers])
    np.testing.assert_allclose(heights, [[65, 55], [55, 45], [75, 65]])
    (axes,) = drawn(_robustness_figures.severest, rows)
    np.testing.assert_allclose(axes.containers[0][0].get_height(), 100 * 0.55 / 0.8)


def test_representation_figures_are_the_rows(rows, tmp_path):
    for model, alpha in (("m-1", -1.0), ("n-1", -1.0), ("m0", 0.0)):
        for perturbation in (None, "motion_blur", "pgd"):
            rows += [
                row(model, alpha, "dimensionality", "dimensionality", value, {"of": perturbation}, layer=layer,
                    perturbation=perturbation)
                for layer, value in (("one", 0.5), ("two", 0.25 + (perturbation == "pgd") / 4))
            ]  # fmt: skip
        for measure, value in (("off_axis_selectivity", 0.5), ("axis_aligned_selectivity", 0.2),
                               ("axis_aligned_selectivity_shifted", 0.3)):  # fmt: skip
            rows += [row(model, alpha, "off-axis", measure, value, layer=layer) for layer in ("one", "two")]
        for measure in ("dead_units", "sparse_units", "mean_precision", "mean_mutual_information"):
            rows.append(row(model, alpha, "units", measure, 0.1, layer="one"))
        for unit in range(3):
            for measure in ("selectivity", "discriminability", "precision", "mutual_information", "dead"):
                rows.append(row(model, alpha, "units", measure, float(unit == 2), layer="one", unit=unit))
    for layer, equals, zero in (("one", 0.1, 0.2), ("two", 0.2, 0.3)):
        for model, other, value in (("m-1", "n-1", equals), ("m-1", "m0", zero), ("n-1", "m0", zero)):
            alpha = -1.0
            rows.append(row(model, alpha, "pwcca", "pwcca_distance", value, layer=layer, other=other))
    clean, blurred, adversarial = (lines(axes)["α = -1"] for axes in drawn(figures.dimensionality, rows))
    assert (clean, blurred, adversarial) == ({0: 0.5, 1: 0.25}, {0: 0.5, 1: 0.25}, {0: 0.5, 1: 0.5})
    distances, ratio = drawn(figures.similarity, rows)
    assert lines(distances) == {"-1 and 0": {0: 0.2, 1: 0.3}, "-1 and -1": {0: 0.1, 1: 0.2}}
    assert np.mean(ratio.lines[-1].get_ydata()) == pytest.approx((2 + 1.5) / 2)
    summary = drawn(figures.off_axis, rows)[0]
    assert sorted({line.get_ydata()[0] for line in summary.lines}) == [0.2, 0.3, 0.5]
    scatter = drawn(figures.unit_scatter, rows)[0]
    assert [len(line.get_xdata()) for line in scatter.lines] == [2, 2, 2]  # the dead unit is left out
    names = [name for name, _ in draw(rows, tmp_path)]
    assert names[-5:] == ["dimensionality.png", "pwcca.png", "off_axis.png", "units.png", "unit_measures.png"]


def test_every_figure_is_drawn_from_what_there_is(rows, tmp_path):
    names = [name for name, _ in draw(rows, tmp_path)]
    assert names == [
        "attacks.png", "jacobian.png", "corruption.png", "corruption_severity5.png", "corruption_each.png",
        "corruption_trade_off.png", "unit_gradients.png",
    ]  # fmt: skip
    for name in names:
        assert np.asarray(Image.open(tmp_path / name).convert("L")).std() > 5, f"{name} is empty"
    assert draw(rows[:1], tmp_path) == []


def test_tables_show_the_rows(rows):
    text = table(rows).splitlines()
    assert text[0].split("  ")[-1].strip() == "Jacobian"
    assert [line.split()[-1] for line in text[1:]] == ["8.00", "7.00", "9.00"]
    assert "reference" in text[3] and "90.00%" in text[3] and "79.61%" in text[1]


def test_mixed_protocols_are_refused(rows):
    rows.append(row("m2", 2.0, "clean", "accuracy", 0.5, {"balanced_subset": 10}))
    with pytest.raises(ks.InputError, match=r"rows of accuracy mix protocols.*balanced_subset"):
        _rows.pick(rows, "accuracy", evaluation="clean")
