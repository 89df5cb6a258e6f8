"""Figures of units and layers: dimensionality, similarity, off-axis selectivity, unit measures.

They follow the figures named with each, of "On the relationship between class selectivity,
dimensionality, and robustness" (W) and "Selectivity considered harmful" (S).
"""

import numpy as np

from keras_selectivity.reports._drawing import GREY
from keras_selectivity.reports._drawing import clean
from keras_selectivity.reports._drawing import colors
from keras_selectivity.reports._drawing import dots
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import legend
from keras_selectivity.reports._training_figures import layers_of
from keras_selectivity.studies import distance_ratios
from keras_selectivity.studies import distances_by_alpha
from keras_selectivity.studies._rows import by_label
from keras_selectivity.studies._rows import evaluation_of
from keras_selectivity.studies._rows import networks
from keras_selectivity.studies._rows import pick


def dimensionality(figure, rows):
    """Dimensionality of clean activations and of what perturbations change (W, Figures 3 and A8)."""
    mine = [row for row in rows if row["measure"] == "dimensionality"]
    perturbations = sorted({row["perturbation"] for row in mine if row["perturbation"]}, key="pgd".__eq__)
    axes = figure.subplots(1, 1 + len(perturbations), squeeze=False)[0]
    titles = {None: "clean", "pgd": "clean − adversarial"}
    for panel, name in zip(axes, (None, *perturbations), strict=True):
        label = "fraction of dimensions" if name is None else None
        layers_of(panel, mine, "dimensionality", label, perturbation=name)
        panel.set_title(titles.get(name, f"clean − {str(name).replace('_', ' ')}"), fontsize=9)
        panel.tick_params("x", labelsize=5, labelrotation=90)
    top = max(panel.get_ylim()[1] for panel in axes)
    for panel in axes:
        panel.set_ylim(0, top)


def similarity(figure, rows):
    """CCA distance to networks with alpha = 0, and between equals (S, Figures 2a, b and A3)."""
    distances, ratio = figure.subplots(1, 2)
    pairs = distances_by_alpha(rows)
    layers = list(dict.fromkeys(row["layer"] for row in rows if row["measure"] == "pwcca_distance"))
    shades = colors({alpha for alphas in pairs for alpha in alphas})
    for (first, second), found in sorted(pairs.items()):
        if 0 in (first, second):
            alpha = first or second
            heights = [np.mean(found[layer]) for layer in layers]
            distances.plot(heights, "o-", ms=3, color=shades[alpha], label=f"{first:g} and {second:g}")
        elif first == second:
            heights = [np.mean(found[layer]) for layer in layers]
            distances.plot(heights, "o:", ms=3, color=shades[first], label=f"{first:g} and {second:g}")
    distances.set_xticks(range(len(layers)), layers, rotation=90, fontsize=6)
    distances.set_ylabel("PWCCA distance")
    from_zero(distances)
    legend(distances, title="α", title_fontsize=8)
    ratios = distance_ratios(rows)
    ratio.axhline(1, color=GREY, lw=0.8)
    for place, (alpha, (by_layer, _)) in enumerate(ratios.items()):
        values = list(by_layer.values())
        ratio.plot([place] * len(values), values, ".", color=shades[alpha], ms=3)
        ratio.plot(place, np.mean(values), "o", color=shades[alpha], ms=8)
    tests = [f"{a:g}" if p is None else f"{a:g}\np = {p:.1g}" for a, (_, p) in ratios.items()]
    ratio.set_xticks(range(len(ratios)), tests, fontsize=8)
    ratio.set(xlabel="regulariser scale α", ylabel="distance to α = 0 /\ndistance between equals")
    if not ratios:
        ratio.text(0.5, 0.5, "needs two seeds of an α and of α = 0", ha="center", transform=ratio.transAxes)
    clean(ratio)


def off_axis(figure, rows):
    """Off-axis and axis-aligned selectivity, mean over layers and by layer (S, Figure 2c and appendix A.7)."""
    summary, by_layer = figure.subplots(1, 2)
    for measure, marker in (
        ("off_axis_selectivity", "D"), ("axis_aligned_selectivity_shifted", "s"), ("axis_aligned_selectivity", "o")
    ):  # fmt: skip
        found = {name: np.mean(list(v.values())) for name, v in pick(rows, measure, x="layer").items()}
        groups = by_label(rows, found)
        shades = colors({alpha for alpha, _ in groups.values()})
        for place, (alpha, values) in enumerate(groups.values()):
            label = measure.replace("_", " ") if not place else None
            summary.plot([place] * len(values), values, marker, color=shades[alpha], ms=7, label=label)
        labels = [label.removeprefix("α = ").replace("_", "\n") for label in groups]
        summary.set_xticks(range(len(groups)), labels, fontsize=8)
    summary.set(xlabel="regulariser scale α", ylabel="mean selectivity index")
    from_zero(summary)
    legend(summary)
    layers_of(by_layer, rows, "off_axis_selectivity", "off-axis selectivity")
    by_layer.tick_params("x", labelsize=6, labelrotation=90)


def units(figure, rows):
    """Dead and sparse units, precision and mutual information against alpha (S, appendices A.10 to A.14)."""
    panels = (
        ("dead_units", "dead units (%)", 100), ("sparse_units", "sparse units (%)", 100),
        ("mean_precision", "mean precision", 1), ("mean_mutual_information", "mean mutual\ninformation (bits)", 1),
    )  # fmt: skip
    for axes, (measure, label, scale) in zip(figure.subplots(1, 4), panels, strict=True):
        found = pick(rows, measure, x="layer", evaluation="units")
        dots(axes, by_label(rows, {name: np.mean(list(v.values())) for name, v in found.items()}), scale)
        axes.set_ylabel(label)
        from_zero(axes)
        clean(axes)


def unit_scatter(figure, rows):
    """Every unit's selectivity against its other measures (S, appendices A.13 and A.14)."""
    known = networks(rows)
    shades = colors({alpha for alpha, *_ in known.values()})
    points = {}
    for row in rows:
        if row["unit"] is not None and evaluation_of(row) == "units":
            points.setdefault(row["model"], {}).setdefault((row["layer"], row["unit"]), {})[
                row["measure"]
            ] = row["value"]
    panels = (
        ("discriminability", "d′"),
        ("precision", "precision"),
        ("mutual_information", "mutual information"),
    )
    for axes, (measure, label) in zip(figure.subplots(1, 3), panels, strict=True):
        for name, (alpha, _, title) in known.items():
            if name in points:
                alive = [unit for unit in points[name].values() if not unit["dead"]]
                x, y = ([unit[m] for unit in alive] for m in ("selectivity", measure))
                axes.plot(x, y, ".", ms=3, alpha=0.5, color=shades[alpha], label=title, rasterized=True)
        axes.set(xlabel="selectivity index", ylabel=label)
        clean(axes)
    legend(axes, markerscale=3)
