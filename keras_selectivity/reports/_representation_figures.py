"""Figures of units and layers: dimensionality, similarity, off-axis selectivity, unit measures."""

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from keras_selectivity.claims import distance_ratios
from keras_selectivity.claims import ratio_by_seed
from keras_selectivity.reports._drawing import GREY
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import marks
from keras_selectivity.reports._drawing import palette
from keras_selectivity.reports._drawing import panels
from keras_selectivity.reports._series import against_alpha
from keras_selectivity.reports._series import examples
from keras_selectivity.reports._series import layer_names
from keras_selectivity.reports._series import layers_of
from keras_selectivity.reports._series import mark
from keras_selectivity.reports._series import matrix
from keras_selectivity.reports._series import mean_with_interval
from keras_selectivity.reports._series import number_layers
from keras_selectivity.results import Levels
from keras_selectivity.results import by_label
from keras_selectivity.results import evaluation_in
from keras_selectivity.results import networks
from keras_selectivity.results import per_model
from keras_selectivity.results import pick


def dimensionality(figure: Figure, table: Levels) -> None:
    """Dimensionality of clean activations and of what perturbations change."""
    of = table.rows.filter(pl.col("measure") == "dimensionality")["perturbation"].unique().drop_nulls()
    perturbations = sorted(of, key=lambda name: (name == "pgd", name))
    axes = panels(figure, 1 + len(perturbations), lettered=True, sharey=True)
    titles = {None: "clean", "pgd": "clean − adversarial"}
    for panel, name in zip(axes, (None, *perturbations), strict=True):
        label = "fraction of dimensions" if name is None else ""
        layers_of(panel, table, "dimensionality", label, perturbation=name)
        panel.set_title(titles.get(name, f"clean − {str(name).replace('_', ' ')}"), fontsize=9)
    axes[0].set_ylim(0, 1.08 * max(panel.dataLim.y1 for panel in axes) or 1)


_TO = {False: "to α = 0", True: "to the same α"}


def similarity(figure: Figure, table: Levels) -> None:
    """CCA distance to networks with alpha = 0, and between equals; and the ratio of both."""
    found, shades = distances_by_network(table), palette(table)
    layers = [name for name in layer_names(table) if name in set(found["layer"])]
    ratios = _ratios(table)
    by_layer, *of_ratios = panels(figure, 1 + (ratios.height > 0), lettered=True)
    shown = found.filter(pl.col("alpha").is_in(examples(found["alpha"].unique().to_list())))
    for (alpha, to), part in shown.group_by("alpha", "to", maintain_order=True):
        style, label = "o:" if alpha == to else "o-", f"α = {alpha:g}"
        samples, places = matrix(part, "layer", layers), np.arange(len(layers)) + 1
        mean_with_interval(
            by_layer,
            places,
            samples,
            color=shades[label],
            style=style,
            band=True,
            ms=3,
            series=label,
            along=True,
            called=_TO[alpha == to],
        )
        marks(by_layer, {label: "o"}, color=shades[label])
    number_layers(by_layer)
    by_layer.set_ylabel("PWCCA distance")
    from_zero(by_layer)
    marks(by_layer, {_TO[False]: "o-", _TO[True]: "o:"}, ms=3)
    for axes in of_ratios:
        axes.axhline(1, color=GREY, lw=0.8)
        against_alpha(axes, ratios)
        axes.set_ylabel("distance to α = 0 /\ndistance to the same α")
        tests = dict(distance_ratios(table.rows).select("alpha", "p").iter_rows())
        for place, (_, alpha, part) in enumerate(by_label(ratios)):
            p = tests.get(alpha)
            mark(axes, place, None if p is None else p * len(tests), max(part["value"]))
        axes.margins(y=0.12)


def distances_by_network(table: Levels) -> pl.DataFrame:
    """Mean distance of networks by layer to all with alpha = 0, and to all of their own alpha; `to` tells which."""
    known = networks(table.rows).select("model", "alpha", "seed", "label")
    pairs = table.rows.filter(pl.col("measure") == "pwcca_distance")
    pairs = pairs.select("model", "other", "layer", "value")
    swapped = pairs.select(pl.col("other").alias("model"), pl.col("model").alias("other"), "layer", "value")
    others = known.select(other="model", to="alpha")
    both = pl.concat([pairs, swapped]).join(known, on="model").join(others, on="other")
    both = both.drop_nulls("alpha").filter((pl.col("to") == pl.col("alpha")) | (pl.col("to") == 0))
    means = both.group_by("model", "alpha", "seed", "label", "to", "layer").agg(pl.col("value").mean())
    return means.sort("alpha", "to", "seed", "model")


def _ratios(table: Levels) -> pl.DataFrame:
    """Distance to alpha = 0 over that to the same alpha, mean over layers, as `pick`.

    A value per seed of the jackknife, whose spread is right for distances that share networks; with fewer than three
    seeds the ratio alone.
    """
    by_seed = ratio_by_seed(table.rows)
    rows = [
        (alpha, seed, float(np.exp(value))) for alpha, of in by_seed.items() for seed, value in of.items()
    ]
    means = distance_ratios(table.rows).group_by("alpha", maintain_order=True).agg(pl.col("ratio").mean())
    rows += [(alpha, 0, ratio) for alpha, ratio in means.iter_rows() if alpha not in by_seed]
    found = pl.DataFrame(
        rows, schema={"alpha": pl.Float64, "seed": pl.Int64, "value": pl.Float64}, orient="row"
    )
    labels = networks(table.rows).select("alpha", "label").unique()
    named = found.join(labels, on="alpha", maintain_order="left").sort("alpha", "seed")
    return named.with_columns(model=pl.format("{} {}", "label", "seed"))


def off_axis(figure: Figure, table: Levels) -> None:
    """Off-axis and axis-aligned selectivity, mean over layers and by layer."""
    summary, by_layer = panels(figure, 2)
    shown = (
        ("axis_aligned_selectivity", "o", -0.22),
        ("axis_aligned_selectivity_shifted", "s", 0),
        ("off_axis_selectivity", "D", 0.22),
    )
    for measure, marker, shift in shown:
        found = per_model(pick(table.rows, measure, x="layer"), pl.col("value").mean())
        called = measure.removesuffix("_selectivity").replace("_selectivity_", ", ").replace("_", " ")
        against_alpha(summary, found, marker=marker, shift=shift, called=called)
        marks(summary, {called: marker})
    summary.set_ylabel("selectivity index,\nmean over layers")
    from_zero(summary)
    layers_of(by_layer, table, "off_axis_selectivity", "off-axis selectivity")


def units(figure: Figure, table: Levels) -> None:
    """Dead and sparse units, precision and mutual information against alpha."""
    shown = (
        ("dead_units", "dead units (%)", 100),
        ("sparse_units", "sparse units (%)", 100),
        ("mean_precision", "mean precision", 1),
        ("mean_mutual_information", "mean mutual\ninformation (bits)", 1),
    )
    for axes, (measure, label, scale) in zip(panels(figure, 2, rows=2), shown, strict=True):
        found = pick(table.rows, measure, x="layer", evaluation="units")
        against_alpha(axes, per_model(found, pl.col("value").mean()), scale)
        axes.set_ylabel(label)
        from_zero(axes)


def unit_scatter(figure: Figure, table: Levels) -> None:
    """Every unit's selectivity against its other measures."""
    known = networks(table.rows).select("model", "label")
    shades = palette(table)
    shown = (
        ("discriminability", "d′"),
        ("precision", "precision"),
        ("mutual_information", "mutual information (bits)"),
    )
    alive = _alive(table, ["selectivity", *(measure for measure, _ in shown)])
    points = {name: part for (name,), part in alive.group_by("model", maintain_order=True)}
    for axes, (measure, label) in zip(panels(figure, 3), shown, strict=True):
        for name, title in known.iter_rows():
            if name in points:
                x, y = points[name]["selectivity"], points[name][measure]
                axes.plot(x, y, ".", ms=3, alpha=0.5, mew=0, color=shades[title], rasterized=True)
                marks(axes, {title: "o"}, color=shades[title])
        axes.set(xlabel="selectivity index", ylabel=label)
        axes.locator_params("x", nbins=4)


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
