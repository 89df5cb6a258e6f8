"""FGSM and PGD against closed forms, Foolbox and ART."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import real_data
from conftest import tiny_network
from reference import cross_entropy

import keras_selectivity as ks
from keras_selectivity import robustness
from keras_selectivity.robustness._attack import loss_gradient

SHAPE = (8, 8, 3)


@pytest.fixture(name="exported", scope="module")
def _exported(exported_path):
    return ks.load(exported_path)


def loaded(network, folder):
    ks.export(network, folder / "m", overwrite=True)
    return ks.load(folder / "m")


@pytest.fixture(name="linear", scope="module")
def _linear(tmp_path_factory):
    """Logits x·W + b: the gradient of the loss is W·(softmax - one-hot), in closed form."""
    inputs = keras.Input(SHAPE)
    flat = keras.layers.Flatten()(inputs)
    network = keras.Model(inputs, keras.layers.Dense(3)(flat))
    network.set_weights([np.random.default_rng(3).normal(size=(192, 3)) * 0.1, np.array([0.1, -0.2, 0.0])])
    return loaded(network, tmp_path_factory.mktemp("linear")), network.get_weights()


def linear_gradient(weights, images, labels):
    w, b = (value.astype(np.float64) for value in weights)
    logits = images.reshape(len(images), -1).astype(np.float64) @ w + b
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return ((p - np.eye(3)[labels]) @ w.T).reshape(images.shape)


def interior(samples, classes, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.3, 0.7, (samples, *SHAPE)).astype("float32"), rng.integers(0, classes, samples)


def test_fgsm_of_a_linear_network_in_closed_form(linear):
    exported, weights = linear
    images, labels = interior(9, 3)
    epsilons = [0.0, 0.01, 0.5]
    found = ks.fgsm(exported, images, labels, epsilons, batch_size=4, verbose=0)
    sign = np.sign(linear_gradient(weights, images, labels))
    for epsilon, adversarial in zip(epsilons, found, strict=True):
        np.testing.assert_allclose(adversarial, np.clip(images + epsilon * sign, 0, 1), atol=1e-6)
    assert found.dtype == np.float32


@pytest.fixture(name="confident", scope="module")
def _confident():
    """A linear network whose margins are far above 17, where the probability of the other classes is nothing in
    float32."""
    inputs = keras.Input(SHAPE)
    network = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))
    network.set_weights([np.random.default_rng(3).normal(size=(192, 3)), np.array([60.0, 0.0, -5.0])])
    images, _ = interior(9, 3)
    w, b = (value.astype(np.float64) for value in network.get_weights())
    logits = images.reshape(9, -1).astype(np.float64) @ w + b
    assert (logits[:, 0] - logits[:, 1:].max(axis=1)).min() > 17
    others = np.exp(logits[:, 1:] - logits[:, 1:].max(axis=1, keepdims=True))
    others /= others.sum(axis=1, keepdims=True)
    # Of logsumexp(others) - logit, the direction of the cross-entropy's gradient
    return ks.wrap(network), images, np.zeros(9, int), (others @ w[:, 1:].T - w[:, 0]).reshape(images.shape)


def test_confident_images_are_attacked_along_the_exact_gradient(confident):
    exported, images, labels, gradient = confident
    found = ks.fgsm(exported, images, labels, [0.1], verbose=0)[0]
    np.testing.assert_array_equal(np.sign(found - images), np.sign(gradient))
    found = ks.pgd(exported, images, labels, steps=2, step_size=0.05, norm="l2", verbose=0)
    direction = gradient / np.linalg.norm(gradient.reshape(9, -1), axis=1)[:, None, None, None]
    np.testing.assert_allclose(found, images + 0.1 * direction, atol=1e-5)


def test_the_cross_entropy_of_confident_images_loses_the_label(confident):
    exported, images, labels, gradient = confident
    found = ks.fgsm(exported, images, labels, [0.1], loss="cross_entropy", verbose=0)[0]
    assert np.mean(np.sign(found - images) == np.sign(gradient)) < 0.9
    with pytest.raises(ValueError, match="loss must be"):
        ks.fgsm(exported, images, labels, [0.1], loss="margin", verbose=0)


@pytest.mark.data
def test_signs_on_a_confident_real_network_are_those_of_float64(cifar10):
    """The reference ResNet20 and its copy in float64, on test images with margins above 17."""
    network = ks.networks.load_reference_weights(
        ks.networks.resnet20(), real_data("reference/akamaster_resnet20.npz")
    )
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        double = ks.networks.resnet20()
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
    double.set_weights(network.get_weights())
    images, labels = cifar10.test.take(slice(0, 120))
    images = images.astype("float32") / 255
    logits = network.predict(images, verbose=0)
    others = np.where(np.arange(10) == labels[:, None], -np.inf, logits)
    sure = np.flatnonzero(logits[np.arange(120), labels] - others.max(axis=1) > 17)[:20]
    assert len(sure) == 20
    images, labels = tf.constant(images[sure]), tf.constant(labels[sure].astype("int64"))
    x = tf.cast(images, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = double(x, training=False)
        own = tf.one_hot(labels, 10, dtype=tf.bool, on_value=True, off_value=False)
        odds = tf.reduce_logsumexp(tf.where(own, tf.constant(-np.inf, tf.float64), logits), axis=1)
        odds -= tf.boolean_mask(logits, own)
    expected = np.sign(tape.gradient(odds, x))
    assert logits.dtype == tf.float64
    share = {
        loss: np.mean(np.sign(loss_gradient(ks.wrap(network), images, labels, loss)[2]) == expected)
        for loss in ("log_odds", "cross_entropy")
    }
    assert share["log_odds"] >= 0.999 and share["cross_entropy"] < 0.8


def test_two_class_linear_optimum_is_reached(tmp_path):
    """With two classes the worst point of the ball is known: every pixel against its weight's sign."""
    inputs = keras.Input(SHAPE)
    network = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inputs)))
    w = np.random.default_rng(0).normal(size=(192, 2)) * 0.05
    network.set_weights([w, np.zeros(2)])
    exported = loaded(network, tmp_path)
    images, labels = interior(6, 2)
    away = (w[:, 1] - w[:, 0])[None] * np.where(labels == 0, 1, -1)[:, None]
    found = ks.pgd(exported, images, labels, steps=12, step_size=0.01, epsilon=0.05, verbose=0)
    expected = images + 0.05 * np.sign(away).reshape(images.shape)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    found = ks.pgd(exported, images, labels, steps=12, step_size=0.1, epsilon=0.5, norm="l2", verbose=0)
    direction = (away / np.linalg.norm(away, axis=1, keepdims=True)).reshape(images.shape)
    np.testing.assert_allclose(found, images + 0.5 * direction, atol=1e-6)


def test_targets_are_approached(linear):
    exported, weights = linear
    images, labels = interior(8, 3)
    targets = (labels + 1) % 3
    sign = np.sign(linear_gradient(weights, images, targets))
    found = ks.fgsm(exported, images, labels, [0.02], targets=targets, verbose=0)[0]
    np.testing.assert_allclose(found, images - 0.02 * sign, atol=1e-6)
    found = ks.pgd(exported, images, labels, steps=40, step_size=0.02, targets=targets, verbose=0)
    assert (exported.logits(found).numpy().argmax(axis=1) == targets).all()


def test_loss_never_falls_on_a_smooth_network(linear):
    """The loss of a linear network is convex, so small steps along the gradient raise it."""
    exported, weights = linear
    images, labels = interior(20, 3)
    for norm, size in (("linf", 1e-3), ("l2", 0.02)):
        found = robustness.pgd_accuracy(
            exported, images, labels, steps=range(30), step_size=size, norm=norm, verbose=0
        )
        assert (np.diff(found.loss) > 0).all()
    logits = images.reshape(20, -1).astype(np.float64) @ weights[0] + weights[1]
    assert found.loss[0] == pytest.approx(cross_entropy(logits, labels), rel=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("random_start", [False, True])
def test_ball_and_pixel_range_hold(exported, tiny_data, norm, random_start):
    images, labels = tiny_data[0].round(1), tiny_data[1]  # many pixels at the ends of the range
    epsilon = 0.03 if norm == "linf" else 0.4
    found = ks.pgd(
        exported, images, labels, steps=9, step_size=epsilon / 3, epsilon=epsilon, norm=norm,
        random_start=random_start, seed=1, batch_size=20, verbose=0,
    )  # fmt: skip
    assert found.min() >= 0 and found.max() <= 1 and found.dtype == np.float32
    distance = robustness.distances(found, images.clip(0, 1), norm)
    assert distance.max() <= epsilon * (1 + 1e-5)
    assert distance.min() > 0


def test_random_starts_fill_the_ball_and_repeat(exported, tiny_data):
    images, labels = np.full_like(tiny_data[0], 0.5), tiny_data[1]

    def start(seed, norm="linf", batch_size=48):
        return ks.pgd(
            exported, images, labels, steps=0, epsilon=0.1, norm=norm, random_start=True, seed=seed,
            batch_size=batch_size, verbose=0,
        )  # fmt: skip

    moves = (start(0) - images) / 0.1
    assert moves.min() < -0.99 and moves.max() > 0.99
    # Uniform on [-1, 1]: mean 0, variance 1/3, within four standard errors.
    assert abs(moves.mean()) < 4 / np.sqrt(3 * moves.size)
    assert moves.var() == pytest.approx(1 / 3, rel=0.03)
    np.testing.assert_array_equal(start(0), start(0, batch_size=7))
    assert np.abs(start(0) - start(1)).max() > 0.01
    assert np.abs(start(None) - start(None)).max() > 0.01
    # Uniform in a ball of 192 dimensions: the expected radius is 192/193 of the whole.
    radius = robustness.distances(start(0, "l2"), images, "l2") / 0.1
    assert radius.mean() == pytest.approx(192 / 193, abs=0.003)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_accuracy_by_steps_is_that_of_separate_attacks(exported, tiny_data, norm):
    images, labels = tiny_data
    settings = {"step_size": 0.02 if norm == "linf" else 0.1, "norm": norm, "verbose": 0}
    curve = robustness.pgd_accuracy(exported, images, labels, steps=[7, 0, 3], batch_size=11, **settings)
    assert curve.steps == (0, 3, 7)
    for steps, accuracy, loss in zip(curve.steps, curve.accuracy, curve.loss, strict=True):
        logits = exported.logits(ks.pgd(exported, images, labels, steps=steps, **settings)).numpy()
        assert accuracy == (logits.argmax(axis=1) == labels).mean()
        assert loss == pytest.approx(cross_entropy(logits, labels), rel=1e-5)
    assert (np.diff(curve.worst_accuracy) <= 0).all()
    assert (curve.worst_accuracy <= curve.accuracy).all()


def test_fgsm_accuracy_is_that_of_its_images(exported, tiny_data):
    epsilons = [0, 1 / 255, 0.05, 0.3]
    found = robustness.fgsm_accuracy(exported, *tiny_data, epsilons, batch_size=11, verbose=0)
    for i, images in enumerate(ks.fgsm(exported, *tiny_data, epsilons, verbose=0)):
        logits = exported.logits(images).numpy()
        assert found.accuracy[i] == (logits.argmax(axis=1) == tiny_data[1]).mean(), epsilons[i]
        assert float(found.loss[i]) == pytest.approx(cross_entropy(logits, tiny_data[1]), rel=1e-4)


@pytest.fixture(name="smooth", scope="module")
def _smooth(tmp_path_factory):
    """Without kinks, so that rounding errors are not amplified from step to step."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input(SHAPE)
    x = keras.layers.Conv2D(6, 3, activation="silu")(inputs)
    x = keras.layers.Flatten()(keras.layers.Conv2D(6, 3, strides=2, activation="tanh")(x))
    return loaded(keras.Model(inputs, keras.layers.Dense(4)(x)), tmp_path_factory.mktemp("smooth"))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_equal_to_foolbox(exported, smooth, tiny_data, norm):
    foolbox = pytest.importorskip("foolbox")
    images, labels = tiny_data
    exported = smooth if norm == "l2" else exported
    model = foolbox.TensorFlowModel(exported.logits, bounds=(0, 1), device="cpu")
    make = foolbox.attacks.LinfPGD if norm == "linf" else foolbox.attacks.L2PGD
    epsilon, size = (0.03, 0.004) if norm == "linf" else (0.5, 0.1)
    attack = make(abs_stepsize=size, steps=15, random_start=False)
    theirs = attack(model, tf.constant(images), tf.constant(labels), epsilons=epsilon)[1].numpy()
    ours = ks.pgd(exported, images, labels, steps=15, step_size=size, epsilon=epsilon, norm=norm, verbose=0)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    if norm == "linf":
        attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
        theirs = attack(model, tf.constant(images), tf.constant(labels), epsilons=[0.01, 0.2])[1]
        ours = ks.fgsm(exported, images, labels, [0.01, 0.2], verbose=0)
        np.testing.assert_allclose(ours, np.stack(theirs), atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_equal_to_art(exported, smooth, tiny_data, norm):
    pytest.importorskip("art")
    from art.attacks.evasion import FastGradientMethod
    from art.attacks.evasion import ProjectedGradientDescentTensorFlowV2
    from art.estimators.classification import TensorFlowV2Classifier

    images, labels = tiny_data
    if norm == "l2":  # ART clips to [0, 1] before it projects: equal where no pixel is clipped
        exported, (images, labels) = smooth, interior(48, 4)

    class Model:
        def __call__(self, x, training=False):
            return exported.logits(x)

    classifier = TensorFlowV2Classifier(
        Model(), 4, SHAPE, keras.losses.SparseCategoricalCrossentropy(from_logits=True), clip_values=(0, 1)
    )
    epsilon, size = (0.03, 0.004) if norm == "linf" else (0.5, 0.1)
    theirs = ProjectedGradientDescentTensorFlowV2(
        classifier, norm=np.inf if norm == "linf" else 2, eps=epsilon, eps_step=size, max_iter=15,
        batch_size=16, verbose=False,
    ).generate(images, labels)  # fmt: skip
    ours = ks.pgd(exported, images, labels, steps=15, step_size=size, epsilon=epsilon, norm=norm, verbose=0)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    if norm == "linf":
        theirs = FastGradientMethod(classifier, eps=0.05, batch_size=16).generate(images, labels)
        np.testing.assert_allclose(ks.fgsm(exported, images, labels, [0.05], verbose=0)[0], theirs, atol=1e-6)


def test_mixed_precision_gradients_do_not_underflow(tmp_path, tiny_data):
    """A confident half-precision network: without scaling the loss its gradients would be zero."""
    images, labels = tiny_data
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = tiny_network(normalised=False)
    finally:
        keras.config.set_dtype_policy("float32")
    weights = network.get_weights()
    network.set_weights([*weights[:-1], np.array([12, 0, 0, 0], "float32")])
    exported = loaded(network, tmp_path)
    labels = np.zeros_like(labels)
    found = robustness.fgsm_accuracy(exported, images, labels, [0.01], verbose=0)
    assert found.zero_gradients == 0
    single = tiny_network(normalised=False)
    single.set_weights(network.get_weights())
    ours = np.sign(ks.fgsm(exported, images, labels, [0.01], verbose=0)[0] - images)
    theirs = np.sign(ks.fgsm(loaded(single, tmp_path), images, labels, [0.01], verbose=0)[0] - images)
    assert (ours == theirs).mean() > 0.95


def test_images_at_the_ends_of_8_bit_range(exported):
    images = np.random.default_rng(0).integers(0, 256, (5, *SHAPE), np.uint8)
    labels = np.arange(5) % 4
    as_floats = ks.pgd(exported, images / 255, labels, steps=3, verbose=0)
    np.testing.assert_array_equal(ks.pgd(exported, images, labels, steps=3, verbose=0), as_floats)


def test_masked_gradients_are_reported(tmp_path, tiny_data, exported):
    """A network whose logits saturate: its gradients vanish, another network's images still fool it."""
    images, labels = tiny_data
    honest = robustness.gradient_masking(exported, images, labels, verbose=0)
    assert honest.zero_gradients == 0 and str(honest) == "No sign of gradient masking."
    inputs = keras.Input(SHAPE)
    # Brightness tells the class; the floor of it, reached through a steep ramp, has no slope.
    level = keras.layers.GlobalAveragePooling2D()(inputs)
    level = keras.layers.Dense(1, kernel_initializer="ones")(level)
    ramps = keras.layers.Dense(3, name="ramps")(level)
    steps = keras.layers.ReLU(max_value=1.0)(ramps)
    network = keras.Model(inputs, keras.layers.Dense(4, name="out")(steps))
    cuts = np.array([0.31, 0.43, 0.55]) * 3
    network.get_layer("ramps").set_weights([np.full((1, 3), 1e4), -cuts * 1e4])
    network.get_layer("out").set_weights(
        [20 * np.array([[-1, 1, 0, 0], [0, -1, 1, 0], [0, 0, -1, 1]], "float32"), np.array([10.0, 0, 0, 0])]
    )
    masked = loaded(network, tmp_path)
    epsilon = 0.12
    images = np.clip(images * 0 + 0.25 + labels[:, None, None, None] * 0.12, 0, 1).astype("float32")
    assert (masked.logits(images).numpy().argmax(axis=1) == labels).all()
    brighter = np.clip(images + epsilon, 0, 1)
    report = robustness.gradient_masking(
        masked, images, labels, epsilon=epsilon, step_size=epsilon / 4, transferred=brighter, verbose=0
    )
    assert report.zero_gradients == 1 and report.single_step_accuracy == 1
    assert report.transfer_accuracy == 0.25  # the brightest class stays
    assert "100.0% of the images have a zero input gradient" in str(report)
    assert "another network's adversarial images" in str(report)


def test_survivors_are_those_never_fooled(exported, tiny_data):
    images, labels = tiny_data
    settings = {"step_size": 0.004, "epsilon": 0.01, "seed": 3, "verbose": 0}
    curve = robustness.pgd_accuracy(exported, images, labels, steps=range(11), random_start=True, **settings)
    left = robustness.surviving(exported, images, labels, steps=10, batch_size=13, **settings)
    assert left.mean() == curve.worst_accuracy[-1]
    assert 0 < left.sum() < len(labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": -0.1}, "epsilon must be a finite number of at least 0.*got -0.1"),
        ({"epsilon": float("nan")}, "epsilon must be a finite number of at least 0.*got nan"),
        ({"step_size": -1e-4}, "step_size must be"),
        ({"step_size": "big"}, "step_size must be.*got 'big'"),
        ({"steps": -1}, "steps must be a whole number of at least 0.*; got -1"),
        ({"steps": 2.5}, "steps must be a whole number"),
        ({"norm": "l1"}, "norm must be 'linf' or 'l2'"),
        ({"random_start": True}, "name an epsilon"),
        ({"random_start": True, "epsilon": 0.1, "seed": -1}, "seed must be a whole number"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1"),
        ({"images": np.ones((4, *SHAPE)) * 255.0}, r"pixels in \[0, 1\]"),
        ({"images": np.ones((4, 6, 6, 3))}, r"images of shape \(n, 8, 8, 3\)"),
        ({"labels": np.array([0, 1, 2, 4])}, "classes 0 to 3. Received: labels from 0 to 4"),
        ({"labels": np.array([0, 1, 2])}, "Expected 4 integer labels"),
        ({"labels": np.eye(4)}, "Expected 4 integer labels, one per sample. Received: shape"),
        ({"targets": np.array([0, 1, 2, -1])}, "Received: labels from -1 to 2"),
    ],
)
def test_bad_arguments_are_named(exported, change, message):
    settings = {"images": np.full((4, *SHAPE), 0.5), "labels": np.arange(4), "verbose": 0, **change}
    with pytest.raises(ks.InputError, match=message):
        ks.pgd(exported, settings.pop("images"), settings.pop("labels"), **settings)


def test_bad_fgsm_arguments_are_named(exported, tiny_data):
    with pytest.raises(ks.InputError, match=r"epsilon must be.*got nan"):
        ks.fgsm(exported, *tiny_data, [0.1, np.nan], verbose=0)
    with pytest.raises(ks.InputError, match="at least one epsilon"):
        ks.fgsm(exported, *tiny_data, [], verbose=0)
    with pytest.raises(ks.InputError, match="no images to attack"):
        robustness.fgsm_accuracy(exported, tiny_data[0][:0], tiny_data[1][:0], [0.1], verbose=0)
    with pytest.raises(ks.InputError, match=r"changed by at most 0.01"):
        robustness.gradient_masking(
            exported, *tiny_data, epsilon=0.01, transferred=1 - tiny_data[0].clip(0, 1), verbose=0
        )


def test_a_network_without_an_input_gradient_is_refused(tmp_path, tiny_data):
    class Blind(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE], tf.float32)])
        def serve(self, x):
            return tf.cast(tf.reduce_sum(tf.cast(x * 255, tf.int32), axis=(1, 2)), tf.float32)

    blind = Blind()
    tf.saved_model.save(blind, str(tmp_path / "m"), signatures={"serving_default": blind.serve})
    foreign = ks.load(tmp_path / "m")
    with pytest.raises(ks.InputError, match="no gradient with respect to its input"):
        ks.fgsm(foreign, tiny_data[0], tiny_data[1] % 3, [0.1], verbose=0)
