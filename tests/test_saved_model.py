import json
import shutil

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
    assert run["input_shape"] == [8, 8, 3]


def test_serving_default_is_logits(exported_path, tiny_data):
    images = tf.constant(tiny_data[0])
    (served,) = tf.saved_model.load(str(exported_path)).signatures["serving_default"](images).values()
    np.testing.assert_allclose(served, ks.load(exported_path).logits(images), atol=1e-6)


@pytest.mark.parametrize("end", ["softmax", "Softmax", "Activation", "sigmoid", "logits"])
def test_logits_of_networks_that_end_in_probabilities(end, tiny_data, tmp_path):
    images = tiny_data[0]
    top = tiny_network(classes=1 if end == "sigmoid" else 4)
    dense = top.layers[-1]
    logits = top(images).numpy()
    if end in ("softmax", "sigmoid"):
        dense.activation = keras.activations.get(end)
        model = top
    else:
        last = {"Softmax": layers.Softmax(), "Activation": layers.Activation("softmax")}.get(end)
        model = keras.Model(top.input, last(top.output)) if last else top
    ks.export(model, tmp_path / "m")
    expected = np.hstack([np.zeros_like(logits), logits]) if end == "sigmoid" else logits
    loaded = ks.load(tmp_path / "m")
    np.testing.assert_allclose(loaded.logits(images), expected, atol=1e-5)
    assert loaded.classes == expected.shape[1]


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


@pytest.mark.data
@pytest.mark.slow
def test_somebody_else_s_classifier(cifar10, tmp_path):
    """The MLPerf Tiny ResNet8 takes pixels 0-255 and has seven ReLU layers; 87.19 % is its known accuracy."""
    foreign = keras.models.load_model(real_data("reference/mlperf_tiny_resnet8.h5"), compile=False)
    foreign.save(tmp_path / "foreign.keras")
    loaded = ks.load(tmp_path / "foreign.keras", pixel_range=(0, 255))
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
    cases["is no .keras file"] = tmp_path / "model.h5"
    (tmp_path / "model.h5").write_bytes(b"\x89HDF")
    for message, path in cases.items():
        with pytest.raises(ks.InputError, match=message):
            ks.load(path)


def test_bad_output_kind(exported_path):
    with pytest.raises(ks.InputError, match="'logits' or 'probabilities'"):
        ks.load(exported_path, outputs="classes")
