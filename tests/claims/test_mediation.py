"""What remains of a dependence with other things fixed, on made-up studies."""

import numpy as np
import polars as pl
import pytest

from keras_selectivity.claims import mediation
from keras_selectivity.claims import simulate


def study(weights, seeds=6):
    """Corrupted accuracy made of selectivity and clean accuracy, with given weights."""
    table = simulate("resnet20", "papers", seeds=seeds, alphas=(-2, -1, -0.7, -0.4, 0, 0.1, 0.4), arms=False,
                     rng=np.random.default_rng(0))  # fmt: skip
    evaluation = pl.col("protocol").cast(pl.String).str.contains("clean")
    clean = table.filter(evaluation, pl.col("measure").is_in(["accuracy", "mean_selectivity"]))
    wide = clean.group_by("model").agg(
        accuracy=pl.col("value").filter(pl.col("measure") == "accuracy").first(),
        selectivity=pl.col("value").filter(pl.col("measure") == "mean_selectivity").first(),
    )
    made = wide.with_columns(made=0.3 + weights[0] * pl.col("selectivity") + weights[1] * pl.col("accuracy"))
    table = table.join(made, on="model", how="left", maintain_order="left")
    whole = pl.col("perturbation").cast(pl.String) == "all 19 corruptions"
    replaced = pl.when(whole & (pl.col("measure") == "accuracy")).then("made").otherwise("value")
    return table.with_columns(value=replaced).drop("made", "accuracy", "selectivity")


def of(table, measure="corrupted accuracy"):
    return mediation(table).filter(pl.col("measure") == measure).row(0, named=True)


def test_what_accuracy_carries_is_gone_with_accuracy_fixed():
    carried = of(study((0.0, 0.5)))
    assert abs(carried["slope"]) > 0.3
    assert carried["adjusted_slope"] == pytest.approx(0, abs=1e-6) and carried["held"] == "clean accuracy"
    assert carried["seeds"] == 6 and carried["networks"] == 42


def test_what_selectivity_does_itself_remains():
    own = of(study((-0.2, 0.0)))
    assert own["slope"] == pytest.approx(-1, abs=1e-6) and own["adjusted_slope"] == pytest.approx(
        -1, abs=1e-6
    )


def test_too_few_seeds_have_no_row():
    assert mediation(study((0.1, 0.1), seeds=2)).is_empty()


def test_architectures_have_rows_of_their_own():
    tables = [
        simulate(name, "papers", seeds=3, alphas=(-2, -1, 0, 1), arms=False, rng=np.random.default_rng(0))
        for name in ("resnet20", "vgg16")
    ]
    names = [(pl.lit(f"{n}_") + pl.col("model").cast(pl.String)).cast(pl.Categorical) for n in range(2)]
    both = pl.concat(
        [t.with_columns(model=name, other=None) for t, name in zip(tables, names, strict=True)],
        how="vertical_relaxed",
    )
    found = mediation(both.with_columns(pl.col("other").cast(pl.Categorical)))
    assert found["population"].unique(maintain_order=True).to_list() == [
        "ResNet20 on CIFAR-10",
        "VGG16 on CIFAR-10",
    ]
    for name, table in zip(found["population"].unique(maintain_order=True), tables, strict=True):
        assert found.filter(pl.col("population") == name).equals(mediation(table))
