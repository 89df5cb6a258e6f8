"""Claims on awkward tables: no traceback, no warning, and verdicts that fit their p-values."""

import functools

import numpy as np
import polars as pl
import pytest

from keras_selectivity._errors import InputError
from keras_selectivity.claims import check
from keras_selectivity.claims import mediation
from keras_selectivity.claims import simulate

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

GRID = (-2, -1, -0.7, -0.4, 0, 0.4, 0.7, 1, 2)
MEASURE, VALUE, ALPHA, SEED = (pl.col(name) for name in ("measure", "value", "alpha", "seed"))
ARM, MODEL, OTHER, BY = (pl.col(name).cast(pl.String) for name in ("arm", "model", "other", "perturbation"))
ACCURATE, DISTANT = MEASURE == "accuracy", MEASURE == "pwcca_distance"
OTHERS = ~MEASURE.is_in(["accuracy", "mean_selectivity"])
CELL = ("measure", "arm", "alpha", "layer", "perturbation", "severity", "epoch", "unit")


@functools.cache
def study(network="resnet20", truth="papers", seeds=4, failing=False):
    rng = np.random.default_rng(0)
    return simulate(network, truth, seeds=seeds, alphas=GRID, failing=failing, rng=rng)


def text(expression):
    return expression.cast(pl.Categorical)


def changed(where, value, **options):
    """A study with other values in some rows."""
    return study(**options).with_columns(value=pl.when(where).then(value).otherwise("value"))


def renamed(table):
    return table.with_columns(model=text("v_" + MODEL), other=text("v_" + OTHER))


NOTHING = pl.lit(None, pl.String)
TABLES = {
    "one network": lambda: study().filter(MODEL == "main_0_0"),
    "one alpha": lambda: study().filter(ALPHA == -1),
    "no alpha of zero": lambda: study().filter(ALPHA != 0),
    "no seeds": lambda: study().with_columns(seed=pl.lit(None, study().schema["seed"])),
    "seeds that differ": lambda: study().with_columns(
        seed=pl.when(ALPHA < 0).then(SEED + 10).otherwise(SEED)
    ),
    "rows twice": lambda: pl.concat([study(), study()]),
    "two architectures": lambda: pl.concat([study(), renamed(study("resnet18"))]),
    "networks without a name": lambda: study().with_columns(network=text(NOTHING), dataset=text(NOTHING)),
    "accuracy alone": lambda: study().filter(ACCURATE),
    "nulls but for accuracy": lambda: changed(OTHERS, None),
    "all alike": lambda: changed(pl.lit(True), 0.5),
    "all zero": lambda: changed(pl.lit(True), 0.0),
    "no accuracy at all": lambda: changed(ACCURATE, 0.0),
    "alike in every seed": lambda: study().with_columns(value=VALUE.first().over(CELL)),
    "negative": lambda: study().with_columns(value=-VALUE),
    "huge": lambda: changed(OTHERS, VALUE * 1e300),
    "tiny": lambda: changed(OTHERS, VALUE * 1e-300),
    "one that is infinite": lambda: changed((MEASURE == "jacobian_norm_mean") & (SEED == 1), np.inf),
    "distances of one seed": lambda: study().filter(~(DISTANT & (SEED > 0))),
    "a corruption alike": lambda: changed(ACCURATE & (BY == "fog"), 0.4, seeds=8),
    "tiny alphas": lambda: study().with_columns(alpha=ALPHA * 1e-200),
    "an arm called like the network": lambda: study().with_columns(
        arm=text(pl.when(ARM == "main").then(pl.lit("resnet20")).otherwise(ARM))
    ),
    "another arm called so": lambda: study().with_columns(
        arm=text(pl.when(ARM == "warmup").then(pl.lit("resnet20")).otherwise(ARM))
    ),
    "no main arm": lambda: study().filter(ARM != "main"),
    "Tiny ImageNet, some failed": lambda: study("resnet18", failing=True),
    "masked, some failed": lambda: changed(MEASURE == "masking_warnings", 1.0, seeds=8, failing=True),
    "without an effect": lambda: study(truth="none", seeds=8),
    "the opposite": lambda: study(truth="opposite", seeds=8),
    "three seeds": lambda: study(seeds=3),
    "lazy": lambda: study().lazy(),
    "empty": lambda: study().clear(),
}


@pytest.mark.parametrize("name", TABLES)
def test_verdicts_fit_their_p_values(name):
    try:
        found = check(TABLES[name]())
        mediation(TABLES[name]())
    except InputError as error:
        assert name == "empty" and "hold no accuracy" in str(error)
        return
    for number in found.select(pl.col(pl.Float64)):
        assert number.drop_nulls().is_finite().all(), number.name
    for claim in found.to_dicts():
        verdict, p, against = claim["verdict"], claim["p_adjusted"], claim["p_against_adjusted"]
        if verdict == "not tested":
            assert claim["p"] is None and p is None and against is None and claim["needed"], claim
            continue
        assert claim["p"] <= p <= 1 and claim["p_against"] <= against <= 1, claim
        assert claim["low"] <= claim["effect"] <= claim["high"], claim
        by_p = "disagrees" if against < 0.05 else "agrees" if p < 0.05 else "undecided"
        masked = any(text.startswith("controls warn") for text in claim["warnings"])
        assert verdict == ("undecided" if masked else by_p), claim
        assert claim["verdict_with_all"] in (
            ("", "undecided") if masked else ("", "agrees", "disagrees", "undecided")
        )
        assert bool(claim["needed"]) == (verdict == "undecided"), claim
