"""A network of one's own goes wherever those of the package go, by `register` or by an entry point."""

import keras
import numpy as np
import pytest
import tiny_network

import keras_selectivity as ks
from keras_selectivity import networks
from keras_selectivity.cli import main
from keras_selectivity.networks import _registry
from keras_selectivity.studies import make_study


@pytest.fixture(name="register")
def _register(monkeypatch):
    monkeypatch.setattr(_registry, "_registered", {})
    return networks.register


def dense(classes, input_shape):
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Dense(15, activation="relu", name="hidden")(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(classes)(hidden))


def study(tables, **run):
    return make_study(
        {
            "study": {"name": "s", "title": "t", "description": "d"},
            "grid": {"alphas": [-1.0], "seeds": [0]},
            "run": {"dataset": "shapes", "validation_per_class": 5, "batch_size": 10, **run},
            **tables,
        }
    )


def test_a_registered_network_is_trained_and_measured_by_the_command_line(register, tmp_path, capsys):
    register("dense", dense)
    arguments = [
        "--network",
        "dense",
        "--dataset",
        "shapes",
        "--alpha",
        "-1",
        "--epochs",
        "1",
        "--train-samples",
        "40",
    ]
    folder = str(tmp_path / "run")
    assert (
        main(["train", *arguments, "--batch-size", "20", "--validation-per-class", "5", "--output", folder])
        == 0
    )
    exported = ks.load(f"{folder}/model")
    assert exported.units == {"hidden": 15} and exported.run["protocol"]["network"] == "dense"
    assert main(["train", "--network", "sparse", *arguments[2:], "--output", folder]) == 2
    assert "Unknown network 'sparse'. Choose one of resnet20," in capsys.readouterr().err


def test_an_entry_point_offers_one_which_is_imported_when_it_is_built(monkeypatch):
    assert networks.names()[-1] == "tiny" and networks.names()[:7] == _registry.OURS
    model = networks.build("tiny", 3, (16, 8, 3))
    assert model.input_shape == (None, 16, 8, 3) and model.output_shape == (None, 3)
    monkeypatch.delattr(tiny_network, "tiny")
    assert "tiny" in networks.names()
    with pytest.raises(
        ks.InputError, match=r"'tiny' of tiny_network:tiny cannot be used \(.*has no attribute 'tiny'"
    ):
        networks.build("tiny", 3, (16, 8, 3))
    monkeypatch.setattr(tiny_network, "tiny", 5, raising=False)
    with pytest.raises(ks.InputError, match="is no function"):
        networks.build("tiny", 3, (16, 8, 3))


def test_a_study_checks_the_layers_of_the_network_at_the_size_of_its_images(register):
    seen = []
    register(
        "dense",
        lambda classes, input_shape: seen.append((classes, input_shape)) or dense(classes, input_shape),
    )
    for layers, message in (["relu"], "layers of dense: .*hidden"), (["hidden"], None):
        if message:
            with pytest.raises(ks.InputError, match=message):
                study({}, network="dense", layers=layers)
        else:
            assert study({}, network="dense", layers=layers).runs
    assert set(seen) == {(10, (32, 32, 3))}
    with pytest.raises(
        ks.InputError, match="pwcca needs more samples than the 15 units of the widest layer of dense"
    ):
        study({"evaluation": {"limit": 10, "pwcca": {}}}, network="dense")
    assert study({"evaluation": {"limit": 20, "pwcca": {}}}, network="dense").runs


@pytest.mark.parametrize("name", ["resnet8", "tiny"])
def test_a_name_is_given_once(register, name):
    with pytest.raises(ks.InputError, match=f"There is a network {name} already"):
        register(name, dense)
    register("dense", dense)
    with pytest.raises(ks.InputError, match="There is a network dense already"):
        register("dense", dense)


class Subclassed(keras.Model):
    """Knows the shape of neither side."""

    def __init__(self):
        super().__init__()
        self.logits = keras.layers.Dense(4)

    def call(self, inputs):
        return self.logits(keras.ops.mean(inputs, axis=(1, 2)))


def called():
    model = Subclassed()
    model(np.zeros((1, 8, 8, 3), "float32"))
    return model


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda classes, input_shape: None, "must return a built keras.Model. It returned None"),
        (lambda classes, input_shape: Subclassed(), "must return a built keras.Model"),
        (
            lambda classes, input_shape: dense(7, input_shape),
            r"an output of \(None, 4\). It returned .* \(None, 7\)",
        ),
        (
            lambda classes, input_shape: dense(classes, (9, 8, 3)),
            r"an input of \(None, 8, 8, 3\).*\(None, 9, 8, 3\)",
        ),
    ],
    ids=["None", "not built", "other classes", "another size"],
)
def test_what_is_no_classifier_of_the_images_is_named(register, build, message):
    register("mine", build)
    with pytest.raises(ks.InputError, match=f"mine .*{message}"):
        networks.build("mine", 4, (8, 8, 3))


def test_models_that_leave_their_size_open_will_do(register):
    register("open", lambda classes, input_shape: keras.Sequential([
        keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(classes)
    ]))  # fmt: skip
    register("subclassed", lambda classes, input_shape: called())
    for name in "open", "subclassed":
        assert networks.build(name, 4, (8, 8, 3)).count_params() == 16


def test_leaky_relus_are_asked_for_only_where_they_are_wanted(register):
    slopes = []
    register("dense", dense)
    register("leaky", lambda classes, input_shape, negative_slope=0.0: slopes.append(negative_slope) or dense(
        classes, input_shape
    ))  # fmt: skip
    networks.build("leaky", 4, (8, 8, 3))
    networks.build("leaky", 4, (8, 8, 3), 0.1)
    assert slopes == [0.0, 0.1]
    with pytest.raises(ks.InputError, match=r"dense takes no negative_slope. Leave out negative_slope = 0.1"):
        networks.build("dense", 4, (8, 8, 3), 0.1)


def test_what_is_no_function_is_refused(register):
    with pytest.raises(ks.InputError, match=r"mine needs a function that builds it. Received: 'resnet'"):
        register("mine", "resnet")
