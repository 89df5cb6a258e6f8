"""Figures of attacks, corruptions and input gradients.

They follow the figures of "On the relationship between class selectivity, dimensionality, and
robustness" that are named with each.
"""

import matplotlib
import numpy as np

from keras_selectivity.reports._drawing import clean
from keras_selectivity.reports._drawing import colors
from keras_selectivity.reports._drawing import curves
from keras_selectivity.reports._drawing import dots
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import legend
from keras_selectivity.reports._training_figures import layers_of
from keras_selectivity.studies._rows import by_label
from keras_selectivity.studies._rows import networks
from keras_selectivity.studies._rows import pick


def attacks(figure, rows):
    """Accuracy against FGSM strength and PGD steps (Figures 2a, b and A7a, b)."""
    fgsm, pgd = figure.subplots(1, 2)
    found = pick(rows, "accuracy", x="epsilon", perturbation="fgsm")
    found = {name: {e * 255: a for e, a in values.items()} for name, values in found.items()}
    curves(fgsm, by_label(rows, found), 100)
    fgsm.set_xscale("symlog", base=2, linthresh=0.125)
    ticks = (0, 0.25, 0.5, 1, 2, 4, 8, 16)
    fgsm.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    fgsm.set_xlim(0, None)
    fgsm.set(xlabel="FGSM: ε · 255", ylabel="test accuracy (%)")
    curves(pgd, by_label(rows, pick(rows, "accuracy", x="steps", perturbation="pgd")), 100)
    pgd.set(xlabel="PGD: steps", ylabel="test accuracy (%)")
    for axes in (fgsm, pgd):
        axes.set_ylim(0, 100)
        legend(axes)


def jacobian(figure, rows):
    """Mean norm of the input-output Jacobian (Figures 2c and A7c), with its interval over samples."""
    axes = figure.subplots()
    groups = by_label(rows, pick(rows, "jacobian_norm_mean"))
    dots(axes, groups)
    low, high = (by_label(rows, pick(rows, f"jacobian_norm_mean_{end}")) for end in ("low", "high"))
    for x, label in enumerate(groups):
        for bottom, top in zip(low[label][1], high[label][1], strict=True):
            axes.plot([x, x], [bottom, top], color="0.2", lw=1.2)
    axes.set_ylabel("Jacobian, Frobenius norm")
    from_zero(axes)
    clean(axes)


def corruption(figure, rows):
    """Mean corrupted accuracy, its ratio to clean accuracy (Figures 1a, b and A4a, b)."""
    title = _all(rows)
    panels = (("accuracy", f"accuracy, {title} (%)"), ("relative_accuracy", "corrupted / clean accuracy (%)"))
    for axes, (measure, label) in zip(figure.subplots(1, 2), panels, strict=True):
        dots(axes, by_label(rows, pick(rows, measure, perturbation=title)), 100)
        axes.set_ylabel(label)
        axes.margins(y=0.2)
        clean(axes)


def severest(figure, rows):
    """Accuracy at severity 5 over clean accuracy, by corruption (Figures 1c and A4c)."""
    clean_accuracy = pick(rows, "accuracy", evaluation="clean")
    values = {
        name: {c: found[5] / clean_accuracy[name] for c, found in by_corruption.items()}
        for name, by_corruption in _corrupted(rows).items()
    }
    _bars(figure, rows, values, "corrupted / clean accuracy\nat severity 5 (%)")


def each_corruption(figure, rows):
    """Accuracy by corruption, mean over severities (Figures A2 and A5)."""
    values = {
        name: {c: np.mean(list(found.values())) for c, found in by_corruption.items()}
        for name, by_corruption in _corrupted(rows).items()
    }
    _bars(figure, rows, values, "accuracy, mean over\nseverities (%)")


def trade_off(figure, rows):
    """Clean against corrupted accuracy by severity (Figures A3 and A6)."""
    axes = figure.subplots()
    clean_accuracy, corrupted = pick(rows, "accuracy", evaluation="clean"), _corrupted(rows)
    known = networks(rows)
    shades = colors({alpha for alpha, *_ in known.values()})
    borders = matplotlib.colormaps["viridis"]([0.0, 0.25, 0.5, 0.75, 1.0])
    for name, by_corruption in corrupted.items():
        alpha, _, label = known[name]
        for severity, border in zip(range(1, 6), borders, strict=True):
            mean = np.mean([found[severity] for found in by_corruption.values()])
            axes.plot(
                clean_accuracy[name] * 100, mean * 100, "o", ms=9, mew=2, color=shades[alpha],
                markeredgecolor=border, label=label if severity == 1 else None,
            )  # fmt: skip
    for severity, border in zip(range(1, 6), borders, strict=True):
        axes.plot([], [], "o", ms=7, mew=2, color="w", markeredgecolor=border, label=f"severity {severity}")
    axes.set(xlabel="clean accuracy (%)", ylabel="corrupted accuracy (%)")
    legend(axes, loc="center left", bbox_to_anchor=(1, 0.5))


def unit_gradients(figure, rows):
    """Variation of the input-unit gradients over samples and over units, by layer."""
    panels = (("samples", "CV over samples,\nmean over units"), ("units", "CV over units"))
    for axes, (over, label) in zip(figure.subplots(1, 2), panels, strict=True):
        layers_of(axes, rows, f"unit_gradient_variation_over_{over}", label)
        axes.tick_params("x", labelsize=6, labelrotation=90)
        axes.autoscale(axis="y")
        if np.isfinite(axes.dataLim.minposy):  # there is something above zero
            axes.set_yscale("log")


def _corrupted(rows):
    """Accuracy as model -> corruption -> severity, for corruptions that have every severity."""
    names = dict.fromkeys(r["perturbation"] for r in rows if r["severity"] is not None)
    found = {}
    for name in names:
        for model, values in pick(rows, "accuracy", x="severity", perturbation=name).items():
            if len(values) == 5:
                found.setdefault(model, {})[name] = values
    return found


def _all(rows):
    """What the mean over all corruptions is called."""
    return next(r["perturbation"] for r in rows if (r["perturbation"] or "").startswith("all "))


def _bars(figure, rows, values, label):
    axes = figure.subplots()
    names = list(dict.fromkeys(c for found in values.values() for c in found))
    groups = by_label(rows, values)
    shades = colors({alpha for alpha, _ in groups.values()})
    width = 0.8 / len(groups)
    for i, (title, (alpha, series)) in enumerate(groups.items()):
        heights = np.array([np.mean([found.get(c, np.nan) for found in series]) for c in names]) * 100
        places = np.arange(len(names)) + (i - (len(groups) - 1) / 2) * width
        axes.bar(places, heights, width, color=shades[alpha], label=title)
        for found in series if len(series) > 1 else ():
            axes.plot(places, [found.get(c, np.nan) * 100 for c in names], ".", color="k", ms=2)
    axes.set_xticks(
        range(len(names)), [n.replace("_", " ") for n in names], rotation=35, ha="right", fontsize=8
    )
    axes.set_ylabel(label)
    legend(axes, ncols=len(groups), loc="lower center", bbox_to_anchor=(0.5, 1.0))
