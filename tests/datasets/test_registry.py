"""A data set is one declaration: a toy one is registered, trained on and evaluated; broken ones are refused."""

import dataclasses

import numpy as np
import pytest

import keras_selectivity as ks
from keras_selectivity import datasets
from keras_selectivity.claims import _declared
from keras_selectivity.cli import main
from keras_selectivity.datasets import _registry
from keras_selectivity.datasets import corruptions
from keras_selectivity.datasets.corruptions import _parameters
from keras_selectivity.studies._setup import _method


def _split(per_class):
    """Black, grey and white images, with a little noise."""
    labels = np.tile(np.arange(3), per_class)
    noise = np.random.default_rng(per_class).integers(0, 20, (len(labels), 16, 16, 3))
    return datasets.Split((110 * labels[:, None, None, None] + noise).astype(np.uint8), labels)


def _load(data_dir):
    return datasets.ImageData("toy", ("black", "grey", "white"), _split(20), _split(4))


TOY = datasets.DatasetSpec(
    name="toy",
    contents="60 + 12 images of 16x16, 3 classes",
    image_shape=(16, 16, 3),
    classes=3,
    train_per_class=20,
    test_per_class=4,
    epsilon=1 / 255,
    load=_load,
    find=lambda data_dir: (True, "memory"),
    prepare=lambda data_dir: "memory",
)


@pytest.mark.parametrize(
    ("name", "corruption"),
    [
        ("cifar10", "motion_blur"),
        ("tiny_imagenet", "brightness"),
        ("tiny_imagenet_subset", "brightness"),
        ("shapes", "motion_blur"),
    ],
)
def test_what_stands_for_all_corruptions_is_declared(name, corruption):
    assert datasets.spec(name).corruption == (corruption, 3)
    assert _declared.CORRUPTION.get(name, (corruption, 3)) == (corruption, 3)


@pytest.fixture(name="registered")
def _registered():
    before = set(_registry._SPECS)

    def register(**changes):
        datasets.register(dataclasses.replace(TOY, **changes))

    yield register
    for name in set(_registry._SPECS) - before:
        del _registry._SPECS[name]


@pytest.mark.slow
def test_a_new_data_set_is_trained_on_and_evaluated(registered, tmp_path, capsys):
    registered()
    where = str(tmp_path / "run")
    arguments = "--network resnet8 --alpha=-1 --epochs 1 --batch-size 15 --validation-per-class 5 --output"
    assert main(["train", "--dataset", "toy", *arguments.split(), where]) == 0
    exported = ks.load(f"{where}/model")
    assert exported.classes == 3 and exported.run["protocol"]["dataset"] == "toy"
    assert main(["evaluate", f"{where}/model", "--dataset", "toy", "--csv", f"{where}/rows.csv"]) == 0
    assert main(["data", "list"]) == 0 and TOY.contents in capsys.readouterr().out
    assert main(["data", "prepare", "toy"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "train --dataset toy --alpha 0 --validation-per-class 20 --output x",
            "A class of toy has 20 samples",
        ),
        ("train --dataset toy --alpha 0 --train-samples 10 --output x", "validation_per_class = 500"),
        ("data prepare toy --skip-damaged", "skip_damaged does not go with toy"),
    ],
)
def test_what_does_not_fit_its_declaration_is_refused(
    arguments, message, registered, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    registered()
    assert main(arguments.split()) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "cifar10"}, "There is a data set cifar10 already"),
        ({"image_shape": (32, 32, 3)}, r"toy declares uint8 images of \(32, 32, 3\). Its loader returned uint8 of \(16"),
        ({"classes": 4}, "toy declares 4 classes. Its loader returned toy with 3"),
        ({"name": "other"}, "other declares 3 classes. Its loader returned toy with 3"),
    ],
    ids=["a name twice", "other images", "other classes", "another name"],
)  # fmt: skip
def test_a_loader_that_returns_something_else_is_named(changes, message, registered):
    with pytest.raises(ks.InputError, match=message):
        registered(**changes)
        datasets.load(changes.get("name", "toy"))


@pytest.mark.parametrize(
    ("name", "radius"),
    [("toy", 1 / 255), ("shapes", 8 / 255), ("cifar10", 8 / 255), ("tiny_imagenet", 4 / 255)],
)
def test_the_radius_of_adversarial_training_is_the_data_set_s(name, radius, registered):
    registered()
    config = ks.studies.RunConfig(name, "resnet20", 0, method="pgd", validation_per_class=5, batch_size=15)
    assert _method(config).epsilon == radius


def test_releases_do_not_depend_on_what_can_be_generated(monkeypatch, tmp_path):
    """A twentieth corruption that we can make is not looked for in what has been released with nineteen."""
    test = _split(2)
    for name in _parameters.CORRUPTIONS:
        np.save(tmp_path / f"{name}.npy", np.concatenate([test.images] * 5))
    np.save(tmp_path / "labels.npy", np.tile(test.labels, 5))
    nineteen = _parameters.CORRUPTIONS
    monkeypatch.setattr(_parameters, "CORRUPTIONS", (*nineteen, "mist"))
    monkeypatch.setattr(corruptions, "CORRUPTIONS", (*nineteen, "mist"), raising=False)
    opened = datasets.cifar10_c(tmp_path, test, verify=False)
    assert opened.corruptions == nineteen == datasets.spec("cifar10").releases[0].corruptions
    np.testing.assert_array_equal(opened.read("saturate", 5).images, test.images)
    with pytest.raises(ks.InputError, match="Unknown corruption 'mist'"):
        opened.read("mist", 1)
    tiny = datasets.spec("tiny_imagenet").releases
    assert sorted(name for release in tiny for name in release.corruptions) == sorted(nineteen)
