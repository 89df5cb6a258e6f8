"""A made-up table with every measure that figures show."""

import json

import numpy as np

from keras_selectivity.results import COLUMNS

SHARED = {"dataset": "cifar10", "split": "test", "samples": 100, "fingerprint": "f"}
LAYERS = ("one", "two", "three", "four")
UNITS = (2, 4, 8, 16)


def row(model, alpha, evaluation, measure, value, protocol=None, **columns):
    """A row; no evaluation for the history of a training."""
    text = json.dumps({"evaluation": evaluation, **(protocol or {})}) if evaluation else None
    values = {"model": model, "alpha": alpha, "measure": measure, "value": float(value), "protocol": text}
    return {**dict.fromkeys(COLUMNS), **SHARED, **values, **columns}


def study(alphas=(-1.0, 0.0, 1.0), seeds=2, arm="main", network="resnet20", everything=True):
    """The rows of one arm."""
    rows = []
    models = [(f"{arm}/a{alpha:g}s{seed}", alpha, seed) for alpha in alphas for seed in range(seeds)]
    for number, (model, alpha, seed) in enumerate(models):
        own = _network(model, alpha, number)
        if everything:
            own += _more(model, alpha, number)
            equal = [other for other, beta, _ in models[number + 1 :] if beta == alpha or 0 in (alpha, beta)]
            own += [
                row(
                    model,
                    alpha,
                    "pwcca",
                    "pwcca_distance",
                    value + place**2 / 100 * value,
                    layer=layer,
                    other=other,
                )
                for value, other in enumerate(equal, 1)
                for place, layer in enumerate(LAYERS)
            ]
        rows += [{**each, "seed": seed, "arm": arm, "network": network, "study": "made-up"} for each in own]
    return rows


def _network(model, alpha, number):
    index, accuracy = 0.3 + np.tanh(alpha) / 5 + number / 1000, 0.8 - np.tanh(abs(alpha)) / 5 + number / 1000
    rows = [
        row(model, alpha, "clean", "accuracy", accuracy),
        row(model, alpha, "clean", "mean_selectivity", index),
        row(model, alpha, "clean", "dead_units", 0.1),
    ]
    for place, (layer, units) in enumerate(zip(LAYERS, UNITS, strict=True)):
        value = index + 0.15 * (place / (len(LAYERS) - 1) - 0.5)
        rows.append(row(model, alpha, "clean", "mean_selectivity", value, layer=layer))
        rows.append(row(model, alpha, "clean", "units", units, layer=layer))
        for measure in (
            "mean_precision", "mean_mutual_information", "mean_discriminability", "mean_selectivity_of_alive",
            "dead_units", "sparse_units",
        ):  # fmt: skip
            rows.append(row(model, alpha, "units", measure, value, layer=layer))
    return rows


def _more(model, alpha, number):
    level = 0.7 + number / 1000
    rows = [
        row(model, alpha, None, measure, level / (3 - epoch), epoch=epoch)
        for epoch in range(3)
        for measure in (
            "selectivity", "val_accuracy", "test_accuracy", "val_selectivity/preferred_changed",
            "val_selectivity/preferred_changed_once",
        )
    ]  # fmt: skip
    for epsilon in (0.0, 1 / 255, 0.1):
        for attack in ("fgsm", "fgsm by cross-entropy", "autoattack", "apgd"):
            value = level - epsilon - 0.01 * ("by" in attack)
            shown = {"perturbation": attack, "epsilon": epsilon}
            name = attack.split()[0].replace("apgd", "autoattack")
            rows.append(row(model, alpha, name, "accuracy", value, {"of": attack}, **shown))
    for steps in (0, 25):
        for attack in ("pgd", "pgd by cross-entropy"):
            value = level - steps / 100 - 0.01 * ("by" in attack)
            shown = {"perturbation": attack, "steps": steps}
            rows.append(row(model, alpha, "pgd", "accuracy", value, {"of": attack}, **shown))
    for end, shift in (("", 0), ("_low", -1), ("_high", 1)):
        rows.append(row(model, alpha, "jacobian", f"jacobian_norm_mean{end}", 10 * level + shift))
    for place, name in enumerate(("fog", "snow")):
        for severity in range(1, 6):
            value = level - 0.05 * severity - 0.1 * place
            rows.append(
                row(model, alpha, "corruptions", "accuracy", value, perturbation=name, severity=severity)
            )
    for measure in ("accuracy", "relative_accuracy"):
        rows.append(row(model, alpha, "corruptions", measure, level / 2, perturbation="all 19 corruptions"))
    for layer in LAYERS:
        for over in ("samples", "units"):
            name = f"unit_gradient_variation_over_{over}"
            rows.append(row(model, alpha, "unit_gradients", name, level, layer=layer))
        for of in (None, "motion_blur", "pgd"):
            shown = {"layer": layer, "perturbation": of}
            rows.append(row(model, alpha, "dimensionality", "dimensionality", level, {"of": of}, **shown))
        for measure in (
            "off_axis_selectivity",
            "axis_aligned_selectivity",
            "axis_aligned_selectivity_shifted",
        ):
            rows.append(row(model, alpha, "off_axis", measure, level, layer=layer))
        for unit in range(3):
            for measure in (
                "selectivity", "discriminability", "precision", "mutual_information", "active_share", "dead"
            ):  # fmt: skip
                rows.append(row(model, alpha, "units", measure, unit == 2, layer=layer, unit=unit))
    return rows
