"""Figures of attacks and input gradients, and of how robustness depends on selectivity."""

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from matplotlib.ticker import NullFormatter
from matplotlib.ticker import StrMethodFormatter

from keras_selectivity.claims import mediation
from keras_selectivity.reports._descriptions import describe
from keras_selectivity.reports._drawing import GREY
from keras_selectivity.reports._drawing import OTHERS
from keras_selectivity.reports._drawing import from_zero
from keras_selectivity.reports._drawing import palette
from keras_selectivity.reports._drawing import panels
from keras_selectivity.reports._drawing import sideways
from keras_selectivity.reports._series import against_alpha
from keras_selectivity.reports._series import curves
from keras_selectivity.reports._series import layers_of
from keras_selectivity.results import Levels
from keras_selectivity.results import by_label
from keras_selectivity.results import of_evaluation
from keras_selectivity.results import pick

APART = " by cross-entropy"  # what the papers' gradient is distinguished from the exact one by
_IN_L2 = " in l2"


def attacks(figure: Figure, table: Levels) -> None:
    """Accuracy against FGSM strength and PGD steps, along the cross-entropy's gradient where it is told apart."""
    known = set(perturbations(table))
    fgsm, pgd = (f"{attack}{APART}" if f"{attack}{APART}" in known else attack for attack in ("fgsm", "pgd"))
    _attacks(figure, table, fgsm, pgd)


def exact_attacks(figure: Figure, table: Levels) -> None:
    """Accuracy against FGSM strength and PGD steps, along the exact gradient."""
    _attacks(figure, table, "fgsm", "pgd")


def _attacks(figure: Figure, table: Levels, fgsm: str, pgd: str) -> None:
    left, right = panels(figure, 2, sharey=True)
    _by_strength(left, table, fgsm)
    left.set(xlabel="FGSM: ε · 255 (linear to 0.25, then logarithmic)", ylabel="test accuracy (%)")
    curves(right, pick(table.rows, "accuracy", x="steps", perturbation=pgd), "steps", 100)
    right.set(xlabel="PGD: steps", ylim=(0, 100))


def worst_cases(figure: Figure, table: Levels) -> None:
    """Accuracy under AutoAttack, or the attacks of it that there are, against their strength."""
    rows = table.rows.filter(of_evaluation(table.rows, "autoattack"))
    # Whichever of them a version of the measurement runs; radii of one norm are no strengths in the other
    names = rows["perturbation"].unique(maintain_order=True).drop_nulls()
    found = sorted(names, key=lambda name: name.endswith(_IN_L2))
    axes = panels(figure, len(found), lettered=True, sharey=True)
    for panel, name in zip(axes, found, strict=True):
        title = name.removesuffix(_IN_L2).upper().replace("AUTOATTACK", "AutoAttack")
        if name.endswith(_IN_L2):
            curves(panel, pick(table.rows, "accuracy", x="epsilon", perturbation=name), "epsilon", 100)
            panel.set(xlabel=f"{title}: radius in L2, pixels of [0, 1]", xlim=(0, None))
        else:
            _by_strength(panel, table, name)
            panel.set_xlabel(f"{title}: ε · 255 (linear to 0.25, then logarithmic)")
    axes[0].set(ylabel="test accuracy (%)", ylim=(0, 100))


def _by_strength(axes: Axes, table: Levels, attack: str) -> None:
    curves(axes, pick(table.rows, "accuracy", x="epsilon", perturbation=attack), "epsilon", 100, 255)
    axes.set_xscale("symlog", base=2, linthresh=0.25)
    ticks = (0, 0.25, 0.5, 1, 2, 4, 8, 16)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xlim(0, None)


def perturbations(table: Levels) -> list[str]:
    """Names of the perturbations in a table."""
    return [str(name) for name in table.rows["perturbation"].unique(maintain_order=True).drop_nulls()]


def jacobian(figure: Figure, table: Levels) -> None:
    """Mean norm of the input-output Jacobian; with one network, its interval over samples."""
    (axes,) = panels(figure, 1)
    found = pick(table.rows, "jacobian_norm_mean")
    against_alpha(axes, found)
    shades = palette(found)
    for place, (label, _, part) in enumerate(by_label(found)):
        if part.height == 1:
            ends = [
                pick(table.rows.filter(pl.col("model") == part["model"][0]), f"jacobian_norm_mean_{end}")
                for end in ("low", "high")
            ]
            axes.plot([place] * 2, [end["value"][0] for end in ends], color=shades[label], lw=1.2)
    axes.set_ylabel("Jacobian, Frobenius norm")
    from_zero(axes)


def unit_gradients(figure: Figure, table: Levels) -> None:
    """Variation of the input-unit gradients over samples and over units, by layer."""
    shown = (("samples", "CV over samples,\nmean over units"), ("units", "CV over units"))
    for axes, (over, label) in zip(panels(figure, 2), shown, strict=True):
        layers_of(axes, table, f"unit_gradient_variation_over_{over}", label)
        axes.autoscale(axis="y")
        if np.isfinite(axes.dataLim.minposy):  # there is something above zero
            axes.set_yscale("log")
            # A band that reaches zero has no lower end there
            least = min(np.min(line.get_ydata()) for line in axes.lines)
            axes.set_ylim(bottom=least / 2 if least > 0 else None)
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())


def mediated(figure: Figure, table: Levels) -> None:
    """Dependence of robustness on measured selectivity, alone and with what else alpha changes held fixed."""
    (axes,) = panels(figure, 1)
    found = mediation(table)
    held = found["held"][0].replace(", ", ",\n")
    several = found["population"].n_unique() > 1
    names = [
        f"{name}, {of}" if several else name for of, name in found.select("population", "measure").iter_rows()
    ]
    shown = (
        ("", "o", -0.14, GREY, "selectivity alone"),
        ("adjusted_", "D", 0.14, OTHERS[1], f"{held}\nheld fixed"),
    )
    for prefix, marker, shift, color, label in shown:
        slope, low, high = (found[f"{prefix}{name}"].to_numpy() for name in ("slope", "low", "high"))
        places = np.arange(found.height) + shift
        errors = [slope - low, high - slope]
        axes.errorbar(slope, places, xerr=errors, fmt="none", ecolor=color, elinewidth=1.2, capsize=2)
        (line,) = axes.plot(slope, places, marker, color=color, ms=5, label=label)
        describe(line, label.replace("\n", " "), names=names, low=low, high=high, sideways=True)
    axes.axvline(0, color=GREY, lw=0.8, zorder=0)
    sideways(axes, names, "standard deviations per standard deviation of selectivity")
    most, seeds = max(found["networks"].to_list()), max(found["seeds"].to_list())
    axes.set_title(f"{most} networks of {seeds} seeds", fontsize=9)
