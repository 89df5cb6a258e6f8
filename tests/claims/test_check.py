"""Verdicts on made-up studies whose answer is known."""

import json

import numpy as np
import polars as pl
import pytest

from keras_selectivity.claims import check
from keras_selectivity.claims import departures
from keras_selectivity.results import frame
from keras_selectivity.results import scan
from keras_selectivity.results import write

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
                            "corruptions",
                            "accuracy",
                            0.7 - 0.05 * move,
                            perturbation=name,
                            severity=severity,
                        )
                add(shared, "corruptions", "accuracy", 0.7 - 0.05 * move, perturbation="all 19 corruptions")
                add(
                    shared,
                    "corruptions",
                    "relative_accuracy",
                    0.8 - 0.02 * move,
                    perturbation="all 19 corruptions",
                )
                for layer in "abcd":
                    for perturbation, level in ((None, 0.2), ("fog", 0.3), ("pgd", 0.5)):
                        add(shared, "dimensionality", "dimensionality", level - 0.05 * move, layer=layer,
                            perturbation=perturbation)  # fmt: skip
                    add(shared, "off_axis", "off_axis_selectivity", 0.3 + 0.1 * move, layer=layer)
                    for over in ("samples", "units"):
                        add(
                            shared,
                            "unit_gradients",
                            f"unit_gradient_variation_over_{over}",
                            0.5 + 0.2 * move,
                            layer=layer,
                        )
                add(shared, "units", "spearman_selectivity_discriminability", 0.9)
                for epoch in range(4):
                    add(shared, "", "test_accuracy", 0.85 * (epoch >= 2) + 0.1, epoch=epoch)
                    add(shared, "", "val_selectivity/preferred_changed_once", 0.98, epoch=epoch)
    for row in rows:
        if row.get("epoch") is not None:
            row["protocol"] = None
    return frame(rows)


def checked(table):
    return check(table).to_dicts()


def verdicts(rows):
    return {claim["claim"]: claim["verdict"] for claim in checked(rows)}


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
    assert not any(claim["departures"] for claim in checked(study(1.0, seeds=20)))


def test_a_study_that_saw_the_opposite():
    found = verdicts(study(-1.0))
    for name in DIRECTIONS:
        if name not in ("more selectivity harms", "dead units"):  # flat where the harm is at the other sign
            assert found[name] == "disagrees", name
    assert found["all corruptions"] == found["selectivity reduced threefold"] == "disagrees"


def test_two_seeds_are_never_enough():
    for claim in checked(study(1.0, seeds=2)):
        # These count networks of all alphas together, and have no p-value.
        if claim["claim"] not in ("preferred classes change", "d' agrees with selectivity"):
            assert claim["verdict"] == "not enough data" and claim["needed"], claim["claim"]
            assert " p = " not in claim["test"]


def test_nothing_moves():
    found = {claim["claim"]: claim for claim in checked(study(0.0))}
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
    found = {claim["claim"]: claim for claim in checked(rows)}
    assert found["leaky units"]["needed"].startswith("an arm 'leaky'")


def test_other_data_decide_nothing():
    for claim in checked(study(1.0, dataset="shapes")):
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
    assert all(claim["departures"] for claim in checked(rows) if claim["ours"])


def test_a_lazy_table_gives_the_same(tmp_path):
    table = study(1.0)
    write(tmp_path / "results.parquet", table)
    assert check(scan(tmp_path / "results.parquet")).equals(check(table))


def test_what_is_incomplete_is_said():
    lacking = study(1.0).filter(~((pl.col("severity") == 3) & (pl.col("model") == "main0.00")))
    whole = lacking.filter((pl.col("perturbation") != "corruption7").fill_null(True) | (pl.col("alpha") != 0))
    found = {claim["claim"]: claim for claim in checked(whole)}
    assert found["most corruptions"]["needed"].startswith("rows that are complete")
