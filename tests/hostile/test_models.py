"""What people hand to `regularize` and `fit` by mistake: each is refused in a line that says what to do."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import compiled
from conftest import tiny_network
from keras import layers

import keras_selectivity as ks
from keras_selectivity.training import Adversarial
from keras_selectivity.training import AugMixConsistency


def name_of(value):
    """A test's name, the same in every process."""
    return re.sub(r" at 0x\w+", "", str(value))[:50]


NAN, INFINITE = float("nan"), float("inf")
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module", name="network")
def _network():
    return tiny_network()


@pytest.fixture(scope="module", name="model")
def _model(network):
    return compiled(ks.regularize(network, -1.0))


@pytest.mark.parametrize(
    "options",
    [
        *(
            {"alpha": alpha}
            for alpha in (NAN, INFINITE, -INFINITE, 1e308, 10**400, "1", None, 1j, [1], True, np.array([1.0]))
        ),
        *({"layers": wanted} for wanted in (5, 5.0, b"relu", [3], [None], {"a": 1}, object())),
        *({"layers": wanted} for wanted in ([], "nothing", ["relu_a", "nothing"], slice(9, 12), "first 0")),
        *({"layers": wanted} for wanted in (slice("a", None), slice(None, None, 0), slice(0.5), "logits")),
        *({"metric": metric} for metric in ("accuracy", None, 3, ["selectivity"], "")),
        *({"method": method} for method in ("pgd", "augmix", 1, Adversarial, object())),
        *({"micro_batch": size} for size in (0, -1, 1.5, "8", NAN, True, [8])),
        *({"warmup_epochs": epochs} for epochs in (-1, 1.5, "3", NAN, [2])),
        {"warmup_epochs": 2, "alpha": ks.LinearWarmup(1.0, 2)},
        {"micro_batch": 8, "method": Adversarial(0.1)},
    ],
    ids=name_of,
)
def test_arguments_of_regularize(network, options):
    with pytest.raises(ks.InputError) as error:
        ks.regularize(network, **{"alpha": -1.0, **options})
    assert str(error.value)


def head(kind):
    """A network that is built, but no classifier."""
    inputs = keras.Input((8, 8, 3))
    maps = layers.Conv2D(4, 3, activation="relu", padding="same")(inputs)
    flat = layers.GlobalAveragePooling2D()(maps)
    outputs = {
        "list": [layers.Dense(3)(flat), layers.Dense(2)(flat)],
        "dict": {"a": layers.Dense(3)(flat), "b": layers.Dense(2)(flat)},
        "segmentation": layers.Conv2D(5, 1)(maps),
        "linear": None,
        "unbuilt": None,
    }[kind]
    if kind == "linear":
        return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(inputs)))
    if kind == "unbuilt":
        return keras.Sequential([layers.Dense(3, activation="relu"), layers.Dense(2)])
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize("kind", ["list", "dict", "segmentation", "linear", "unbuilt"])
def test_models_that_are_no_classifiers(kind):
    with pytest.raises(ks.InputError):
        ks.regularize(head(kind), -1.0)


@pytest.mark.parametrize("model", [None, 3, "resnet20", [], {}, layers.Dense(3), keras.Model], ids=name_of)
def test_what_is_no_model(model):
    with pytest.raises(ks.InputError, match=r"model|network"):
        ks.regularize(model, -1.0)


def test_a_second_regularize_says_what_to_do(model):
    with pytest.raises(ks.InputError, match=r"regularised already.*model.alpha = 2.0.*model.strip\(\)"):
        ks.regularize(model, 2.0)


@pytest.mark.parametrize(
    "make",
    [
        *(lambda e=e: Adversarial(e) for e in (NAN, -0.1, 1.5, "x", None, [0.1], INFINITE)),
        *(lambda s=s: Adversarial(0.1, s) for s in (NAN, -1, "x")),
        *(lambda n=n: Adversarial(0.1, steps=n) for n in (0, -1, 1.5, "7", NAN)),
        *(lambda w=w: AugMixConsistency(w) for w in (NAN, -1, "x", INFINITE)),
        *(lambda n=n: ks.LinearWarmup(1.0, n) for n in (0, -1, 1.5, "3", NAN)),
        *(lambda a=a: ks.LinearWarmup(a, 2) for a in (NAN, "x", None, INFINITE)),
        *(
            lambda w=w: ks.EpochWindow(1.0, *w)
            for w in ((-1, 2), (3, 3), (3, 2), (0.5, 2), ("a", 2), (NAN, 2))
        ),
    ],
)
def test_methods_and_schedules(make):
    with pytest.raises(ks.InputError):
        make()


@pytest.mark.parametrize("rate", [NAN, -0.1, INFINITE], ids=name_of)
def test_learning_rates(network, tiny_data, rate):
    model = compiled(ks.regularize(network, -1.0), rate)
    with pytest.raises(ks.InputError, match="learning rate"):
        model.fit(*tiny_data, verbose=0)


def one_hot(value):
    labels = np.eye(4)[np.arange(48) % 4]
    labels[5, 2] = value
    return labels


LABELS = np.arange(48) % 4


@pytest.mark.parametrize("use", ["fit", "evaluate"])
@pytest.mark.parametrize(
    "change",
    [
        *({"y": np.where(np.arange(48) == 7, bad, LABELS)} for bad in (-1, 4, 0.5, NAN, INFINITE)),
        *({"y": LABELS.astype(kind)} for kind in (str, complex, object, "datetime64[s]")),
        *({"y": one_hot(bad)} for bad in (-1, NAN, INFINITE)),
        {"y": np.zeros((48, 3))},
        {"y": np.zeros((48, 4, 2))},
        {"y": np.zeros((48, 0))},
        *({"sample_weight": np.where(np.arange(48) == 7, bad, 1.0)} for bad in (-1, NAN, INFINITE)),
        *({"sample_weight": np.ones(48).astype(kind)} for kind in (str, complex)),
        *({"x": RNG.random((48, 8, 8, 3)).astype(kind)} for kind in (str, complex, object)),
    ],
    ids=lambda change: f"{next(iter(change))} {np.asarray(next(iter(change.values()))).dtype}",
)
def test_what_is_trained_on(model, tiny_data, use, change):
    data = {"x": tiny_data[0], "y": LABELS, **change}
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(ks.InputError):
        getattr(model, use)(**data, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("weight", [NAN, -1.0, "x"], ids=name_of)
def test_class_weights(model, tiny_data, weight):
    with pytest.raises(ks.InputError, match="class_weight"):
        model.fit(*tiny_data, class_weight={0: 1.0, 1: weight}, verbose=0)


@pytest.mark.parametrize(
    "data",
    [
        [],
        iter(()),
        [(np.zeros((2, 8, 8, 3), "float32"),)],
        (np.zeros((2, 8, 8, 3), "float32"), np.array([0, 9])),
    ],
    ids=["nothing", "a spent generator", "no labels", "label of no class"],
)
def test_what_a_monitor_measures(network, tiny_data, data):
    model = compiled(ks.regularize(network, -1.0))
    with pytest.raises(ks.InputError):
        model.fit(*tiny_data, epochs=1, callbacks=[ks.SelectivityMonitor(data)], verbose=0)


def test_what_keras_offers_of_a_model_with_a_graph(model, tiny_data, tmp_path):
    """Shapes, Grad-CAM's other model, Keras's own export, a monitor on arrays and on one-hot rows."""
    images, labels = tiny_data
    assert model.input_shape == (None, 8, 8, 3) and model.output_shape == (None, 4)
    inside = keras.Model(model.inputs, [model.get_layer("relu_a").output, model.output])
    maps, logits = inside([images])
    assert maps.shape == (48, 8, 8, 4)
    np.testing.assert_allclose(logits, model(images), atol=1e-6)
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(images), logits, atol=1e-5)
    found = []
    for data in (
        (images, labels),
        (images, np.eye(4)[labels]),
        [(images[:30], labels[:30]), (images[30:], labels[30:])],
    ):
        monitor = ks.SelectivityMonitor(data)
        monitor.set_model(model)
        monitor.on_train_begin()
        logs = {}
        monitor.on_epoch_end(0, logs)
        found.append(logs["val_selectivity/mean"])
    np.testing.assert_allclose(found, found[0], rtol=1e-5)


def test_a_backend_that_nothing_here_runs_on(monkeypatch):
    network = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)])
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ks.InputError, match=r"TensorFlow or JAX; Keras runs on torch\. Set KERAS_BACKEND"):
        ks.regularize(network, -1.0)


def ending_in(outputs):
    inputs = keras.Input((6,))
    return keras.Model(inputs, outputs(layers.Dense(4, activation="relu")(inputs)))


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: ending_in(lambda x: {"a": layers.Dense(3)(x), "b": layers.Dense(2)(x)}), "output="),
        (lambda: ending_in(lambda x: layers.Reshape((2, 2))(x)), r"it returns a shape \(1, 2, 2\)"),
        (lambda: ending_in(lambda x: layers.Reshape(())(layers.Dense(1)(x))), r"it returns a shape \(1,\)"),
    ],
    ids=["dict of two", "sequence", "scalar"],
)
def test_outputs_and_inputs_of_other_kinds(build, match):
    with pytest.raises(ks.InputError, match=match):
        ks.regularize(build(), -1.0)


@pytest.mark.parametrize(
    ("validation", "match"),
    [
        ({"y": LABELS + 1}, "the data hold 4"),
        ({"sample_weight": -np.ones(48)}, "sample_weight must be finite"),
        ({"x": np.zeros((48, 8, 8, 3), object)}, "takes numbers"),
    ],
    ids=["labels", "weights", "images"],
)
def test_what_is_validated_on(model, tiny_data, validation, match):
    data = {"x": tiny_data[0], "y": LABELS, "sample_weight": np.ones(48), **validation}
    with pytest.raises(ks.InputError, match=match):
        model.fit(*tiny_data, validation_data=tuple(data.values()), verbose=0)


def test_a_data_set_of_text(model):
    images = tf.data.Dataset.from_tensors((np.full((2, 8, 8, 3), "1"), np.arange(2)))
    with pytest.raises(ks.InputError, match="takes numbers"):
        model.fit(images, verbose=0)


IN_DATA_SETS = {
    "labels of a half": ({"y": LABELS + 0.5}, "Labels must be integers in"),
    "labels that are no numbers": (
        {"y": np.where(LABELS == 1, np.nan, LABELS)},
        "Labels must be integers in",
    ),
    "labels of no class": ({"y": LABELS + 1}, "Labels must be integers in"),
    "negative rows": ({"y": -np.eye(4)[LABELS]}, "One-hot labels must be finite"),
    "negative whole rows": ({"y": -np.eye(4, dtype=int)[LABELS]}, "One-hot labels must be finite"),
    "rows that are no numbers": ({"y": np.eye(4)[LABELS] * np.nan}, "One-hot labels must be finite"),
    "negative weights": ({"sample_weight": -np.ones(48)}, "sample_weight must be finite"),
    "infinite weights": ({"sample_weight": np.full(48, np.inf)}, "sample_weight must be finite"),
    "weights that are no numbers": ({"sample_weight": np.full(48, np.nan)}, "sample_weight must be finite"),
}


@pytest.mark.parametrize("case", IN_DATA_SETS)
def test_labels_and_weights_in_a_data_set(model, tiny_data, case):
    changed, match = IN_DATA_SETS[case]
    arrays = {"x": tiny_data[0], "y": LABELS, "sample_weight": np.ones(48), **changed}
    names = {1: "SparseCategoricalCrossentropy", 2: "CategoricalCrossentropy"}
    compiled(model, loss=getattr(keras.losses, names[arrays["y"].ndim])(from_logits=True))
    before = [np.array(variable) for variable in model.trainable_variables]
    with pytest.raises(ks.InputError, match=match):
        model.fit(tf.data.Dataset.from_tensor_slices(tuple(arrays.values())).batch(16), verbose=0)
    for one, other in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(one, other)
    compiled(model)


class Late(ks.training.AlphaSchedule):
    """Fails after the first epoch."""

    def __init__(self, value):
        self.value = value

    def __call__(self, epoch):
        return self.value if epoch else 0.0


@pytest.mark.parametrize("value", [NAN, "1", None], ids=name_of)
def test_a_schedule_that_returns_no_number(network, tiny_data, value):
    model = compiled(ks.regularize(network, Late(value)))
    with pytest.raises(ks.InputError, match="alpha must be a finite number"):
        model.fit(*tiny_data, epochs=2, verbose=0)


def test_a_generator_that_has_ended(model, tiny_data):
    monitor = ks.SelectivityMonitor(batch for batch in [tiny_data])
    monitor.set_model(model)
    monitor.on_train_begin()
    monitor.on_epoch_end(0, {})
    with pytest.raises(ks.InputError, match="a generator, which ends once"):
        monitor.on_epoch_end(1, {})


def test_a_legacy_file(model, tmp_path):
    with pytest.raises(ks.InputError, match=r"Save to a \.keras file"):
        model.save(tmp_path / "model.h5")
    assert not list(tmp_path.iterdir())
