"""Figures of units and layers: dimensionality, similarity, off-axis selectivity, unit measures.

They follow the figures named with each, of "On the relationship between class selectivity,
dimensionality, and robustness" (W) and "Selectivity considered harmful" (S).
"""

import polars as pl
from matplotlib.figure import Figure

from keras_selectivity.claims import distance_ratios
from keras_selectivity.claims import distances
from keras_selectivity.reports._drawing import GREY
from keras_selectivity.reports._drawing import alphas_below
from keras_selectivity.reports._drawing import clean
from keras_selectivity.reports._drawing import colors
from keras_selectivity.reports._drawing import dots
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import legend
from keras_selectivity.reports._training_figures import layers_of
from keras_selectivity.results import Levels
from keras_selectivity.results import by_label
from keras_selectivity.results import evaluation_in
from keras_selectivity.results import networks
from keras_selectivity.results import per_model
from keras_selectivity.results import pick


def dimensionality(figure: Figure, table: Levels) -> None:
    """Dimensionality of clean activations and of what perturbations change (W, Figures 3 and A8)."""
    of = table.rows.filter(pl.col("measure") == "dimensionality")["perturbation"].unique().drop_nulls()
    perturbations = sorted(of, key="pgd".__eq__)
    axes = figure.subplots(1, 1 + len(perturbations), squeeze=False)[0]
    titles = {None: "clean", "pgd": "clean − adversarial"}
    for panel, name in zip(axes, (None, *perturbations), strict=True):
        label = "fraction of dimensions" if name is None else ""
        layers_of(panel, table, "dimensionality", label, perturbation=name)
        panel.set_title(titles.get(name, f"clean − {str(name).replace('_', ' ')}"), fontsize=9)
        panel.tick_params("x", labelsize=5, labelrotation=90)
    top = max(panel.get_ylim()[1] for panel in axes)
    for panel in axes:
        panel.set_ylim(0, top)


def similarity(figure: Figure, table: Levels) -> None:
    """CCA distance to networks with alpha = 0, and between equals (S, Figures 2a, b and A3)."""
    left, right = figure.subplots(1, 2)
    pairs = (
        distances(table.rows)
        .group_by("low", "high", "layer", maintain_order=True)
        .agg(pl.col("value").mean())
    )
    layers = pairs["layer"].unique(maintain_order=True).to_list()
    shades = colors([*pairs["low"].unique(), *pairs["high"].unique()])
    for (low, high), part in pairs.group_by("low", "high", maintain_order=True):
        if low != high and low and high:
            continue
        heights = dict(part.select("layer", "value").iter_rows())
        style = "o:" if low == high and low else "o-"
        color = shades[low or high]
        left.plot(
            [heights.get(each) for each in layers], style, ms=3, color=color, label=f"{low:g} and {high:g}"
        )
    left.set_xticks(range(len(layers)), layers, rotation=90, fontsize=6)
    left.set_ylabel("PWCCA distance")
    from_zero(left)
    # Beside each other where there are many: a legend that is higher than the figure takes all its room
    legend(left, title="α", title_fontsize=8, ncols=1 + len(left.lines) // 16)
    ratios = distance_ratios(table.rows)
    right.axhline(1, color=GREY, lw=0.8)
    tests = []
    for place, ((alpha,), part) in enumerate(ratios.group_by("alpha", maintain_order=True)):
        right.plot([place] * part.height, part["ratio"], ".", color=shades[alpha], ms=3)
        right.plot(place, part["ratio"].mean(), "o", color=shades[alpha], ms=8)
        tests.append(f"{alpha:g}" if part["p"][0] is None else f"{alpha:g}\np = {part['p'][0]:.1g}")
    right.set_xticks(range(len(tests)), tests, fontsize=8)
    right.set(xlabel="regulariser scale α", ylabel="distance to α = 0 /\ndistance between equals")
    if not tests:
        right.text(0.5, 0.5, "needs two seeds of an α and of α = 0", ha="center", transform=right.transAxes)
    clean(right)


def off_axis(figure: Figure, table: Levels) -> None:
    """Off-axis and axis-aligned selectivity, mean over layers and by layer (S, Figure 2c and appendix A.7)."""
    summary, by_layer = figure.subplots(1, 2)
    for measure, marker in (
        ("off_axis_selectivity", "D"),
        ("axis_aligned_selectivity_shifted", "s"),
        ("axis_aligned_selectivity", "o"),
    ):
        found = per_model(pick(table.rows, measure, x="layer"), pl.col("value").mean())
        groups = list(by_label(found))
        shades = colors(found["alpha"].unique())
        for place, (_, alpha, part) in enumerate(groups):
            label = measure.replace("_", " ") if not place else None
            summary.plot([place] * part.height, part["value"], marker, color=shades[alpha], ms=7, label=label)
        alphas_below(summary, [label for label, *_ in groups])
    summary.set_ylabel("mean selectivity index")
    from_zero(summary)
    legend(summary)
    layers_of(by_layer, table, "off_axis_selectivity", "off-axis selectivity")
    by_layer.tick_params("x", labelsize=6, labelrotation=90)


def units(figure: Figure, table: Levels) -> None:
    """Dead and sparse units, precision and mutual information against alpha (S, appendices A.10 to A.14)."""
    panels = (
        ("dead_units", "dead units (%)", 100),
        ("sparse_units", "sparse units (%)", 100),
        ("mean_precision", "mean precision", 1),
        ("mean_mutual_information", "mean mutual\ninformation (bits)", 1),
    )
    for axes, (measure, label, scale) in zip(figure.subplots(1, 4), panels, strict=True):
        found = pick(table.rows, measure, x="layer", evaluation="units")
        dots(axes, per_model(found, pl.col("value").mean()), scale)
        axes.set_ylabel(label)
        from_zero(axes)
        clean(axes)


def unit_scatter(figure: Figure, table: Levels) -> None:
    """Every unit's selectivity against its other measures (S, appendices A.13 and A.14)."""
    known = networks(table.rows).select("model", "alpha", "label")
    shades = colors(known["alpha"].unique())
    panels = (
        ("discriminability", "d′"),
        ("precision", "precision"),
        ("mutual_information", "mutual information"),
    )
    alive = _alive(table, ["selectivity", *(measure for measure, _ in panels)])
    points = {name: part for (name,), part in alive.group_by("model", maintain_order=True)}
    for axes, (measure, label) in zip(figure.subplots(1, 3), panels, strict=True):
        for name, alpha, title in known.iter_rows():
            if name in points:
                x, y = points[name]["selectivity"], points[name][measure]
                axes.plot(x, y, ".", ms=3, alpha=0.5, color=shades[alpha], label=title, rasterized=True)
        axes.set(xlabel="selectivity index", ylabel=label)
        clean(axes)
    legend(axes, markerscale=3)


def _alive(table: Levels, measures: list[str]) -> pl.DataFrame:
    """Measures of the units that are not dead, a unit per row, a measure per column."""
    protocols = table.units.select("protocol").unique().collect(engine="streaming")["protocol"].drop_nulls()
    ours = [text for text in protocols if text and evaluation_in(text) == "units"]
    wanted = table.units.filter(pl.col("protocol").is_in(ours), pl.col("measure").is_in([*measures, "dead"]))
    found = wanted.select("model", "layer", "unit", "measure", "value").collect(engine="streaming")
    columns = [
        pl.col("value").filter(pl.col("measure") == each).first().alias(each) for each in (*measures, "dead")
    ]
    units = found.group_by("model", "layer", "unit", maintain_order=True).agg(columns)
    return units.filter(pl.col("dead") == 0)
