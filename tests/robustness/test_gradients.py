"""Jacobians and input-unit gradients against closed forms and finite differences."""

import keras
import numpy as np
import pytest
from conftest import tiny_network

import keras_selectivity as ks
from keras_selectivity.robustness._unit_gradients import _norms

SHAPE = (8, 8, 3)


def loaded(network, folder):
    ks.export(network, folder / "m")
    return ks.load(folder / "m")


def finite_differences(function, image, step=1e-2):
    """`(outputs, pixels)` central differences of a function of a batch of images."""
    moves = np.eye(image.size, dtype=np.float32).reshape(-1, *image.shape) * step
    high, low = (np.asarray(function(image + sign * moves), np.float64) for sign in (1, -1))
    return (high - low).T / (2 * step)


@pytest.fixture(name="smooth", scope="module")
def _smooth(tmp_path_factory):
    keras.utils.set_random_seed(4)
    inputs = keras.Input(SHAPE)
    x = keras.layers.Conv2D(5, 3, activation="silu", name="first")(inputs)
    x = keras.layers.Conv2D(4, 3, strides=2, activation="tanh", name="second")(x)
    network = keras.Model(inputs, keras.layers.Dense(6)(keras.layers.Flatten()(x)))
    model = ks.regularize(network, 0.0, layers=["first", "second"])
    return loaded(model, tmp_path_factory.mktemp("smooth"))


@pytest.fixture(name="images", scope="module")
def _images():
    return np.random.default_rng(0).uniform(0.2, 0.8, (7, *SHAPE)).astype("float32")


def test_jacobian_of_a_linear_network_is_its_matrix(tmp_path, images):
    inputs = keras.Input(SHAPE)
    network = keras.Model(inputs, keras.layers.Dense(5)(keras.layers.Flatten()(inputs)))
    exported = loaded(network, tmp_path)
    expected = np.linalg.norm(network.get_weights()[0].astype(np.float64))
    np.testing.assert_allclose(ks.jacobian_norm(exported, images, verbose=0), expected, rtol=1e-6)


def test_jacobian_against_finite_differences(smooth, images):
    found = ks.jacobian_norm(smooth, images, batch_size=3, verbose=0)
    expected = [np.linalg.norm(finite_differences(smooth.logits, image)) for image in images]
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_projections_are_unbiased_and_exact_when_complete(smooth, images):
    exact = ks.jacobian_norm(smooth, images, verbose=0)
    complete = ks.jacobian_norm(smooth, images, projections=6, seed=3, verbose=0)
    np.testing.assert_allclose(complete, exact, rtol=1e-5)
    twice = ks.jacobian_norm(smooth, images, projections=12, verbose=0)
    np.testing.assert_allclose(twice, exact, rtol=1e-5)
    more = (
        np.stack([ks.jacobian_norm(smooth, images, projections=8, seed=s, verbose=0) for s in range(60)]) ** 2
    )
    assert (np.abs(more.mean(axis=0) - exact**2) < 4 * more.std(axis=0) / np.sqrt(60)).all()
    many = np.stack(
        [ks.jacobian_norm(smooth, images, projections=2, seed=s, verbose=0) ** 2 for s in range(200)]
    )
    error = many.std(axis=0) / np.sqrt(200)
    assert (np.abs(many.mean(axis=0) - exact**2) < 4 * error).all()
    assert (error > 0).all()
    split = ks.jacobian_norm(smooth, images, projections=2, seed=1, batch_size=2, verbose=0)
    np.testing.assert_allclose(split**2, many[1], rtol=1e-5)


def test_unit_gradients_against_finite_differences(smooth, images):
    found = ks.input_unit_gradients(smooth, images, batch_size=4, verbose=0)
    assert [layer.name for layer in found] == ["first", "second"]
    for layer in found:
        norms = np.stack(
            [
                np.linalg.norm(finite_differences(lambda x, n=layer.name: smooth.unit_means(x)[n], i), axis=1)
                for i in images
            ]
        )
        np.testing.assert_allclose(layer.mean, norms.mean(axis=0), rtol=2e-3)
        np.testing.assert_allclose(layer.deviation, norms.std(axis=0), rtol=2e-2, atol=1e-5)
        expected = norms.std(axis=0) / norms.mean(axis=0)
        np.testing.assert_allclose(layer.variation_over_samples, expected, rtol=2e-2, atol=1e-4)
        means = norms.mean(axis=0)
        assert layer.variation_over_units == pytest.approx(means.std() / means.mean(), rel=5e-3)
        assert layer.samples == 7 and layer.units.tolist() == list(range(layer.width))


@pytest.mark.parametrize("where", ["in memory", "on disk"])
def test_a_network_with_a_loop(where, tmp_path, images):
    inputs = keras.Input(SHAPE)
    conv = keras.layers.Conv2D(3, 3, padding="same", activation="tanh", name="conv")
    rows = keras.layers.Reshape((8, 24))(conv(inputs))
    x = keras.layers.LSTM(4, return_sequences=True, name="rows")(rows)
    x = keras.layers.Conv1D(4, 3, activation="tanh", name="last")(x)
    network = keras.Model(inputs, keras.layers.Dense(5)(keras.layers.Flatten()(x)))
    network = ks.regularize(network, 0.0, layers=["conv", "last"])
    exported = ks.wrap(network) if where == "in memory" else loaded(network, tmp_path)
    for layer in ks.input_unit_gradients(exported, images[:2], verbose=0):
        norms = [
            np.linalg.norm(finite_differences(lambda x, n=layer.name: exported.unit_means(x)[n], i), axis=1)
            for i in images[:2]
        ]
        np.testing.assert_allclose(layer.mean, np.mean(norms, axis=0), rtol=5e-3, atol=1e-5)


@pytest.mark.parametrize("where", ["in memory", "on disk"])
def test_a_units_gradient_stops_at_its_layer(where, tmp_path, images):
    exported = ks.wrap(tiny_network()) if where == "in memory" else loaded(tiny_network(), tmp_path)
    images = np.resize(images, (2, *exported.input_shape))

    def passes(layer):
        ks.input_unit_gradients(exported, images, layers=[layer], verbose=0)
        graph = exported.compiled(_norms, layer).get_concrete_function().graph
        return str(graph.as_graph_def()).count('op: "Conv2DBackpropInput"')

    assert [passes(layer) for layer in exported.layer_names] == [1, 2, 3]


def test_units_that_do_not_depend_on_the_pixels_smoothly_are_refused():
    inputs = keras.Input(SHAPE)
    x = keras.layers.Conv2D(3, 3, activation="relu", name="first")(inputs)
    x = keras.layers.Conv2D(3, 3, activation="relu", name="second")(keras.ops.round(x))
    exported = ks.wrap(keras.Model(inputs, keras.layers.Dense(5)(keras.layers.Flatten()(x))))
    images = np.full((2, *SHAPE), 0.5, "float32")
    assert (ks.input_unit_gradients(exported, images, layers=["first"], verbose=0)[0].mean > 0).any()
    with pytest.raises(ks.InputError, match="no gradient with respect to its input"):
        ks.input_unit_gradients(exported, images, verbose=0)


def test_dead_units_are_kept_apart(tmp_path, images):
    network = tiny_network(normalised=False)
    conv = network.get_layer("conv_c")
    conv.set_weights([conv.get_weights()[0], np.array([-1e3, 0.5, 0.5, -1e3, 0.5, 0.5], "float32")])
    layer = ks.input_unit_gradients(loaded(network, tmp_path), images, layers=["conv_c"], verbose=0)[0]
    assert layer.dead.tolist() == [True, False, False, True, False, False]
    assert np.isnan(layer.variation_over_samples).tolist() == layer.dead.tolist()
    alive = layer.mean[~layer.dead]
    assert layer.variation_over_units == pytest.approx(alive.std() / alive.mean())


def test_units_of_wide_layers_are_drawn(smooth, images):
    whole = ks.input_unit_gradients(smooth, images, verbose=0)[0]
    some = ks.input_unit_gradients(smooth, images, units_per_layer=2, seed=1, verbose=0)[0]
    assert len(some.units) == 2 and some.width == 5
    np.testing.assert_allclose(some.mean, whole.mean[some.units], rtol=1e-6)


def test_bad_arguments_are_named(smooth, images):
    for arguments, message in (
        ({"projections": 0}, "projections must be a whole number of at least 1"),
        ({"seed": -1, "projections": 1}, "seed must be"),
    ):
        with pytest.raises(ks.InputError, match=message):
            ks.jacobian_norm(smooth, images, verbose=0, **arguments)
    for arguments, message in (
        ({"layers": ["third"]}, "Unknown layers third. There are first, second"),
        ({"units_per_layer": 0}, "units_per_layer must be"),
    ):
        with pytest.raises(ks.InputError, match=message):
            ks.input_unit_gradients(smooth, images, verbose=0, **arguments)
    with pytest.raises(ks.InputError, match="There are no images"):
        ks.input_unit_gradients(smooth, images[:0], verbose=0)
    with pytest.raises(ks.InputError, match=r"pixels in \[0, 1\]"):
        ks.jacobian_norm(smooth, images * 255, verbose=0)
