"""Whatever rows record of trainings and measurements is compared with the papers' protocols."""

import json
from pathlib import Path

import keras
import numpy as np
import polars as pl
import pytest

import keras_selectivity as ks
from keras_selectivity import datasets
from keras_selectivity.claims import _declared
from keras_selectivity.claims import departures
from keras_selectivity.measurements import Evaluation
from keras_selectivity.measurements import _context
from keras_selectivity.measurements import _measure
from keras_selectivity.measurements import _networks
from keras_selectivity.measurements import measurements
from keras_selectivity.results import frame
from keras_selectivity.studies import _setup
from keras_selectivity.studies import read_study

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
STUDIES = ("resnet20_cifar10", "vgg16_cifar10", "resnet18_tiny_imagenet", "resnet50_tiny_imagenet")
# What follows from other settings, or makes no difference
FREE = {
    "network",
    "dataset",
    "validation_per_class",
    "train_samples",
    "deterministic",
    "trained_on_backend",
    "seed",
    "of",
}


def training_of(config, validated_on):
    """What the rows of a run say of its training."""
    spec = datasets.spec(config.dataset)
    trained_on = (spec.train_per_class - config.validation_per_class) * spec.classes
    return json.loads(_networks._training(_setup.protocol_of(config, trained_on, validated_on, 3)))


def of_study(name):
    study = read_study(EXPERIMENTS / name / "study.toml")
    return study, training_of(study.runs["alpha-1_seed0"], 5_000 if "cifar" in name else 10_000)


TRAINING = of_study("resnet20_cifar10")[1]


@pytest.fixture(name="protocols", scope="module")
def _protocols():
    """Protocols of all measurements with their defaults, on CIFAR-10 and its released corruptions."""
    images, labels = np.zeros([10_000, 32, 32, 3], np.uint8), np.repeat(np.arange(10), 1000)
    test = datasets.Split(images, labels)
    data = datasets.ImageData("cifar10", tuple("abcdefghij"), test, test)
    pairs = datasets.CleanPairs("the clean test set", np.arange(10_000), images)
    released = datasets.CorruptedImages(
        "CIFAR-10-C, released files", datasets.CORRUPTIONS, lambda *_: test, lambda: pairs
    )
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    network = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x)))
    every = tuple(
        measurement() for measurement in measurements().values() if measurement.__module__.startswith("keras")
    )
    evaluation = Evaluation("cifar10", measure=every, corrupted_data="tfds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "open_corrupted", lambda *_, **__: released)
        context = _context.Context(
            {"a": ks.wrap(network), "b": ks.wrap(network)}, evaluation, data, results=None
        )
        found = {}
        for each in every:
            for piece in each.pieces(context):
                row = _measure._shared(each, piece, "a", context)
                found[each.name, row["perturbation"], row["severity"]] = row
        return found


def table(protocols=(), training=TRAINING, network="resnet20", dataset="cifar10", seeds=20, **columns):
    shared = {
        "network": network, "dataset": dataset, "split": "test", "samples": 10_000, "epochs": training["epochs"],
        "samples_trained_on": training["samples_trained_on"], "batch_size": training["batch_size"],
        "measure": "accuracy", "value": 0.5, "protocol": '{"evaluation": "clean", "seed": 0}',
        "training": json.dumps(training), **columns,
    }  # fmt: skip
    rows = [
        {**shared, "alpha": alpha, "seed": seed, "model": f"{alpha} {seed}"}
        for alpha in (-1.0, 0.0)
        for seed in range(seeds)
    ]
    for row in protocols:
        kept = {key: row[key] for key in ("perturbation", "severity", "samples", "protocol")}
        rows.append({**rows[0], **kept, "measure": "loss"})
    return frame(rows)


def other(value):
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if value is None:
        return 1
    return (
        {str: f"another than {value}", list: []}.get(type(value))
        if isinstance(value, str | list)
        else value / 2 or 1
    )


@pytest.mark.parametrize("name", STUDIES)
def test_the_papers_studies_depart_in_nothing(name, protocols):
    study, training = of_study(name)
    config = next(iter(study.runs.values()))
    seeds = {run.seed for run in study.runs.values()}
    rows = [] if "tiny" in name else protocols.values()
    assert departures(table(rows, training, config.network, config.dataset, len(seeds))) == []


def test_every_setting_of_every_measurement_is_known_and_counts(protocols):
    before = list(protocols.values())
    assert departures(table(before)) == []
    names = {name for name, *_ in protocols}
    assert names == _declared.MEASURED.keys()
    for place, row in protocols.items():
        protocol = json.loads(row["protocol"])
        for key in protocol.keys() - {"evaluation"} - FREE:
            changed = {**row, "protocol": json.dumps({**protocol, key: other(protocol[key])})}
            rows = [changed if p == place else each for p, each in protocols.items()]
            (found,) = departures(table(rows))
            assert found.startswith(f"{place[0]}: ") and " instead of " in found, (place, key)
        unknown = {**row, "protocol": json.dumps({**protocol, "colour": "red"})}
        assert departures(table([*before, unknown])) == [f'{place[0]}: unknown setting colour = "red"']


@pytest.mark.parametrize("key", sorted(TRAINING.keys() - FREE))
def test_every_setting_of_a_training_is_known_and_counts(key):
    columns = {key: 7} if key in ("epochs", "samples_trained_on", "batch_size") else {}
    training = {**TRAINING, key: columns.get(key, other(TRAINING[key]))}
    (found,) = departures(table(training=training, **columns))
    assert " instead of " in found


SAID = {
    "short": ({"epochs": 12}, {}, "12 epochs instead of 200"),
    "fast": ({"learning_rate": 0.02}, {}, "a learning rate of 0.02 instead of 0.1"),
    "unknown": ({"colour": "red"}, {}, 'unknown setting colour = "red"'),
    "another network": (
        {},
        {"network": "resnet8"},
        "resnet8 on cifar10, which is none of resnet20 on cifar10",
    ),
    "a part of the images": ({}, {"samples": 500}, "measured on 500 of 10,000 test images"),
    "few seeds": ({}, {"seeds": 5}, "5 seeds per α instead of 20"),
    "an older table": ({}, {"training": None}, "the rows do not say with which learning rate"),
    "no record": ({}, {"epochs": None}, "an unknown number of epochs instead of 200"),
}


@pytest.mark.parametrize(("training", "columns", "said"), SAID.values(), ids=list(SAID))
def test_what_is_said(training, columns, said):
    training = {**TRAINING, **training}
    if "training" in columns:
        rows = table().with_columns(training=None)
    else:
        rows = table(training=training, **columns)
    (found,) = departures(rows)
    assert said in found


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        (
            "corruptions",
            "generated, seed 0, frost of generated textures",
            "that are generated, seed 0, frost of gen",
        ),
        ("corruptions", "CIFAR-10-C directory, unverified", "unverified, instead of the released ones"),
        *(
            ("corruptions", f"Tiny ImageNet-C{source}", f"{source}, instead of the released ones")
            for source in (
                " directory, unverified, 0123abcd",
                ", tensorflow-datasets, some classes, unverified",
                ", released files",  # of any folder, in older rows
            )
        ),
        (
            "dimensionality",
            "generated, seed 0",
            "dimensionality: versions that are generated, seed 0, instead",
        ),
    ],
)
def test_corruptions_that_were_not_released_are_departures(name, source, said):
    protocol = json.dumps({"evaluation": name, "source": source})
    row = {"perturbation": "motion_blur", "severity": 3, "samples": 10_000, "protocol": protocol}
    (found,) = departures(table([row]))
    assert said in found
    if name == "dimensionality":
        found = departures(table([{**row, "perturbation": "fog"}]))
        assert found[0] == "dimensionality: fog 3 instead of motion_blur 3"


def test_older_rows_of_units_are_not_corrected_for_chance():
    row = {
        "perturbation": None,
        "severity": None,
        "samples": 10_000,
        "protocol": '{"evaluation": "units", "seed": 0}',
    }
    assert departures(table([row])) == ["units: mutual information is not corrected for chance"]


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_the_exact_gradient_alone_is_a_departure(attack):
    def departed(*losses):
        protocols = [json.dumps({"evaluation": attack, "loss": loss}) for loss in losses]
        place = {"perturbation": attack, "severity": None, "samples": 10_000}
        return departures(table([{**place, "protocol": protocol} for protocol in protocols]))

    assert departed("log_odds", "cross_entropy") == departed("cross_entropy") == []
    assert departed("log_odds") == [
        f"{attack}: the exact gradient alone, not also that of the cross-entropy in float32"
    ]


def test_what_an_arm_is_about_is_no_departure():
    arms = {
        "leaky": {"negative_slope": 0.1}, "pgd": {"method": "pgd", "epsilon": 0.03}, "last": {"layers": "last 3"},
        "warmup": {"warmup_epochs": 5}, "d": {"metric": "discriminability"}, "bf16": {"precision": "bfloat16"},
    }  # fmt: skip
    for arm, own in arms.items():
        assert departures(table(training={**TRAINING, **own}, arm=arm)) == []
        assert departures(table(training={**TRAINING, **own})) != []


def test_what_matters_most_comes_first(protocols):
    rows = [
        {**row, "protocol": row["protocol"].replace("released files", "x, unverified")}
        for row in protocols.values()
    ]
    training = {**TRAINING, "momentum": 0.5, "colour": "red", "epochs": 12, "learning_rate": 1}
    found = departures(table(rows, training, seeds=3))
    firsts = [
        "3 seeds",
        "12 epochs",
        "a learning rate",
        "corruptions",
        "dimensionality",
        "a momentum",
        "unknown",
    ]
    assert [text for text, first in zip(found, firsts, strict=True) if not text.startswith(first)] == []


def test_an_arm_of_fewer_seeds_is_named():
    whole, few = table(seeds=20), table(seeds=1, arm="bf16")
    few = few.with_columns(model=("bf16 " + pl.col("model").cast(pl.String)).cast(few.schema["model"]))
    assert departures(pl.concat([whole, few])) == ["arm bf16: 1 seed per α instead of 20"]
    assert departures(table(seeds=1)) == ["1 seed per α instead of 20"]
