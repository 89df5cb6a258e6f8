import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
from conftest import compiled
from conftest import tiny_network

import keras_selectivity as ks


def weights(model):
    return [w.numpy() for w in model.trainable_weights]


def distance(a, b):
    return max(np.abs(x - y).max() for x, y in zip(weights(a), weights(b), strict=True))


def units_of(network, images):
    """Unit means of the three layers in training mode, read without our collector."""
    names = ["relu_a", "relu_b", "conv_c"]
    probe = keras.Model(network.input, [network.get_layer(n).output for n in names])
    return tf.concat([tf.reduce_mean(o, (1, 2)) for o in probe(images, training=True)], axis=1)


def test_loss_and_logs_are_those_of_the_formula(tiny_data):
    images, labels = tiny_data
    network = tiny_network()
    units = units_of(network, images).numpy()
    logits = network(images, training=True).numpy().astype("float64")
    cross_entropy = np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(48), labels])
    index = reference.mean_over_layers(reference.selectivity_index(units, labels), [4, 4, 6])
    model = compiled(ks.regularize(tiny_network(), -2.0))
    logs = model.train_on_batch(images, labels, return_dict=True)
    assert logs["cross_entropy"] == pytest.approx(cross_entropy, abs=1e-5)
    assert logs["selectivity"] == pytest.approx(index, abs=1e-6)
    assert logs["loss"] == pytest.approx(cross_entropy + 2 * index, abs=1e-5)
    assert logs["alpha"] == -2.0


@pytest.mark.parametrize("metric", ["selectivity", "discriminability"])
def test_step_against_finite_differences(tiny_data, metric):
    """One step of SGD at rate 1 is the slope of the objective, written out anew in float64."""
    images, labels = tiny_data
    model = compiled(ks.regularize(tiny_network(normalised=False), 3.0, metric=metric))
    model.optimizer = keras.optimizers.SGD(1.0)
    network = under_policy("float64", lambda: tiny_network(normalised=False))
    network.set_weights(model.network.get_weights())
    kernel = network.get_layer("conv_a").kernel
    start = kernel.numpy()
    formula = {"selectivity": reference.selectivity_index, "discriminability": reference.discriminability}[
        metric
    ]

    def objective():
        logits = network(images).numpy()
        ce = np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(48), labels])
        return ce - 3.0 * reference.mean_over_layers(formula(units_of(network, images), labels), [4, 4, 6])

    model.train_on_batch(images, labels)
    step = start - model.network.get_layer("conv_a").get_weights()[0]
    rng = np.random.default_rng(0)
    for _ in range(5):
        direction = rng.normal(size=start.shape)
        values = []
        for sign in (1, -1):
            kernel.assign(start + sign * 1e-7 * direction)
            values.append(objective())
        slope = (values[0] - values[1]) / 2e-7
        assert (step * direction).sum() == pytest.approx(slope, rel=1e-4, abs=1e-4)


def under_policy(policy, build):
    keras.config.set_dtype_policy(policy)
    try:
        return build()
    finally:
        keras.config.set_dtype_policy("float32")


def test_alpha_zero_trains_exactly_as_the_plain_model(tiny_data):
    plain = compiled(tiny_network())
    regularized = compiled(ks.regularize(tiny_network(), 0.0))
    for model in (plain, regularized):
        model.fit(*tiny_data, batch_size=16, epochs=3, shuffle=False, verbose=0)
    assert distance(plain, regularized) == 0


def test_the_sign_of_alpha_moves_selectivity(tiny_data):
    found = {}
    for alpha in (-5.0, 0.0, 5.0):
        model = compiled(ks.regularize(tiny_network(), alpha))
        found[alpha] = model.fit(*tiny_data, batch_size=48, epochs=15, verbose=0).history["selectivity"][-1]
    assert found[-5.0] < found[0.0] - 0.01 and found[5.0] > found[0.0] + 0.01


def test_only_the_selected_layers_are_regularised(tiny_data):
    images, labels = tiny_data
    index = reference.selectivity_index(units_of(tiny_network(), images).numpy(), labels)
    model = compiled(ks.regularize(tiny_network(), -1.0, layers="first 2"))
    logs = model.train_on_batch(images, labels, return_dict=True)
    assert logs["selectivity"] == pytest.approx(reference.mean_over_layers(index[:8], [4, 4]), abs=1e-6)


def test_sample_weights(tiny_data):
    """Weight 2 takes the step of a duplicated sample (on a network without batch norm)."""
    images, labels = tiny_data
    sample_weight = np.where(np.arange(48) < 24, 2.0, 1.0).astype("float32")
    repeated = np.repeat(np.arange(48), sample_weight.astype(int))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    a, b = (compiled(ks.regularize(tiny_network(False), -50.0), 1e-3, loss=loss) for _ in range(2))
    a.train_on_batch(images, labels, sample_weight)
    b.train_on_batch(images[repeated], labels[repeated])
    assert distance(a, b) < 1e-6


def test_one_hot_labels_take_the_step_of_integers(tiny_data):
    images, labels = tiny_data
    a = compiled(ks.regularize(tiny_network(), -1.0))
    b = compiled(
        ks.regularize(tiny_network(), -1.0), loss=keras.losses.CategoricalCrossentropy(from_logits=True)
    )
    a.train_on_batch(images, labels)
    b.train_on_batch(images, np.eye(4, dtype="float32")[labels])
    assert distance(a, b) < 1e-6


@pytest.mark.parametrize(
    "options", [{"jit_compile": True}, {"steps_per_execution": 3}, {"run_eagerly": True}]
)
def test_compile_options_take_the_same_steps(tiny_data, options):
    a = compiled(ks.regularize(tiny_network(), -1.0))
    b = compiled(ks.regularize(tiny_network(), -1.0), **options)
    for model in (a, b):
        model.fit(*tiny_data, batch_size=16, epochs=2, shuffle=False, verbose=0)
    assert distance(a, b) < 2e-6


def test_mixed_precision(tiny_data):
    images, labels = tiny_data
    single = compiled(ks.regularize(tiny_network(False), -1.0))
    mixed = under_policy("mixed_float16", lambda: compiled(ks.regularize(tiny_network(False), -1.0)))
    assert isinstance(mixed.optimizer, keras.optimizers.LossScaleOptimizer)
    start = weights(single)
    logs = [m.train_on_batch(images, labels, return_dict=True) for m in (single, mixed)]
    assert logs[0]["selectivity"] == pytest.approx(logs[1]["selectivity"], abs=1e-3)
    moved = [[w - s for w, s in zip(weights(m), start, strict=True)] for m in (single, mixed)]
    for a, b in zip(*moved, strict=True):  # float16 has three digits
        np.testing.assert_allclose(a, b, atol=0.1 * np.abs(a).max() + 1e-4)


def test_statistics_are_float32_under_mixed_precision(tiny_data):
    """48 samples of 9 pixels of about 10,000 overflow any float16 sum."""
    images, labels = tiny_data
    network = under_policy("mixed_float16", tiny_network)
    conv = network.get_layer("conv_c")
    conv.kernel.assign(conv.kernel * 5000)
    model = compiled(ks.regularize(network, -1.0))
    means = model.unit_means(images)["conv_c"]
    assert means.dtype == tf.float32
    assert 1e3 < np.max(means) < 6e4
    index = reference.selectivity_index(np.asarray(means), labels).mean()
    got = ks.regularize(network, 1.0, layers=["conv_c"])
    logs = compiled(got, metrics=None).test_on_batch(images, labels, return_dict=True)
    assert logs["selectivity"] == pytest.approx(index, abs=1e-5)


def test_evaluate_and_predict(tiny_data):
    images, labels = tiny_data
    model = compiled(ks.regularize(tiny_network(), -1.0))
    logs = model.evaluate(images, labels, batch_size=48, verbose=0, return_dict=True)
    means = np.concatenate([np.asarray(m) for m in model.unit_means(images).values()], axis=1)
    expected = reference.mean_over_layers(reference.selectivity_index(means, labels), [4, 4, 6])
    assert logs["selectivity"] == pytest.approx(expected, abs=1e-6)
    assert logs["loss"] == pytest.approx(logs["cross_entropy"] + expected, abs=1e-5)
    np.testing.assert_allclose(model.predict(images, verbose=0), tiny_network()(images), atol=1e-5)


def test_save_load_continue_equals_uninterrupted(tiny_data, tmp_path):
    images, labels = tiny_data
    model = compiled(ks.regularize(tiny_network(), -1.0, layers="last 2"))
    model.fit(images, labels, batch_size=16, epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert (loaded.alpha, loaded.metric, loaded.regularized) == (-1.0, "selectivity", ["relu_b", "conv_c"])
    for m in (model, loaded):
        m.fit(images, labels, batch_size=16, epochs=2, shuffle=False, verbose=0)
    assert distance(model, loaded) == 0


def test_warm_up_and_window(tiny_data, tmp_path):
    model = compiled(ks.regularize(tiny_network(), -2.0, warmup_epochs=4))
    history = model.fit(*tiny_data, batch_size=24, epochs=6, verbose=0).history
    assert history["alpha"] == [0.0, -0.5, -1.0, -1.5, -2.0, -2.0]
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").alpha(2) == -1.0
    model = compiled(ks.regularize(tiny_network(), ks.EpochWindow(3.0, 1, 3)))
    history = model.fit(*tiny_data, batch_size=24, epochs=4, verbose=0).history
    assert history["alpha"] == [0.0, 3.0, 3.0, 0.0]


def test_alpha_can_be_changed_after_training_at_zero(tiny_data):
    model = compiled(ks.regularize(tiny_network(), 0.0))
    model.train_on_batch(*tiny_data)
    model.alpha = -4.0
    other = compiled(ks.regularize(tiny_network(), 0.0))
    other.train_on_batch(*tiny_data)
    for m in (model, other):
        m.train_on_batch(*tiny_data)
    assert distance(model, other) > 1e-4


def test_a_batch_of_one_class_has_no_selectivity_term(tiny_data):
    images, labels = tiny_data
    a, b = (compiled(ks.regularize(tiny_network(), alpha)) for alpha in (-5.0, 0.0))
    logs = a.train_on_batch(images, np.zeros_like(labels), return_dict=True)
    b.train_on_batch(images, np.zeros_like(labels))
    assert logs["selectivity"] == 0
    assert distance(a, b) == 0


def test_binary_classifier_with_one_output(tiny_data):
    images, labels = tiny_data
    model = compiled(
        ks.regularize(tiny_network(classes=1), -1.0), loss=keras.losses.BinaryCrossentropy(from_logits=True)
    )
    logs = model.train_on_batch(images, labels % 2, return_dict=True)
    index = reference.selectivity_index(units_of(tiny_network(classes=1), images).numpy(), labels % 2)
    assert logs["selectivity"] == pytest.approx(reference.mean_over_layers(index, [4, 4, 6]), abs=1e-6)


@pytest.mark.parametrize("alpha", [float("nan"), float("inf"), "much", None, True])
def test_bad_alpha(alpha):
    with pytest.raises(ks.InputError, match="alpha must be a finite number"):
        ks.regularize(tiny_network(), alpha)


@keras.saving.register_keras_serializable("tests")
def written_out(means, counts):
    """The index once more, without the package."""
    ordered = keras.ops.sort(means, axis=0)
    best, rest = ordered[-1], keras.ops.mean(ordered[:-1], axis=0)
    return (best - rest) / (best + rest + 1e-7)


def test_a_metric_of_one_s_own(tiny_data, tmp_path):
    found = []
    for metric in ("selectivity", written_out):
        model = compiled(ks.regularize(tiny_network(), -2.0, metric=metric))
        logs = model.fit(*tiny_data, shuffle=False, verbose=0).history
        found.append((model.get_weights(), logs[model.metric]))
    (expected, index), (weights, values) = found
    assert model.metric == "written_out" and values == pytest.approx(index, abs=1e-6)
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.metric == "written_out"
    again, once = (m.evaluate(*tiny_data, verbose=0, return_dict=True) for m in (loaded, model))
    assert again["written_out"] == once["written_out"]
    assert ks.wrap(loaded).run["metric"] == "written_out"


def one_value(means, counts):
    return keras.ops.sum(means)


@pytest.mark.parametrize(
    ("metric", "match"),
    [
        ("precision", "metric must be one of selectivity, discriminability, or a function"),
        (lambda means, counts: means[0], "call a metric by its name"),
        (one_value, "must return one value per unit"),
    ],
    ids=["unknown", "without a name", "of another shape"],
)
def test_bad_metric(metric, match):
    with pytest.raises(ks.InputError, match=match):
        ks.regularize(tiny_network(), 1.0, metric=metric)


@pytest.mark.parametrize("bad", [4, -1])
@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_labels_outside_the_range(tiny_data, bad, method):
    images, labels = tiny_data
    model = compiled(ks.regularize(tiny_network(), -1.0))
    wrong = np.where(np.arange(48) == 7, bad, labels)
    for data in ((images, wrong), (tf.data.Dataset.from_tensor_slices((images, wrong)).batch(16),)):
        with pytest.raises(ks.InputError, match=r"Labels must be integers in \[0, 3\]"):
            getattr(model, method)(*data, verbose=0)


def test_labels_outside_the_range_under_compilation(tiny_data):
    images, labels = tiny_data
    model = compiled(ks.regularize(tiny_network(), -1.0), jit_compile=True)
    for method in (model.fit, model.evaluate):
        with pytest.raises(ks.InputError, match=r"Labels must be integers in \[0, 3\]"):
            method(images, labels + 1, verbose=0)


def test_labels_of_the_wrong_rank(tiny_data):
    images, labels = tiny_data
    model = compiled(ks.regularize(tiny_network(), -1.0))
    with pytest.raises(ValueError, match=r"Labels must be integers of shape \(batch,\)"):
        model.fit(images, np.stack([labels] * 3, axis=1), verbose=0)
