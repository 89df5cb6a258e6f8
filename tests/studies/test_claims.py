"""Verdicts on made-up studies whose answer is known."""

import json

import numpy as np
import pytest

from keras_selectivity.studies import COLUMNS
from keras_selectivity.studies import check_claims
from keras_selectivity.studies import departures

NAMES = [f"corruption{i}" for i in range(19)]


def study(effect, seeds=5, arms=("main",), **columns):
    """Rows of networks in which every measure moves with alpha by `effect` times what the papers saw."""
    rng = np.random.default_rng(0)
    rows = []

    def add(shared, evaluation, measure, value, **more):
        protocol = json.dumps({"evaluation": evaluation, "of": more.get("perturbation")})
        noisy = value * (1 + 1e-3 * rng.standard_normal())
        rows.append(
            {
                **dict.fromkeys(COLUMNS),
                **shared,
                "measure": measure,
                "value": noisy,
                "protocol": protocol,
                **more,
            }
        )

    for arm in arms:
        for alpha in (-1.0, -0.4, 0.0, 0.4, 1.0):
            for seed in range(seeds):
                shared = {
                    "arm": arm, "model": f"{arm}{alpha}{seed}", "alpha": alpha, "seed": seed, "network": "resnet20",
                    "dataset": "cifar10", "split": "test", "samples": 10_000, "epochs": 200, "batch_size": 256,
                    "samples_trained_on": 45_000, **columns,
                }  # fmt: skip
                move = alpha * effect
                harm = 0.1 * max(move, 0)
                shift = {"augmix": -0.02, "pgd": 0.03}.get(arm, 0) * effect
                add(shared, "clean", "mean_selectivity", 0.22 * np.exp(1.1 * move) + shift)
                add(shared, "clean", "accuracy", 0.9 - harm)
                add(shared, "clean", "dead_units", 0.01 + 0.02 * harm)
                add(shared, "jacobian", "jacobian_norm_mean", 200 - 50 * move)
                for steps in (0, 25):
                    add(shared, "pgd", "accuracy", 0.5 + 0.05 * move, perturbation="pgd", steps=steps)
                for epsilon in (0.0, 0.1):
                    add(shared, "fgsm", "accuracy", 0.5 + 0.05 * move, perturbation="fgsm", epsilon=epsilon)
                for name in NAMES:
                    for severity in range(1, 6):
                        add(
                            shared,
                            "corruption",
                            "accuracy",
                            0.7 - 0.05 * move,
                            perturbation=name,
                            severity=severity,
                        )
                add(shared, "corruption", "accuracy", 0.7 - 0.05 * move, perturbation="all 19 corruptions")
                add(
                    shared,
                    "corruption",
                    "relative_accuracy",
                    0.8 - 0.02 * move,
                    perturbation="all 19 corruptions",
                )
                for layer in "abcd":
                    for perturbation, level in ((None, 0.2), ("fog", 0.3), ("pgd", 0.5)):
                        add(shared, "dimensionality", "dimensionality", level - 0.05 * move, layer=layer,
                            perturbation=perturbation)  # fmt: skip
                    add(shared, "off-axis", "off_axis_selectivity", 0.3 + 0.1 * move, layer=layer)
                    for over in ("samples", "units"):
                        add(
                            shared,
                            "unit gradients",
                            f"unit_gradient_variation_over_{over}",
                            0.5 + 0.2 * move,
                            layer=layer,
                        )
                add(shared, "units", "spearman_selectivity_discriminability", 0.9)
                for epoch in range(4):
                    add(shared, "", "test_accuracy", 0.9 * (epoch >= 2) + 0.1, epoch=epoch)
                    add(shared, "", "val_selectivity/preferred_changed_once", 1.0, epoch=epoch)
    for row in rows:
        if row["epoch"] is not None:
            row["protocol"] = None
    return rows


def verdicts(rows):
    return {claim["name"]: claim["verdict"] for claim in check_claims(rows)}


# What made-up rows of the main arm on CIFAR-10 decide.
DIRECTIONS = [
    "selectivity follows alpha", "more selectivity harms", "harm is one-sided", "sturdier against corruption",
    "sturdier relative to clean accuracy", "weaker against FGSM", "weaker against PGD", "larger Jacobian",
    "higher dimensionality", "change by corruption", "change by attack", "gradients vary over samples",
    "gradients vary over units", "off-axis selectivity falls", "dead units",
]  # fmt: skip
LEVELS = [
    "accuracy kept", "learning time", "d' agrees with selectivity", "preferred classes change", "most corruptions",
    "all corruptions", "corruption changes more dimensions", "attack changes more dimensions",
    "selectivity reduced threefold",
]  # fmt: skip


def test_a_study_as_the_papers_saw_it():
    found = verdicts(study(1.0))
    assert {name: found[name] for name in DIRECTIONS + LEVELS} == dict.fromkeys(DIRECTIONS + LEVELS, "agrees")
    assert not any(claim["departures"] for claim in check_claims(study(1.0, seeds=20)))


def test_a_study_that_saw_the_opposite():
    found = verdicts(study(-1.0))
    for name in DIRECTIONS:
        if name not in ("more selectivity harms", "dead units"):  # flat where the harm is at the other sign
            assert found[name] == "disagrees", name
    assert found["all corruptions"] == found["selectivity reduced threefold"] == "disagrees"


def test_two_seeds_are_never_enough():
    for claim in check_claims(study(1.0, seeds=2)):
        # These count networks of all alphas together, and have no p-value.
        if claim["name"] not in ("preferred classes change", "d' agrees with selectivity"):
            assert claim["verdict"] == "not enough data" and claim["needed"], claim["name"]
            assert " p = " not in claim["test"]


def test_nothing_moves():
    found = {claim["name"]: claim for claim in check_claims(study(0.0))}
    for name in ("selectivity follows alpha", "larger Jacobian"):
        assert found[name]["verdict"] == "not enough data" and "p is 0.05 or more" in found[name]["needed"]
    assert found["accuracy kept"]["verdict"] == "agrees"


def test_arms():
    rows = study(1.0, seeds=5, arms=("main", "discriminability", "warmup", "augmix", "pgd"))
    found = verdicts(rows)
    for name in (
        "d' regularisation",
        "warm-up",
        "AugMix lowers selectivity",
        "PGD training raises selectivity",
    ):
        assert found[name] == "agrees", name
    found = {claim["name"]: claim for claim in check_claims(rows)}
    assert found["leaky units"]["needed"].startswith("an arm 'leaky'")


def test_other_data_decide_nothing():
    for claim in check_claims(study(1.0, dataset="shapes")):
        assert claim["verdict"] == "not enough data" and "networks trained on" in claim["needed"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"epochs": 12}, "12 epochs instead of 200"),
        ({"network": "resnet8"}, "resnet8 on cifar10, which is none of"),
        ({"samples": 500}, "measured on 500 of 10,000 test images"),
        ({"samples_trained_on": 1000}, "1,000 training samples instead of 45,000"),
        ({}, "5 seeds an α instead of 20"),
    ],
)
def test_departures_from_the_protocol_are_said(columns, message):
    rows = study(1.0, **columns)
    assert any(message in text for text in departures(rows))
    assert all(claim["departures"] for claim in check_claims(rows) if claim["ours"])
