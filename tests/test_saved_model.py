import json
import shutil
from contextlib import nullcontext as nothing

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import compiled
from conftest import real_data
from conftest import tiny_network
from keras import layers

import keras_selectivity as ks
from keras_selectivity._json_file import write_json

NAMES = ["relu_a", "relu_b", "conv_c"]


@pytest.fixture(name="copy")
def _copy(exported_path, tmp_path):
    return shutil.copytree(exported_path, tmp_path / "copy")


def gradient(function, x):
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(function(x) ** 2)
    return tape.gradient(total, x).numpy()


def test_logits_units_activations_and_input_gradients_survive(tiny_data, tmp_path):
    images = tiny_data[0][:9]
    model = compiled(ks.regularize(tiny_network(), -1.0))
    model.fit(*tiny_data, verbose=0)
    ks.export(model, tmp_path / "m")
    loaded = ks.load(tmp_path / "m")
    plain = model.strip()
    np.testing.assert_allclose(loaded.logits(images), plain(images), atol=1e-6)
    np.testing.assert_allclose(gradient(loaded.logits, images), gradient(plain, images), atol=1e-5)
    assert loaded.layer_names == list(loaded.unit_means(images)) == NAMES
    outputs = keras.Model(plain.input, [plain.get_layer(n).output for n in NAMES])(images)
    for name, output in zip(NAMES, outputs, strict=True):
        np.testing.assert_allclose(loaded.activations(images)[name], output, atol=1e-6)
        np.testing.assert_allclose(loaded.unit_means(images)[name], np.mean(output, axis=(1, 2)), atol=1e-6)
    units = gradient(lambda x: loaded.unit_means(x)["relu_b"], images)
    assert np.abs(units).max() > 0
    assert loaded.logits(images.astype("float64")).shape == (9, 4)


def test_run_json_tells_how_the_network_came_about(exported_path):
    loaded = ks.load(exported_path)
    run = json.loads((exported_path / "run.json").read_text())
    assert run.pop("checksum") and run == loaded.run
    assert (run["alpha"], run["seed"], run["classes"], run["protocol"]) == (-1.0, 5, 4, {"epochs": 2})
    assert loaded.units == {"relu_a": 4, "relu_b": 4, "conv_c": 6}
    assert len(run["history"]["selectivity"]) == 2
    assert run["versions"]["keras"] == keras.__version__
    (taken,) = run["inputs"]["parts"]
    assert (taken["shape"], taken["dtype"], taken["range"]) == ([8, 8, 3], "float32", [0, 1])


def test_serving_default_is_logits(exported_path, tiny_data):
    images = tf.constant(tiny_data[0])
    (served,) = tf.saved_model.load(str(exported_path)).signatures["serving_default"](images).values()
    np.testing.assert_allclose(served, ks.load(exported_path).logits(images), atol=1e-6)


def ending(kind, top):
    """A network of logits made one that ends in probabilities of this kind."""
    x, dense = top.output, top.layers[-1]
    ends = {
        "logits": lambda: x,
        "layer": lambda: layers.Softmax()(x),
        "activation": lambda: layers.Activation("softmax")(x),
        "function": lambda: keras.activations.softmax(x),
        "op": lambda: keras.ops.softmax(x),
        "reshaped": lambda: layers.Reshape((4,))(layers.Softmax()(layers.Reshape((1, 1, 4))(x))),
        "nested": lambda: keras.Sequential([keras.Input((4,)), layers.Softmax()])(x),
        "cast": lambda: layers.Activation("softmax", dtype="float32")(keras.ops.cast(x, "float16")),
        "written out": lambda: keras.ops.exp(x) / keras.ops.sum(keras.ops.exp(x), axis=1, keepdims=True),
        "sigmoid op": lambda: keras.ops.sigmoid(x),
        "sigmoid written out": lambda: 1 / (1 + keras.ops.exp(-x)),
    }
    if kind in ends:
        return keras.Model(top.input, ends[kind]())
    dense.activation = keras.activations.get(kind.removesuffix(" fused"))
    return top


@pytest.mark.parametrize(
    "end",
    [
        "logits", "layer", "activation", "function", "op", "reshaped", "nested", "cast", "softmax fused",
        "written out", "sigmoid fused", "sigmoid op", "sigmoid written out",
    ],
)  # fmt: skip
def test_logits_of_networks_that_end_in_probabilities(end, tiny_data):
    top = tiny_network(classes=1 if "sigmoid" in end else 4)
    expected = top(tiny_data[0]).numpy()
    model = ending(end, top)
    written_out = "written out" in end
    with pytest.warns(UserWarning, match="their logarithm is taken") if written_out else nothing():
        found = ks.wrap(model)
    logits = found.logits(tiny_data[0]).numpy()
    if expected.shape[1] == 1:
        expected = np.hstack([np.zeros_like(expected), expected])
    if written_out:  # a logarithm knows logits up to a constant
        logits, expected = (v - v.mean(axis=1, keepdims=True) for v in (logits, expected))
    np.testing.assert_allclose(logits, expected, atol=2e-3 if end == "cast" else 1e-5)
    assert found.classes == expected.shape[1]
    kinds = {True: "logarithm of the probabilities", False: "before the final softmax or sigmoid"}
    assert found.run["outputs"] == ("as returned" if end == "logits" else kinds[written_out])


def test_a_softmax_inside_call_is_left_out(tiny_data):
    class Classifier(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.conv = layers.Conv2D(4, 3, activation="relu")
            self.top = layers.Dense(4)

        def call(self, x):
            return tf.nn.softmax(self.top(tf.reduce_mean(self.conv(x), axis=(1, 2))) * 50)

    model = Classifier()
    probabilities = model(tiny_data[0]).numpy()
    logits = ks.wrap(model).logits(tiny_data[0]).numpy()
    np.testing.assert_allclose(tf.nn.softmax(logits), probabilities, atol=1e-6)
    expected = model.top(tf.reduce_mean(model.conv(tiny_data[0]), axis=(1, 2))) * 50
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pixel_range", [(0, 255), (-1, 1), (0, 1)], ids=str)
def test_the_pixel_range_is_recorded_and_seen_to(pixel_range, tiny_data, tmp_path):
    images, (low, high) = tiny_data[0], pixel_range
    network = tiny_network()
    ks.export(network, tmp_path / "m", pixel_range=pixel_range)
    expected = network(images * (high - low) + low)
    for found in (ks.load(tmp_path / "m"), ks.load(tmp_path / "m", pixel_range=pixel_range)):
        assert found.pixel_range == pixel_range and found.run["inputs"]["parts"][0]["range"] == list(
            pixel_range
        )
        np.testing.assert_allclose(found.logits(images), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ks.wrap(network, pixel_range).logits(images), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ks.InputError, match=r"exported for pixel_range=.*Received: \(0.0, 2.0\)"):
        ks.load(tmp_path / "m", pixel_range=(0, 2))


def test_an_export_from_before_ranges_were_recorded_takes_0_to_1(copy):
    run = {**ks.load(copy).run, "format_version": 1, "input_shape": [8, 8, 3]}
    write_json(copy / "run.json", {name: value for name, value in run.items() if name != "inputs"})
    assert ks.load(copy).input_shape == (8, 8, 3)
    assert ks.load(copy, pixel_range=(0, 1)).pixel_range == (0, 1)
    with pytest.raises(ks.InputError, match=r"exported for pixel_range=\(0.0, 1.0\)"):
        ks.load(copy, pixel_range=(0, 255))


def test_a_wrapped_model_is_what_its_export_would_be(tiny_data, tmp_path):
    model = compiled(ks.regularize(tiny_network(), -1.0))
    model.fit(*tiny_data, verbose=0)
    wrapped = ks.wrap(model)
    ks.export(model, tmp_path / "m")
    loaded = ks.load(tmp_path / "m")
    for name in ("layer_names", "units", "shifts", "classes", "input_shape", "pixel_range"):
        assert getattr(wrapped, name) == getattr(loaded, name), name
    np.testing.assert_allclose(wrapped.logits(tiny_data[0]), loaded.logits(tiny_data[0]), atol=1e-6)
    for function in ("unit_means", "activations"):
        found, expected = getattr(wrapped, function)(tiny_data[0]), getattr(loaded, function)(tiny_data[0])
        for name in loaded.layer_names:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-6)
    assert wrapped.fingerprint == ks.wrap(model).fingerprint != ks.wrap(tiny_network(seed=1)).fingerprint
    assert "images of 8 x 8 x 3, 4 classes, 3 layers with 14 units" in repr(wrapped)
    assert ks.measure_selectivity(wrapped, tiny_data, verbose=0).mean == pytest.approx(
        ks.measure_selectivity(loaded, tiny_data, verbose=0).mean, abs=1e-6
    )


def test_a_fingerprint_tells_all_that_decides_what_is_measured(tmp_path):
    def network(slope):
        keras.utils.set_random_seed(0)
        inputs = keras.Input([8, 8, 3])
        x = layers.LeakyReLU(slope)(layers.Conv2D(4, 3)(inputs))
        return keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D()(x)))

    network(0.1).save(tmp_path / "m.keras")
    network(0.1).export(tmp_path / "foreign", verbose=False)

    def wrapped(**options):
        return ks.wrap(network(0.1), **options)

    def file(**options):
        return ks.load(tmp_path / "m.keras", **options)

    def foreign(**options):
        return ks.load(tmp_path / "foreign", **options)

    cases = (
        (wrapped, {"nonlinearities": "all"}),
        (file, {"nonlinearities": "all"}),
        (foreign, {"outputs": "logits"}),
    )
    for opened, option in cases:
        usual = opened().fingerprint
        assert usual == opened(pixel_range=(0, 1)).fingerprint == opened(pixel_range="auto").fingerprint
        others = [opened(pixel_range=(0, 255)), opened(pixel_range=None), opened(**option)]
        assert len({usual, *(other.fingerprint for other in others)}) == 4
    assert ks.wrap(network(0.1)).fingerprint != ks.wrap(network(0.2)).fingerprint


def test_keras_files_are_instrumented_on_load(tiny_data, tmp_path):
    network = tiny_network()
    network.save(tmp_path / "plain.keras")
    ks.regularize(network, -1.0).save(tmp_path / "regularized.keras")
    for name in ("plain", "regularized"):
        loaded = ks.load(tmp_path / f"{name}.keras")
        assert loaded.layer_names == NAMES
        np.testing.assert_allclose(loaded.logits(tiny_data[0]), network(tiny_data[0]), atol=1e-6)


@pytest.mark.parametrize("save", ["export", "saved_model"])
def test_foreign_saved_models_offer_logits(save, tiny_data, tmp_path):
    images = tiny_data[0]
    scale = layers.Rescaling(1 / 255)
    network = tiny_network()
    inputs = keras.Input((8, 8, 3))
    foreign = keras.Model(inputs, layers.Softmax()(network(scale(inputs))))
    foreign(images)
    path = tmp_path / "foreign"
    foreign.export(path, verbose=False) if save == "export" else tf.saved_model.save(foreign, str(path))
    loaded = ks.load(path, pixel_range=(0, 255), outputs="probabilities")
    expected = tf.nn.log_softmax(network(images))
    np.testing.assert_allclose(loaded.logits(images), expected, atol=1e-5)
    assert loaded.layer_names == [] and loaded.classes == 4
    assert np.abs(gradient(loaded.logits, images)).max() > 0
    with pytest.raises(ks.InputError, match="foreign SavedModel, which offers logits only"):
        loaded.unit_means(images)
    with pytest.raises(ks.InputError, match="foreign SavedModel"):
        ks.measure_selectivity(loaded, tiny_data, verbose=0)


@pytest.mark.parametrize("classes", [1, 4])
def test_a_foreign_saved_model_tells_what_it_returns(classes, tiny_data, tmp_path):
    network = tiny_network(classes=classes)
    squash = layers.Activation("sigmoid" if classes == 1 else "softmax")
    keras.Model(network.input, squash(network.output)).export(tmp_path / "squashed", verbose=False)
    network.export(tmp_path / "plain", verbose=False)
    expected = network(tiny_data[0]).numpy()
    if classes == 1:
        expected = np.hstack([np.zeros_like(expected), expected])
    with pytest.warns(UserWarning, match="their logarithm is taken"):
        squashed = ks.load(tmp_path / "squashed")
    for found in (squashed, ks.load(tmp_path / "plain")):
        logits = found.logits(tiny_data[0])
        np.testing.assert_allclose(tf.nn.softmax(logits), tf.nn.softmax(expected), atol=1e-5)
        assert found.classes == max(classes, 2)
    with pytest.raises(ks.InputError, match="values that are no probabilities"):
        ks.load(tmp_path / "plain", outputs="probabilities")


def test_a_file_of_older_versions_of_keras(tmp_path):
    network = tiny_network(seed=3)
    network.compile("adam", "sparse_categorical_crossentropy")
    network.save(tmp_path / "model.h5")
    x = np.random.default_rng(0).random((4, *network.input_shape[1:]), np.float32)
    loaded, wrapped = ks.load(tmp_path / "model.h5"), ks.wrap(network)
    assert loaded.layer_names == wrapped.layer_names != []
    np.testing.assert_allclose(loaded.logits(x), network(x), atol=1e-6)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The structure of `inputs`")  # the old file lists its only input
def test_somebody_else_s_classifier(cifar10):
    """The MLPerf Tiny ResNet8 takes pixels 0-255 and has seven ReLU layers; 87.19 % is its known accuracy."""
    loaded = ks.load(real_data("reference/mlperf_tiny_resnet8.h5"), pixel_range=(0, 255))
    measured = ks.measure_selectivity(loaded, tuple(cifar10.test), verbose=0)
    assert measured.accuracy == 0.8719
    assert len(measured.layers) == 7
    assert 0.05 < measured.mean < 0.6


def test_an_existing_path_is_refused_and_overwritten_on_request(copy):
    network = tiny_network(seed=3)
    with pytest.raises(ks.InputError, match=r"exists.*--overwrite"):
        ks.export(network, copy)
    ks.export(network, copy, overwrite=True)
    assert ks.load(copy).run["alpha"] is None
    assert [p.name for p in copy.parent.iterdir()] == ["copy"]


def test_overwriting_spares_what_is_not_ours(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ks.InputError, match="holds something else"):
        ks.export(tiny_network(), tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


def test_a_failing_export_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "keras_selectivity.saved_model.write_json", lambda *a: (_ for _ in ()).throw(OSError("full"))
    )
    with pytest.raises(OSError, match="full"):
        ks.export(tiny_network(), tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_missing_half_written_and_damaged_directories(copy, tmp_path):
    cases = {}
    cases["does not exist"] = tmp_path / "nowhere"
    (tmp_path / "empty").mkdir()
    cases["holds no SavedModel"] = tmp_path / "empty"
    cases["half-written"] = shutil.copytree(copy, tmp_path / "half")
    (tmp_path / "half" / "saved_model.pb").unlink()
    cases["variables.data-00000-of-00001 is missing or changed"] = shutil.copytree(copy, tmp_path / "changed")
    data = tmp_path / "changed" / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1] + b"x")
    cases["run.json is damaged"] = shutil.copytree(copy, tmp_path / "json")
    (tmp_path / "json" / "run.json").write_text('{"format"')
    cases["newer version"] = shutil.copytree(copy, tmp_path / "newer")
    write_json(tmp_path / "newer" / "run.json", {**ks.load(copy).run, "format_version": 99, "colour": "red"})
    cases["cannot be read as a SavedModel"] = tmp_path / "foreign"
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "saved_model.pb").write_bytes(b"no protobuf")
    cases["cannot be loaded as a Keras model"] = tmp_path / "cut.keras"
    (tmp_path / "cut.keras").write_bytes(b"PK\x03\x04")
    cases["Keras model \\(.*signature not found"] = tmp_path / "model.h5"
    (tmp_path / "model.h5").write_bytes(b"\x89HDF")
    cases["is neither a .keras nor an .h5 file"] = tmp_path / "model.pkl"
    (tmp_path / "model.pkl").write_bytes(b"")
    for message, path in cases.items():
        with pytest.raises(ks.InputError, match=message):
            ks.load(path)


def test_bad_output_kind(exported_path):
    with pytest.raises(ks.InputError, match="'logits' or 'probabilities'"):
        ks.load(exported_path, outputs="classes")
    with pytest.raises(ks.InputError, match="outputs= is for SavedModels of others"):
        ks.load(exported_path, outputs="probabilities")
