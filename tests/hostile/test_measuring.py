"""Whatever is handed to the functions that measure: refused in one sentence, never measured as something else."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import tiny_network
from keras import layers

import keras_selectivity as ks
from keras_selectivity import representations
from keras_selectivity import results
from keras_selectivity import robustness

SHAPE, N = (8, 8, 3), 12
GOOD = np.random.default_rng(0).random((N, *SHAPE), np.float32)
LABELS = np.arange(N) % 4
NAN = float("nan")


@pytest.fixture(name="exported", scope="module")
def _exported(exported_path):
    return ks.load(exported_path)


def _ball(function):
    return lambda network, images, labels, **options: function(
        network,
        images,
        labels,
        **{"steps": 2, "step_size": 0.01, "epsilon": 0.02, "seed": 0, "verbose": 0, **options},
    )


def _measure(network, images, labels, **options):
    return ks.measure_selectivity(network, (images, labels), **options)


def _with(function, **defaults):
    """The function with labels and options for which it works, in the order (network, images, labels)."""
    return lambda network, images, labels, **options: function(
        network, images, labels, **{"verbose": 0, **defaults, **options}
    )


def _images_only(function, **defaults):
    return lambda network, images, labels, **options: function(
        network, images, **{"verbose": 0, **defaults, **options}
    )


LABELLED = {
    "accuracy": _with(robustness.accuracy),
    "fgsm": _with(ks.fgsm, epsilons=0.1),
    "fgsm_accuracy": _with(robustness.fgsm_accuracy, epsilons=[0.1]),
    "pgd": _with(ks.pgd, steps=1),
    "pgd_accuracy": _with(robustness.pgd_accuracy, steps=1),
    "surviving": _ball(robustness.surviving),
    "gradient_masking": _with(robustness.gradient_masking, steps=1),
    "transfer_images": _with(robustness.transfer_images),
    "measure_selectivity": _with(_measure),
    "measure_units": _with(ks.measure_units),
    "collect_units": _with(representations.collect_units),
    "ablate": _with(ks.ablate, layer="conv_c"),
}
UNLABELLED = {
    "jacobian_norm": _images_only(ks.jacobian_norm),
    "input_unit_gradients": _images_only(ks.input_unit_gradients),
    "layer_spectra": _images_only(ks.layer_spectra),
}
FUNCTIONS = {**LABELLED, **UNLABELLED}


def _spoiled(value):
    images = GOOD.copy()
    images[3, 2, 1, 0] = value
    return images


IMAGES = {
    "none": None,
    "a number": 5,
    "text": "images",
    "a dict": {"images": GOOD},
    "a set": {1, 2},
    "a ragged list": [[1, 2], [3]],
    "objects": GOOD.astype(object),
    "strings": GOOD.astype(str),
    "bytes": GOOD.astype("S8"),
    "complex": GOOD.astype(complex),
    "bool": GOOD > 0.5,
    "int64": (GOOD * 255).astype(int),
    "zeros and ones of int32": (GOOD > 0.5).astype("int32"),
    "uint16": (GOOD * 255).astype("uint16"),
    "dates": np.zeros((N, *SHAPE), "datetime64[s]"),
    "records": np.zeros((N, *SHAPE), [("r", "f4")]),
    "nan": _spoiled(NAN),
    "inf": _spoiled(np.inf),
    "below 0": _spoiled(-0.01),
    "above 1": _spoiled(1.01),
    "8 bits as floats": GOOD * 255,
    "normalised": (GOOD - 0.5) / 0.25,
    "one image without axis": GOOD[0],
    "flat": GOOD.reshape(N, -1),
    "no axes": np.float32(0.5),
    "gray": GOOD[..., :1],
    "channels first": np.moveaxis(GOOD, -1, 1),
    "another size": GOOD[:, :7],
    "five axes": GOOD[None],
}


@pytest.mark.parametrize("kind", IMAGES)
def test_images_of_any_other_kind_are_refused(exported, kind):
    for name, function in FUNCTIONS.items():
        with pytest.raises(ks.InputError) as error:
            function(exported, IMAGES[kind], LABELS)
        assert "mage" in str(error.value), name


LABEL_KINDS = {
    "none": None,
    "a number": 2,
    "text": "labels",
    "a ragged list": [[1, 2], [3]],
    "halves": LABELS + 0.5,
    "whole floats": LABELS.astype(float),
    "nan": np.full(N, NAN),
    "strings": LABELS.astype(str),
    "objects": LABELS.astype(object),
    "bool": LABELS > 1,
    "complex": LABELS.astype(complex),
    "negative": LABELS - 1,
    "a class too many": LABELS + 1,
    "beyond int64": np.full(N, 2**64 - 1, np.uint64),
    "one-hot": np.eye(4, dtype=int)[LABELS],
    "one-hot floats": np.eye(4)[LABELS],
    "too few": LABELS[:-1],
    "too many": np.append(LABELS, 0),
    "a row": LABELS[None],
    "none at all": [],
}


@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_labels_of_any_other_kind_are_refused(exported, kind):
    for name, function in LABELLED.items():
        with pytest.raises(ks.InputError) as error:
            function(exported, GOOD, LABEL_KINDS[kind])
        assert "label" in str(error.value).lower(), name
    if LABEL_KINDS[kind] is not None:
        with pytest.raises(ks.InputError, match=r"[Ll]abel"):
            ks.fgsm(exported, GOOD, LABELS, 0.1, targets=LABEL_KINDS[kind], verbose=0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_images_are_an_error_or_nothing(exported, name):
    try:
        found = FUNCTIONS[name](exported, GOOD[:0], LABELS[:0])
    except ks.InputError as error:
        assert "image" in str(error) or "empty" in str(error) or "classes" in str(error)
    else:
        assert np.shape(found)[0] == 0 or np.shape(found)[:2] == (1, 0)


NOT_WHOLE = (-1, 1.5, NAN, np.inf, "3", None, True, [2], 1 + 0j, np.float32(2))
NOT_STRENGTHS = (-0.1, NAN, np.inf, -np.inf, 1e300, "0.1", True, 1j, [[0.1]], {}, object())
SETTINGS = {
    "fgsm": {"epsilons": (*NOT_STRENGTHS, None, [], "0.1", [0.1, NAN], [0.1, None], {0.1: 1})},
    "fgsm_accuracy": {"epsilons": (*NOT_STRENGTHS, None, [])},
    "pgd": {
        "steps": (*NOT_WHOLE, 2**40),
        "step_size": (*NOT_STRENGTHS, None),
        "epsilon": NOT_STRENGTHS,
        "norm": ("l1", None, 2, ["linf"]),
    },
    "pgd_accuracy": {"steps": ([], "5", -1, [1, -1], [1.5], None, [None], {1: 2}, 2**40), "step_size": NOT_STRENGTHS},
    "surviving": {
        "steps": (*NOT_WHOLE, 0),
        "step_size": (*NOT_STRENGTHS, None),
        "epsilon": (*NOT_STRENGTHS, None),
        "seed": (-1, 1.5, "0", NAN, [0]),
    },
    "gradient_masking": {
        "epsilon": (*NOT_STRENGTHS, None),
        "steps": (*NOT_WHOLE, 0),
        "step_size": (*NOT_STRENGTHS, None),
        "seed": (-1, 1.5, "0", NAN),
        "transferred": (GOOD[:3], 1 - GOOD, "x", GOOD.astype(object), GOOD * 255),
    },
    "transfer_images": {"epsilon": (*NOT_STRENGTHS, None)},
    "jacobian_norm": {"projections": (*(v for v in NOT_WHOLE if v is not None), 0)},
    "input_unit_gradients": {
        "units_per_layer": (*(v for v in NOT_WHOLE if v is not None), 0),
        "seed": (-1, 0.5, "0", None),
        "layers": ("conv_c", 5, [], ["x"], [None], [1]),
    },
    "measure_units": {
        "top": (0, -1, 1.5, "3", NAN, N + 1, True),
        "bins": (*(value for value in NOT_WHOLE if value is not None), 0),
        "shuffles": (*NOT_WHOLE, 0),
        "seed": (-1, 0.5, "0", None),
        "layers": ("conv_c", 5, [], ["x"], [None]),
    },
    "collect_units": {"layers": ("conv_c", 5, [], ["x"])},
    "layer_spectra": {
        "perturbed": (GOOD[:-1], "x", GOOD * 255, GOOD.astype(object), 5),
        "layers": ("conv_c", 5, [], ["x"]),
    },
    "ablate": {
        "layer": ("x", None, 5, ["conv_c"], ""),
        "fill": ("noise", None, 0),
        "order": ([1, 2], "abcdef", 5, [NAN] * 6, [[1] * 6], [None] * 6, [1j] * 6),
        "points": ([7], [-1], [], 1.5, [0.5], "1", [NAN], [None]),
        "seed": (-1, 0.5, "0", None),
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "setting"), [(name, setting) for name, found in SETTINGS.items() for setting in found]
)
def test_settings_of_a_wrong_type_or_range_are_refused(exported, name, setting):
    for value in SETTINGS[name][setting]:
        with pytest.raises(ks.InputError) as error:
            FUNCTIONS[name](exported, GOOD, LABELS, **{setting: value})
        assert len(str(error.value)) < 1000, value


@pytest.mark.parametrize("name", FUNCTIONS)
def test_batch_sizes_of_a_wrong_type_or_range_are_refused(exported, name):
    for value in (*NOT_WHOLE, 0):
        with pytest.raises(ks.InputError, match=r"batch_size must be a whole number of at least 1.*; got"):
            FUNCTIONS[name](exported, GOOD, LABELS, batch_size=value)


@pytest.mark.parametrize(
    "network", [None, 5, "model", [], {}, object(), np.zeros(3)], ids=lambda v: type(v).__name__
)
def test_what_is_no_network_is_refused(network):
    for function in (ks.wrap, *(lambda n, f=f: f(n, GOOD, LABELS) for f in FUNCTIONS.values())):
        with pytest.raises(ks.InputError, match="Keras model"):
            function(network)


DATASETS = {
    "none": None,
    "a number": 5,
    "text": "cifar10",
    "one array": GOOD,
    "three arrays": (GOOD, LABELS, LABELS),
    "batches of three": [(GOOD, LABELS, LABELS)],
    "batches of images": [GOOD, GOOD, GOOD],
    "no batches": [],
    "a dict": {"images": GOOD, "labels": LABELS},
    "one class": (GOOD, LABELS * 0),
    "none at all": (GOOD[:0], LABELS[:0]),
    "unlabelled": tf.data.Dataset.from_tensor_slices(GOOD).batch(4),
    "one-hot": tf.data.Dataset.from_tensor_slices((GOOD, np.eye(4)[LABELS])).batch(4),
    "single images": tf.data.Dataset.from_tensor_slices((GOOD, LABELS)),
}


@pytest.mark.parametrize("kind", DATASETS)
def test_data_sets_of_any_other_kind_are_refused(exported, kind):
    with pytest.raises(ks.InputError):
        ks.measure_selectivity(exported, DATASETS[kind], verbose=0)


CALLS = {
    "no pixels": lambda e: e.logits(None),
    "text": lambda e: e.logits("x"),
    "strings": lambda e: e.unit_means(GOOD.astype(str)),
    "ragged": lambda e: e.activations([[1], [2, 3]]),
    "another shape": lambda e: e.logits(GOOD[:, :5]),
    "no batch": lambda e: e.unit_means(GOOD[0]),
    "nan": lambda e: e.logits(_spoiled(NAN)),
    "inf": lambda e: e.unit_means(_spoiled(np.inf)),
    "too few to keep": lambda e: e.ablated_logits(GOOD, np.ones(3), np.zeros(14)),
    "too few to fill": lambda e: e.ablated_logits(GOOD, np.ones(14), np.zeros(3)),
    "nan to fill": lambda e: e.ablated_logits(GOOD, np.ones(14), np.full(14, NAN)),
    "text to keep": lambda e: e.ablated_logits(GOOD, "all", np.zeros(14)),
    "layers of another": lambda e: e.layers(["x"]),
}


@pytest.mark.parametrize("kind", CALLS)
def test_calls_of_an_exported_network_are_checked(exported, kind):
    with pytest.raises(ks.InputError):
        CALLS[kind](exported)


A, B = np.random.default_rng(1).random((40, 3)), np.random.default_rng(2).random((40, 3))
Y = np.arange(40) % 4
VALUES = (
    [NAN, 1, 2],
    [np.inf, 1, 2],
    ["a", "b", "c"],
    [None] * 3,
    [1j] * 3,
    [[1, 2, 3]],
    5,
    "abc",
    [[1], [2, 3]],
    None,
    [True] * 3,
)
COMPARISONS = (-1, 0, 1.5, NAN, "2", None, True)
ARRAYS = {
    "t_test": [(results.t_test, (v, [1, 2, 3])) for v in VALUES] + [(results.t_test, ([1, 2, 3], v)) for v in VALUES],
    "t_test comparisons": [(results.t_test, ([1, 2, 3], [2, 3, 5], c)) for c in COMPARISONS],
    "rank_sum": [(results.rank_sum, (v, [1, 2, 3])) for v in VALUES]
    + [(results.rank_sum, ([1, 2, 3], [2, 3, 5], c)) for c in COMPARISONS],
    "mean_interval": [(results.mean_interval, (v,)) for v in (*VALUES, [])],
    "t95": [(results.t95, (v,)) for v in (*VALUES, [])],
    "dimensionality": [(ks.dimensionality, (v,)) for v in (*VALUES, [], A.astype(object), A * 1j, A[:1], A * NAN)]
    + [(ks.dimensionality, (A, v)) for v in (0, -1, 1.01, NAN, "0.9", None, True, [0.9])],
    "running covariance": [(representations.RunningCovariance, (v,)) for v in (0, -1, 1.5, "3", None, NAN)]
    + [(representations.RunningCovariance(3).update, (v,)) for v in (A[0], A[:, :2], A * NAN, A * 1j, "abc", None, 5)],
    "pwcca_distance": [(ks.pwcca_distance, (v, B)) for v in (*VALUES, A[:3], A * NAN, A * 0, A[:-1], A.astype(str))],
    "pwcca_baseline": [
        (representations.pwcca_baseline, v) for v in ((0, 3, 3), (9, -1, 3), (9, 3, 1.5), ("9", 3, 3), (3, 9, 9))
    ],
    "off_axis_selectivity": [(ks.off_axis_selectivity, (v, Y, A, Y)) for v in (*VALUES, A[:-1], A * NAN, A[:, :2])]
    + [(ks.off_axis_selectivity, (A, v, A, Y)) for v in (Y + 0.5, Y - 1, Y[:-1], Y * 0, Y.astype(str), None)],
    "distances": [(robustness.distances, (v, GOOD, "linf")) for v in (None, "x", GOOD[:3], GOOD * NAN, GOOD.astype(str))]
    + [(robustness.distances, (GOOD, GOOD, v)) for v in ("l1", None, 2)],
}  # fmt: skip
KEYWORDS = {
    "mean_interval": (results.mean_interval, ([1, 2, 3],), {
        "confidence": (0, 1, 1.5, -0.5, NAN, "0.95", None), "resamples": NOT_WHOLE, "seed": (-1, 0.5, "0", None),
    }),
    "off_axis_selectivity": (ks.off_axis_selectivity, (A, Y, A, Y), {
        "random_starts": NOT_WHOLE, "steps": (*NOT_WHOLE, 0), "seed": (-1, 0.5, "0", None),
    }),
    "pwcca_distance": (ks.pwcca_distance, (A, B), {"variant": ("svcca", None, 1)}),
    "pwcca_baseline": (representations.pwcca_baseline, (40, 3, 3), {
        "repetitions": (*NOT_WHOLE, 0), "seed": (-1, 0.5, "0", None),
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_and_numbers_of_any_other_kind_are_refused(name):
    for function, arguments in ARRAYS[name]:
        with pytest.raises(ks.InputError):
            print(arguments, function(*arguments))


@pytest.mark.parametrize("name", KEYWORDS)
def test_keywords_of_a_wrong_type_or_range_are_refused(name):
    function, arguments, keywords = KEYWORDS[name]
    for keyword, values in keywords.items():
        for value in values:
            with pytest.raises(ks.InputError):
                print(keyword, value, function(*arguments, **{keyword: value}))


RANGES = [
    (0, 0), (1, 0), (255, 0), (NAN, 1), (0, NAN), (0, np.inf), (-np.inf, np.inf), (0,), (0, 1, 2), (), 255, "01", "0,1",
    ("0", "1"), (None, 1), (0, True), (0, 1j), {0: 1}, [[0], [1]],
]  # fmt: skip


@pytest.mark.parametrize("pixel_range", RANGES, ids=repr)
def test_ranges_of_pixels_that_are_none_are_refused(exported_path, tmp_path, pixel_range):
    for function in (
        lambda: ks.load(exported_path, pixel_range=pixel_range),
        lambda: ks.export(tiny_network(), tmp_path / "m", pixel_range=pixel_range),
        lambda: ks.wrap(tiny_network(), pixel_range),
    ):
        with pytest.raises(ks.InputError, match="pixel_range must be two finite numbers"):
            function()
    assert not (tmp_path / "m").exists()


def _broken(value, layer="conv_b"):
    network = tiny_network()
    weights = network.get_layer(layer).get_weights()
    weights[0][0, 0, 0, 0] = value
    network.get_layer(layer).set_weights(weights)
    return network


@pytest.mark.parametrize("value", [NAN, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_named(tmp_path, value):
    network = _broken(value)
    network.save(tmp_path / "m.keras")
    ks.export(network, tmp_path / "m")
    network.export(tmp_path / "foreign", verbose=False)
    for function in (
        lambda: ks.wrap(network),
        lambda: ks.load(tmp_path / "m.keras"),
        lambda: ks.load(tmp_path / "m"),
        lambda: ks.load(tmp_path / "foreign"),
        lambda: robustness.accuracy(network, GOOD, LABELS, verbose=0),
    ):
        with pytest.raises(ks.InputError, match=r"not finite \(NaN or infinity\): conv_b/kernel"):
            function()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_that_overflow_are_an_error(name):
    """Finite weights whose products are not: the layer, or else the logits or a gradient, are named."""
    network = tiny_network(normalised=False)
    for layer in ("conv_a", "conv_b", "conv_c", "logits"):
        weights = network.get_layer(layer).get_weights()
        network.get_layer(layer).set_weights([np.abs(weights[0]) * 1e25, weights[1]])
    with pytest.raises(
        ks.InputError, match=r"Values are not finite.*: (layer|logits|the gradient|gradients)"
    ):
        FUNCTIONS[name](network, GOOD, LABELS)


def test_units_that_are_negative_though_they_are_not_shifted_are_an_error():
    inputs = keras.Input(SHAPE)
    x = ks.UnitMeans(
        layers.Conv2D(4, 3, activation="tanh", bias_initializer=keras.initializers.Constant(-2.0), name="act")
    )(inputs)
    network = keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D()(x)))
    for name in ("measure_selectivity", "measure_units"):
        with pytest.raises(ks.InputError, match=r"Layer act has units that are negative.*shift=True"):
            FUNCTIONS[name](network, GOOD, LABELS)


class _Served(tf.Module):
    """A SavedModel of any signature."""

    def __init__(self, function, *specs):
        super().__init__()
        self.serve = tf.function(function, input_signature=specs)

    def save(self, path):
        tf.saved_model.save(self, str(path), signatures={"serving_default": self.serve})
        return path


def _spec(*shape, dtype=tf.float32, name=None):
    return tf.TensorSpec(shape, dtype, name)


def _scores(x):
    return tf.reduce_mean(x, axis=(1, 2))


PICTURES = _spec(None, *SHAPE, name="x")
SAVED_MODELS = {
    "no inputs": (lambda: tf.ones((2, 3)),),
    "a scalar input": (lambda x: tf.reshape(x, (1, 1)), _spec()),
    "text": (lambda x: tf.strings.to_number(x)[:, None], _spec(None, dtype=tf.string)),
    "two outputs": (lambda x: {"a": _scores(x), "b": _scores(x)}, PICTURES),
    "no outputs": (lambda x: {}, PICTURES),
    "one number": (lambda x: tf.reduce_sum(x), PICTURES),
    "a number each": (lambda x: tf.reduce_sum(x, axis=(1, 2, 3)), PICTURES),
    "a map of classes": (lambda x: x, PICTURES),
    "no classes": (lambda x: _scores(x)[:, :0], PICTURES),
    "one row for all": (lambda x: tf.reduce_mean(_scores(x), axis=0, keepdims=True), PICTURES),
    "a fixed batch": (lambda x: _scores(x), _spec(3, *SHAPE)),
}  # fmt: skip


@pytest.mark.parametrize("kind", SAVED_MODELS)
def test_saved_models_that_are_no_classifiers_are_refused(tmp_path, kind):
    path = _Served(*SAVED_MODELS[kind]).save(tmp_path / "m")
    with pytest.raises(ks.InputError, match=str(path)):
        ks.load(path)


def _pixels():
    return keras.Input(SHAPE)


def _of(function, inputs=None):
    inputs = _pixels() if inputs is None else inputs
    return keras.Model(inputs, function(layers.ReLU()(inputs)))


def _nested(a, b):
    return keras.Model([a, {"b": b}], layers.Dense(3)(layers.Flatten()(layers.ReLU()(layers.Add()([a, b])))))


MODELS = {
    "nested inputs": lambda: _nested(_pixels(), _pixels()),
    "several labels": lambda: _of(lambda x: layers.Dense(3, activation="sigmoid")(layers.Flatten()(x))),
    "a list of outputs": lambda: _of(lambda x: [layers.Flatten()(x), layers.Flatten()(x)]),
    "a dict of outputs": lambda: _of(lambda x: {"a": layers.Flatten()(x), "b": layers.Flatten()(x)}),
    "segmentation": lambda: _of(lambda x: layers.Conv2D(3, 1)(x)),
    "not built": lambda: keras.Sequential([layers.ReLU(), layers.Dense(3)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_models_that_are_no_classifiers_are_refused(tmp_path, kind):
    model = MODELS[kind]()
    with pytest.raises(ks.InputError):
        ks.wrap(model)
    with pytest.raises(ks.InputError):
        ks.export(model, tmp_path / "m")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "path",
    [None, 0, 1.5, [], b"x", "\0", 5000 * "a", np.zeros(3), object(), range(2)],
    ids=lambda value: re.sub(r" at 0x\w+", "", repr(value))[:30],
)
def test_paths_of_models(path):
    with pytest.raises(ks.InputError):
        ks.load(path)


@pytest.mark.parametrize(
    "change",
    [{"severity": s} for s in (np.arange(3), None, "1", 2.5, NAN)]
    + [{"corruption": c} for c in (np.zeros(3), None, 3, ["fog"])],
    ids=lambda value: re.sub(r" at 0x\w+", "", repr(value))[:30],
)
def test_what_corrupts(change):
    images = np.zeros((1, 32, 32, 3), np.uint8)
    with pytest.raises(ks.InputError):
        ks.corrupt(images, **{"corruption": "fog", "severity": 1, "seed": 0, **change})


@pytest.mark.parametrize(
    "counts",
    [NAN, 3, [1, 2], np.ones((4, 1)), np.ones(5), np.zeros((0, 4))],
    ids=lambda value: re.sub(r" at 0x\w+", "", repr(value))[:30],
)
def test_counts_of_classes(counts):
    with pytest.raises(ValueError, match="one number per class, 4 in all"):
        ks.selectivity_index(np.ones((4, 3)), counts)


@pytest.mark.parametrize(
    "verbose",
    [None, 1.0, "x", [], {}, np.zeros(3), np.zeros((2, 2)), object()],
    ids=lambda value: type(value).__name__,
)
def test_a_progress_that_is_none(exported, verbose):
    for function in (ks.measure_units, lambda e, x, y, **o: ks.measure_selectivity(e, (x, y), **o)):
        with pytest.raises(ks.InputError, match="verbose must be 0"):
            function(exported, GOOD, LABELS, verbose=verbose)
