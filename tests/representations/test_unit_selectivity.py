import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
from conftest import tiny_network

import keras_selectivity as ks


@pytest.fixture(name="exported", scope="module")
def _exported(exported_path):
    return ks.load(exported_path)


def test_every_unit_against_the_formula(exported, tiny_data):
    images, labels = tiny_data
    measured = ks.measure_selectivity(exported, tiny_data, batch_size=7, verbose=0)
    means = {name: np.asarray(m, np.float64) for name, m in exported.unit_means(images).items()}
    for layer in measured.layers:
        samples = means[layer.name]
        np.testing.assert_allclose(layer.selectivity, reference.selectivity_index(samples, labels), atol=1e-6)
        np.testing.assert_allclose(
            layer.discriminability, reference.discriminability(samples, labels), rtol=1e-4
        )
        np.testing.assert_allclose(layer.mean_activation, samples.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(layer.sd_activation, samples.std(axis=0), atol=1e-6)
        assert layer.dead.tolist() == (samples == 0).all(axis=0).tolist()
    logits = exported.logits(images).numpy()
    assert measured.accuracy == (logits.argmax(axis=1) == labels).mean()
    assert measured.mean == pytest.approx(np.mean([layer.selectivity.mean() for layer in measured.layers]))
    every = reference.selectivity_index(np.concatenate(list(means.values()), axis=1), labels)
    assert measured.mean_over_units == pytest.approx(every.mean(), abs=1e-6)
    assert measured.class_counts.tolist() == [12] * 4


def test_dead_units_are_counted(tiny_data, tmp_path):
    network = tiny_network(normalised=False)
    conv = network.get_layer("conv_c")
    bias = np.array([-1e3, 0, 0, -1e3, 0, 0], "float32")
    conv.set_weights([conv.get_weights()[0], bias])
    ks.export(network, tmp_path / "m")
    measured = ks.measure_selectivity(ks.load(tmp_path / "m"), tiny_data, verbose=0)
    last = measured.layers[-1]
    assert last.dead[[0, 3]].all() and last.selectivity[[0, 3]].tolist() == [0, 0]
    assert measured.dead_units >= 2 / 14


def test_leaky_units_are_shifted_by_their_minimum(tiny_data, tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.LeakyReLU(name="leaky")(keras.layers.Conv2D(5, 3)(inputs))
    network = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(x)))
    ks.export(network, tmp_path / "m")
    exported = ks.load(tmp_path / "m")
    samples = exported.unit_means(tiny_data[0])["leaky"].numpy().astype("float64")
    assert samples.min() < 0
    expected = reference.selectivity_index(samples - samples.min(axis=0), tiny_data[1])
    got = ks.measure_selectivity(exported, tiny_data, batch_size=10, verbose=0).layers[0].selectivity
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_forms_of_data_agree(exported, tiny_data):
    images, labels = tiny_data
    eight_bit = np.round(images * 255).astype(np.uint8)
    arrays = ks.measure_selectivity(exported, (eight_bit, labels[:, None]), verbose=0)
    batches = tf.data.Dataset.from_tensor_slices((eight_bit / np.float32(255), labels)).batch(11)
    streamed = ks.measure_selectivity(exported, batches, verbose=0)
    two = [(eight_bit[:9], labels[:9]), (eight_bit[9:], labels[9:])]
    for parts in (two, [*two, (eight_bit[:0], labels[:0])]):
        assert ks.measure_selectivity(exported, parts, verbose=0).mean == pytest.approx(
            streamed.mean, abs=1e-6
        )
    for a, b in zip(arrays.layers, streamed.layers, strict=True):
        np.testing.assert_allclose(a.selectivity, b.selectivity, atol=1e-6)


def test_rows_are_tidy(exported, tiny_data):
    measured = ks.measure_selectivity(exported, tiny_data, verbose=0)
    rows = list(measured.rows())
    assert len(rows) == 5 + 3 * 4 + 14 * 6
    unit = [r for r in rows if (r["layer"], r["unit"], r["measure"]) == ("relu_b", 2, "selectivity")]
    assert float(unit[0]["value"]) == measured.layers[1].selectivity[2]
    assert "accuracy" in str(measured) and "relu_b" in str(measured)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x * 255, y), r"pixels in \[0, 1\].*Divide 8-bit images by 255"),
        (lambda x, y: (x * 2 - 1, y), r"pixels in \[0, 1\].*values from -0.9"),
        (lambda x, y: (np.full_like(x, np.nan), y), r"values from nan"),
        (lambda x, y: (x[:, :4], y), r"takes images of shape \(n, 8, 8, 3\)"),
        (lambda x, y: (x, y + 1), r"has the classes 0 to 3. Received: labels from 1 to 4"),
        (lambda x, y: (x, y * 0), "at least two classes"),
        (lambda x, y: (x[:0], y[:0]), "data set is empty"),
        (lambda x, y: (x, y[:-1]), "Expected 48 integer labels"),
    ],
)
def test_bad_data_are_named(exported, tiny_data, change, message):
    with pytest.raises(ks.InputError, match=message):
        ks.measure_selectivity(exported, change(*tiny_data), verbose=0)


def test_activations_that_are_not_finite_are_refused(tmp_path, tiny_data):
    network = tiny_network(normalised=False)
    conv = network.get_layer("conv_c")
    conv.set_weights([conv.get_weights()[0], conv.get_weights()[1] + np.inf])
    ks.export(network, tmp_path / "m")
    with pytest.raises(ks.InputError, match="not finite"):
        ks.measure_selectivity(ks.load(tmp_path / "m"), tiny_data, verbose=0)


def test_rounding_below_zero_is_tolerated(exported, tiny_data):
    images = tiny_data[0].copy()
    images[0, 0, 0, 0] = -3e-8
    ks.measure_selectivity(exported, (images, tiny_data[1]), verbose=0)
    assert exported.prepared(images).min() == 0
