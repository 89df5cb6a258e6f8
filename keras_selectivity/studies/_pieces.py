"""The pieces of an evaluation: from a network and a test set to tidy rows.

Their `options` are keywords for the functions that measure: `verbose` and perhaps `batch_size`.
"""

from dataclasses import dataclass

import numpy as np

from keras_selectivity import representations
from keras_selectivity import robustness
from keras_selectivity.studies._statistics import mean_interval


@dataclass(frozen=True)
class Test:
    """The samples an evaluation runs on, and how they were chosen.

    Attributes:
        images: `(n, height, width, 3)` uint8.
        labels: `(n,)` int64.
        protocol: Dict of what it takes to choose them again.
    """

    images: np.ndarray
    labels: np.ndarray
    protocol: dict


def clean_rows(exported, test, evaluation, options):
    """Accuracy and selectivity; accuracy alone for a model that offers no units."""
    if not exported.layer_names:
        share = robustness.accuracy(exported, test.images, test.labels, **options)
        return [{"measure": "accuracy", "value": share}]
    rows = representations.measure_selectivity(exported, (test.images, test.labels), **options).rows()
    return [row for row in rows if row["unit"] is None]


def unit_rows(exported, test, evaluation, options):
    """Measures of every unit, their means by layer, and the rank correlations between them."""
    layers = representations.measure_units(
        exported, test.images, test.labels, seed=evaluation.seed, **options
    )
    rows = []
    for layer in layers:
        shares = {"dead_units": layer.dead, "sparse_units": layer.sparse}
        measures = {name: getattr(layer, name) for name in representations.MEASURES}
        rows += [
            {
                "layer": layer.name,
                "measure": f"mean_{name}" if name in measures else name,
                "value": value.mean(),
            }
            for name, value in {**shares, **measures}.items()
        ]
        rows += [
            {"layer": layer.name, "unit": unit, "measure": name, "value": value}
            for name, values in {
                **measures,
                "preferred_class": layer.preferred_class,
                "dead": layer.dead,
            }.items()
            for unit, value in enumerate(values)
        ]
    for (first, second), (correlation, p) in representations.rank_correlations(layers).items():
        rows.append({"measure": f"spearman_{first}_{second}", "value": correlation})
        rows.append({"measure": f"spearman_p_{first}_{second}", "value": p})
    return rows


def dimensionality_rows(exported, test, evaluation, perturbed, options):
    """PCA dimensionality by layer, of clean activations or of what a perturbation changes."""
    spectra = representations.layer_spectra(
        exported,
        test.images,
        perturbed,
        layers=evaluation.layers,
        full_maps=evaluation.full_maps,
        **options,
    )
    return [
        {"layer": name, "measure": measure, "value": value}
        for name, found in spectra.items()
        for measure, value in (
            ("dimensionality", found.fraction(evaluation.variance)),
            ("dimensionality_of_alive", found.fraction(evaluation.variance, alive_only=True)),
            ("participation_ratio", found.participation_ratio),
        )
    ]


def off_axis_rows(exported, test, evaluation, validation, options):
    """Off-axis selectivity by layer, and the axis-aligned selectivity beside it."""
    names, quiet = exported.layers(evaluation.layers), {**options, "verbose": 0}
    fit, fit_labels = representations.collect_units(exported, *validation, names, **quiet)
    score, labels = representations.collect_units(exported, test.images, test.labels, names, **quiet)
    rows = []
    for name in names:
        if options["verbose"]:
            print(f"    {name}", flush=True)
        found = representations.off_axis_selectivity(
            fit[name], fit_labels, score[name], labels, steps=evaluation.off_axis_steps, seed=evaluation.seed,
            verbose=options["verbose"],
        )  # fmt: skip
        values = {
            "off_axis_selectivity": found.value,
            "rotated_selectivity": found.rotated,
            "axis_aligned_selectivity": found.axis_aligned,
            "axis_aligned_selectivity_shifted": found.axis_aligned_shifted,
        }
        rows += [{"layer": name, "measure": measure, "value": value} for measure, value in values.items()]
    return rows


def pwcca_rows(activations, others):
    """Symmetric PWCCA distance by layer between two networks with the same layers."""
    return [
        {
            "layer": name,
            "measure": "pwcca_distance",
            "value": representations.pwcca_distance(activations[name], others[name], symmetric=True),
        }
        for name in activations
    ]


def fgsm_rows(exported, test, evaluation, options):
    """Accuracy and loss under FGSM by epsilon."""
    found = robustness.fgsm_accuracy(exported, test.images, test.labels, evaluation.epsilons, **options)
    return [
        {"measure": measure, "epsilon": epsilon, "value": float(value)}
        for measure in ("accuracy", "loss")
        for epsilon, value in zip(evaluation.epsilons, getattr(found, measure), strict=True)
    ]


def pgd_rows(exported, test, evaluation, options):
    """Accuracy and loss under PGD by number of steps."""
    found = robustness.pgd_accuracy(
        exported, test.images, test.labels, steps=evaluation.pgd_steps, step_size=evaluation.pgd_step_size,
        epsilon=evaluation.pgd_epsilon, norm=evaluation.pgd_norm, **options,
    )  # fmt: skip
    rows = [
        {"measure": measure, "steps": steps, "value": float(value)}
        for measure in ("accuracy", "worst_accuracy", "loss")
        for steps, value in zip(found.steps, getattr(found, measure), strict=True)
    ]
    return [*rows, {"measure": "largest_change", "steps": found.steps[-1], "value": found.largest_change}]


def control_rows(exported, test, evaluation, transferred, options):
    """The gradient-masking report; prints what it warns of."""
    found = robustness.gradient_masking(
        exported, test.images, test.labels, seed=evaluation.seed, transferred=transferred, **options
    )
    if options["verbose"]:
        print(f"    {found}", flush=True)
    rows = [
        {"measure": measure, "value": getattr(found, measure)}
        for measure in (
            "zero_gradients",
            "single_step_accuracy",
            "random_start_accuracy",
            "transfer_accuracy",
        )
    ]
    rows.append({"measure": "masking_warnings", "value": len(found.warnings)})
    return [{**row, "epsilon": found.epsilon} for row in rows if row["value"] is not None]


def jacobian_rows(exported, test, evaluation, options):
    """Mean and median norm of the input-output Jacobian, the mean with a bootstrap interval."""
    norms = robustness.jacobian_norm(
        exported, test.images, projections=evaluation.projections, seed=evaluation.seed, **options
    )
    mean, low, high = mean_interval(norms, seed=evaluation.seed)
    values = {"mean": mean, "mean_low": low, "mean_high": high, "median": float(np.median(norms))}
    return [{"measure": f"jacobian_norm_{name}", "value": value} for name, value in values.items()]


def unit_gradient_rows(exported, test, evaluation, options):
    """Coefficients of variation of the input-unit gradients, by layer."""
    rows = []
    for layer in robustness.input_unit_gradients(
        exported,
        test.images,
        units_per_layer=evaluation.units_per_layer,
        seed=evaluation.seed,
        **options,
    ):
        alive = ~layer.dead
        over_samples = layer.variation_over_samples
        values = {
            "units_measured": len(layer.units),
            "dead_unit_gradients": float(layer.dead.mean()),
            "unit_gradient_mean": float(layer.mean[alive].mean()) if alive.any() else None,
            "unit_gradient_variation_over_samples": float(over_samples[alive].mean())
            if alive.any()
            else None,
            "unit_gradient_variation_over_units": layer.variation_over_units if alive.any() else None,
        }
        rows += [{"layer": layer.name, "measure": m, "value": v} for m, v in values.items()]
        rows += [
            {"layer": layer.name, "unit": int(unit), "measure": measure, "value": float(value)}
            for measure, found in (
                ("unit_gradient_mean", layer.mean),
                ("unit_gradient_variation_over_samples", over_samples),
            )
            for unit, value in zip(layer.units, found, strict=True)
            if np.isfinite(value)
        ]
    return rows
