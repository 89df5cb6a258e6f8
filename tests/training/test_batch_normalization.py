"""Our batch normalization against Keras's own, and its running variance against PyTorch's definition."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import compiled
from conftest import tiny_network

import keras_selectivity as ks

RNG = np.random.default_rng(0)
MAPS = RNG.normal(2, 3, (6, 5, 4, 3)).astype("float32")
HAS_RENORM = "renorm" in inspect.signature(keras.layers.BatchNormalization).parameters
OPTIONS = {"momentum": 0.7, "epsilon": 1e-5}


def twins(shape=MAPS.shape, **options):
    """Keras's layer and ours with the same random weights."""
    layers = keras.layers.BatchNormalization(**options), ks.BatchNormalization(**options)
    for layer in layers:
        layer.build(shape)
    weights = [np.random.default_rng(i).uniform(0.5, 2, w.shape) for i, w in enumerate(layers[0].weights)]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def step(layer, values, training, compiled=None):
    """Output, gradients in the input and the weights, and the running statistics after one call."""
    pull = np.random.default_rng(5).normal(size=values.shape).astype("float32")

    def run(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = layer(values, training=training)
            total = tf.reduce_sum(tf.cast(outputs, "float32") * pull)
        return outputs, *tape.gradient(total, [values, *layer.trainable_variables])

    run = run if compiled is None else tf.function(run, jit_compile=compiled)
    found = run(tf.constant(values))
    return [np.asarray(tf.cast(f, "float32")) for f in (*found, *layer.non_trainable_variables)]


@pytest.mark.parametrize("compiled", [None, False, True], ids=["eager", "graph", "xla"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "options",
    [{}, {"scale": False}, {"center": False}, {"scale": False, "center": False}, {"trainable": False}],
    ids=str,
)
def test_equals_keras(options, training, compiled):
    theirs, ours = (step(layer, MAPS, training, compiled) for layer in twins(**OPTIONS, **options))
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (RNG.normal(size=(7, 3)), {}),
        (RNG.normal(size=(7, 5, 3)), {}),
        (RNG.normal(size=(4, 3, 5, 5)), {"axis": 1}),
        (RNG.normal(size=(4, 5, 5, 3)), {"dtype": "float64"}),
        *[(RNG.normal(size=(4, 5, 5, 3)), {"renorm": True})] * HAS_RENORM,
    ],
    ids=["dense", "sequence", "channels first", "float64", *["renorm"] * HAS_RENORM],
)
def test_equals_keras_where_nothing_is_fused(values, options):
    values = values.astype(options.get("dtype", "float32"))
    for a, b in zip(*(step(layer, values, True) for layer in twins(values.shape, **options)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 5, 4, 3), (30, 3)], ids=["fused", "plain"])
def test_the_unbiased_running_variance_is_that_of_the_population(shape):
    values = RNG.normal(1, 2, shape).astype("float32")
    layer = ks.BatchNormalization(**OPTIONS, unbiased_variance=True)
    outputs = layer(values, training=True)
    flat = values.astype("float64").reshape(-1, 3)
    np.testing.assert_allclose(layer.moving_variance, 0.7 + 0.3 * flat.var(0, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(layer.moving_mean, 0.3 * flat.mean(0), rtol=1e-5)
    # What the batch is normalised by is biased all the same.
    wanted = (flat - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-5)
    np.testing.assert_allclose(np.asarray(outputs).reshape(-1, 3), wanted, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_statistics_in_float32(policy):
    """Equal to Keras's layer, which computes in float32, up to the rounding of inputs and outputs."""
    layer = ks.BatchNormalization(**OPTIONS, dtype=policy)
    values = tf.cast(MAPS, policy.removeprefix("mixed_"))
    outputs = layer(values, training=True)
    assert outputs.dtype == values.dtype and layer.moving_mean.dtype == "float32"
    flat = values.numpy().astype("float64").reshape(-1, 3)
    np.testing.assert_allclose(layer.moving_mean, 0.3 * flat.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.7 + 0.3 * flat.var(0), rtol=1e-5)
    wanted = (flat - flat.mean(0)) / flat.std(0)
    np.testing.assert_allclose(np.asarray(outputs, "float64").reshape(-1, 3), wanted, atol=0.02)


def test_a_jacobian_goes_through_the_fused_operation():
    theirs, ours = twins(**OPTIONS)

    def jacobian(layer):
        values = tf.constant(MAPS)
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = tf.reduce_sum(layer(values, training=False) ** 2, axis=(1, 2))
        return tape.batch_jacobian(outputs, values)

    np.testing.assert_allclose(jacobian(theirs), jacobian(ours), rtol=1e-5, atol=1e-5)


def test_saved_and_loaded_again(tmp_path):
    network = keras.Sequential([keras.Input((5, 4, 3)), ks.BatchNormalization(unbiased_variance=True)])
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert loaded.layers[0].get_config() == network.layers[0].get_config()
    assert loaded.layers[0].unbiased_variance


@pytest.mark.parametrize("other", [*["renorm"] * HAS_RENORM, "synchronized"])
def test_what_does_not_go_together(other):
    with pytest.raises(ValueError, match="neither renorm nor synchronized"):
        ks.BatchNormalization(unbiased_variance=True, **{other: True})


def test_replicas_take_the_step_that_keras_takes():
    """Each replica normalises its own part, and the running statistics are averaged, as in Keras."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    results = []
    for kind in (keras.layers.BatchNormalization, ks.BatchNormalization):
        with strategy.scope():
            keras.utils.set_random_seed(0)
            network = keras.Sequential(
                [keras.Input((5, 4, 3)), kind(**OPTIONS), keras.layers.Flatten(), keras.layers.Dense(2)]
            )
            network.compile("sgd", "mse")
        network.fit(MAPS, np.ones((6, 2)), batch_size=6, verbose=0)
        results.append(network.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_regularize_swaps_it_in_and_strip_swaps_it_back(tiny_data):
    images, labels = tiny_data
    network = tiny_network()
    steps = []
    for fused in (False, True):
        model = compiled(ks.regularize(network, -1.0, fused_batch_norm=fused))
        kinds = {type(layer) for layer in model.network.layers if "batch_norm" in layer.name}
        assert kinds == {ks.BatchNormalization if fused else keras.layers.BatchNormalization}
        model.fit(images, labels, batch_size=24, epochs=2, shuffle=False, verbose=0)
        steps.append(model.get_weights())
        plain = model.strip()
        assert not any(type(layer).__module__.startswith("keras_selectivity") for layer in plain.layers)
        np.testing.assert_allclose(plain(images), model(images), atol=1e-5)
    for a, b in zip(*steps, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
