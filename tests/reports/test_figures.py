"""Figures and tables show the rows and nothing else."""

import numpy as np
import pytest
from made_up import row
from made_up import study
from PIL import Image

import keras_selectivity as ks
from keras_selectivity.measurements import columns
from keras_selectivity.reports import _corruption_figures
from keras_selectivity.reports import _drawing
from keras_selectivity.reports import _figures
from keras_selectivity.reports import _representation_figures as figures
from keras_selectivity.reports import _robustness_figures
from keras_selectivity.reports import _study_figures as study_figures
from keras_selectivity.reports import draw
from keras_selectivity.reports import table
from keras_selectivity.results import frame
from keras_selectivity.results import levels
from keras_selectivity.results import pick


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
                    "corruptions",
                    "accuracy",
                    level - 0.05 * s - 0.1 * i,
                    perturbation=name,
                    severity=s,
                )
                for s in range(1, 6)
            ]
        for measure in ("accuracy", "relative_accuracy"):
            rows.append(
                row(model, alpha, "corruptions", measure, level / 2, perturbation="all 19 corruptions")
            )
        for layer in ("one", "two"):
            for over in ("samples", "units"):
                name = f"unit_gradient_variation_over_{over}"
                rows.append(row(model, alpha, "unit_gradients", name, level, layer=layer))
            rows.append(row(model, alpha, "unit_gradients", "unit_gradient_mean", level, layer=layer))
    return rows


def drawn(function, rows):
    figure = _drawing.Figure()
    function(figure, levels(frame(rows)))
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


def test_accuracies_by_corruption_are_the_rows(rows):
    (axes,) = drawn(_corruption_figures.each_corruption, rows)
    heights = [list(found) for found in lines(axes).values()]  # values lie on the horizontal axis
    np.testing.assert_allclose(heights, [[65, 55], [55, 45], [75, 65]])
    (axes,) = drawn(_corruption_figures.severest, rows)
    np.testing.assert_allclose(next(iter(lines(axes)["α = -1"])), 100 * 0.55 / 0.8)


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
            rows += [row(model, alpha, "off_axis", measure, value, layer=layer) for layer in ("one", "two")]
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
    assert (clean, blurred, adversarial) == ({1: 0.5, 2: 0.25}, {1: 0.5, 2: 0.25}, {1: 0.5, 2: 0.5})
    distances, ratio = drawn(figures.similarity, rows)
    by_layer = {
        line.get_linestyle(): line.get_ydata().tolist() for line in distances.lines if len(line.get_xdata())
    }
    assert by_layer == {"-": pytest.approx([0.2, 0.3]), ":": pytest.approx([0.1, 0.2])}
    assert ratio.lines[-1].get_ydata()[0] == pytest.approx((2 + 1.5) / 2)
    summary = drawn(figures.off_axis, rows)[0]
    assert sorted({line.get_ydata()[0] for line in summary.lines if len(line.get_xdata()) == 1}) == [
        0.2,
        0.3,
        0.5,
    ]
    scatter = drawn(figures.unit_scatter, rows)[0]
    found = [len(line.get_xdata()) for line in scatter.lines if len(line.get_xdata())]
    assert found == [2, 2, 2]  # the dead unit is left out
    rows += [{**r, "measure": "active_share"} for r in rows if r["measure"] == "precision"]
    names = [kind.name for kind in draw(frame(rows), tmp_path)[0]]
    assert names[-8:] == [
        "dimensionality", "pwcca", "off_axis", "units", "activity", "precision", "information", "unit_measures"
    ]  # fmt: skip


def test_every_figure_is_drawn_from_what_there_is(rows, tmp_path):
    drawn_, missing = draw(frame(rows), tmp_path, ("png", "svg"))
    names = [kind.name for kind in drawn_]
    assert names == [
        "attacks", "jacobian", "corruption", "corruption_severity5", "corruption_each", "corruption_trade_off",
        "unit_gradients",
    ]  # fmt: skip
    for name in names:
        assert np.asarray(Image.open(tmp_path / f"{name}.png").convert("L")).std() > 5, f"{name} is empty"
        assert b"<svg" in (tmp_path / f"{name}.svg").read_bytes()
    assert {"pwcca": "[evaluation.pwcca]", "warmup_accuracy": "an arm 'warmup' in the study"}.items() <= {
        kind.name: needed for kind, needed in missing
    }.items()
    assert draw(frame(rows[:1]), tmp_path)[0] == []


def test_figures_of_a_study(rows, tmp_path):
    """Interval, stars and signs of a grid of three seeds, where the answer is known."""
    rows = []
    for alpha, level in ((-1.0, 0.8), (0.0, 0.7), (1.0, 0.5)):
        for seed in range(3):
            model = f"m{alpha:g}{seed}"
            value = level + seed / 1000
            rows.append(row(model, alpha, "clean", "accuracy", value, seed=seed))
            rows.append(row(model, alpha, "clean", "mean_selectivity", 0.2 + alpha / 10, seed=seed))
            for epoch, share in enumerate((0.5, 0.9, 1.0)):
                shared = {"seed": seed, "epoch": epoch, "protocol": None}
                found = row(model, alpha, "", "test_accuracy", share * level)
                rows.append({**found, **shared})
                for measure in ("preferred_changed", "preferred_changed_once"):
                    found = row(model, alpha, "", f"val_selectivity/{measure}", share / 2)
                    rows.append({**found, **shared})
    means, relation = drawn(study_figures.accuracy, rows)
    dots = [sorted(line.get_ydata()) for line in means.lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(dots, [[80, 80.1, 80.2], [70, 70.1, 70.2], [50, 50.1, 50.2]])
    marks = {text.xy[0]: text.get_text() for text in means.texts}
    assert marks == {0: "**", 2: "**"}
    np.testing.assert_allclose(
        [
            line.get_ydata()[0]
            for line in means.lines
            if line.get_markersize() == 6 and line.get_marker() == "o"
        ],
        [80.1, 70.1, 50.1],
    )
    np.testing.assert_allclose(
        [line.get_xdata()[0] for line in relation.lines if line.get_marker() == "o"], [0.1, 0.2, 0.3]
    )
    (time,) = drawn(study_figures.learning_time, rows)
    assert {float(line.get_ydata()[0]) for line in time.lines if line.get_marker() == "o"} == {3.0}
    once, changes = drawn(study_figures.preferred_classes, rows)
    assert {float(line.get_ydata()[0]) for line in once.lines if line.get_marker() == "o"} == {50.0}
    assert {round(float(line.get_ydata()[0]), 6) for line in changes.lines if line.get_marker() == "o"} == {
        1.2
    }
    two = [r for r in rows if r["seed"] < 2]
    means, *_ = drawn(study_figures.accuracy, two)
    assert {text.get_text() for text in means.texts} == {""}


def test_tables_show_the_rows(rows):
    text = table(frame(rows), columns()).splitlines()
    assert text[0].split("  ")[-1].strip() == "Jacobian"
    assert [line.split()[-1] for line in text[1:]] == ["8.00", "7.00", "9.00"]
    assert "reference" in text[3] and "90.00%" in text[3] and "79.61%" in text[1]


def test_networks_without_an_alpha_stand_on_an_axis_of_networks(rows):
    def label(of):
        figure = _drawing.Figure()
        _robustness_figures.jacobian(figure, levels(frame(of)))
        return figure.axes[0].get_xlabel()

    assert label(rows) == "α (not to scale)"
    assert label([row for row in rows if row["model"] == "x/reference"]) == "network"


def test_mixed_protocols_are_refused(rows):
    rows.append(row("m2", 2.0, "clean", "accuracy", 0.5, {"balanced_subset": 10}))
    with pytest.raises(ks.InputError, match=r"rows of accuracy mix protocols.*balanced_subset"):
        pick(frame(rows), "accuracy", evaluation="clean")


@pytest.mark.parametrize(
    ("figure", "lacking", "said"),
    [
        ("jacobian", {"measure": "jacobian_norm_mean_low"}, "jacobian_norm_mean_low of m0 is missing"),
        ("corruption", {"measure": "relative_accuracy"}, "relative_accuracy of m0 is missing"),
        ("corruption_severity5", {"perturbation": None, "measure": "accuracy"}, "accuracy of m0 is missing"),
        ("unit_gradients", {"measure": "unit_gradient_variation_over_units"}, "over_units of m0 is missing"),
    ],
)
def test_what_a_figure_lacks_of_one_network_is_named(rows, tmp_path, figure, lacking, said):
    kept = [r for r in rows if r["model"] != "m0" or any(r[name] != value for name, value in lacking.items())]
    drawn_, missing = draw(frame(kept), tmp_path)
    assert figure not in [kind.name for kind in drawn_]
    assert {kind.name: needed for kind, needed in missing}[
        figure
    ] == f"rows that are complete: {said}".replace("over_units", "unit_gradient_variation_over_units")


@pytest.mark.parametrize("error", [KeyError, ValueError, ZeroDivisionError, StopIteration])
def test_a_defect_of_a_figure_is_not_hidden(rows, tmp_path, monkeypatch, error):
    def failing(*arguments, **options):
        raise error

    monkeypatch.setattr(_figures, "save", failing)
    with pytest.raises(error):
        draw(frame(rows), tmp_path)


@pytest.mark.parametrize(
    ("alphas", "drawn_"),
    [
        ((-2.0, -1.0), False),
        ((-1.0, -1.0), True),
        ((-1.0, 0.0), True),
        ((0.0, 0.0), True),
        ((-1.0, None), False),
        ((0.0, None), False),
    ],
    ids=str,
)
def test_distances_are_drawn_between_equals_and_to_zero(alphas, drawn_, tmp_path):
    first, second = alphas
    found = [
        row("a", first, "clean", "accuracy", 0.5),
        row("b", second, "clean", "accuracy", 0.5),
        row("a", first, "pwcca", "pwcca_distance", 0.2, layer="one", other="b"),
    ]
    kinds_, missing = draw(frame(found), tmp_path)
    assert ("pwcca" in {kind.name for kind in kinds_}) == drawn_
    if not drawn_:
        assert "a distance to a network with α = 0" in dict((k.name, why) for k, why in missing)["pwcca"]


def test_architectures_are_compared_and_never_averaged(tmp_path):
    found = [each for network in ("resnet20", "vgg16") for each in study(network=network, everything=False)]
    found = [{**r, "model": f"{r['network']}/{r['model']}"} for r in found]
    kinds_, missing = draw(frame(found), tmp_path)
    assert [kind.name for kind in kinds_] == ["architectures"]
    assert dict((k.name, why) for k, why in missing)["accuracy"] == (
        "a table of one architecture: these rows are of resnet20 and vgg16"
    )
