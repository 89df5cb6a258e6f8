"""AutoAttack against closed forms of linear networks, and its parts against SciPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize

import keras_selectivity as ks
from keras_selectivity import robustness
from keras_selectivity.robustness._ball import random_points
from keras_selectivity.robustness._fab import to_hyperplane
from keras_selectivity.robustness._square import bump
from keras_selectivity.robustness._square import side
from keras_selectivity.robustness._square import spans

SHAPE = (6, 6, 3)
RADIUS = {"linf": 0.02, "l2": 0.15}
QUICK = {"iterations": 30, "queries": 60, "verbose": 0}


def linear(classes=5, seed=0):
    inputs = keras.Input(SHAPE)
    network = keras.Model(inputs, keras.layers.Dense(classes)(keras.layers.Flatten()(inputs)))
    network.set_weights([np.random.default_rng(seed).normal(size=(108, classes)) * 0.3, np.zeros(classes)])
    return network


@pytest.fixture(name="exported", scope="module")
def _exported():
    return ks.wrap(linear())


@pytest.fixture(name="data", scope="module")
def _data(exported):
    """Images away from black and white, half of them near a boundary; labels that are mostly right."""
    images = np.random.default_rng(1).uniform(0.3, 0.7, (40, *SHAPE)).astype("float32")
    labels = np.argmax(exported.logits(images), axis=1).astype("int64")
    labels[:3] = (labels[:3] + 1) % 5
    return images, labels


def exact(network, images, labels, norm, radius):
    """Which images of a linear network no change of a length can fool: none reaches any hyperplane."""
    w, b = (value.astype(np.float64) for value in network.get_weights())
    logits = images.reshape(len(images), -1).astype(np.float64) @ w + b
    robust = np.ones(len(images), bool)
    for row, label in enumerate(labels):
        for other in set(range(w.shape[1])) - {int(label)}:
            normal = w[:, label] - w[:, other]
            reach = radius * (np.abs(normal).sum() if norm == "linf" else np.linalg.norm(normal))
            robust[row] &= logits[row, label] - logits[row, other] > reach
    return robust


@pytest.mark.parametrize("norm", RADIUS)
def test_the_ensemble_finds_a_linear_networks_exact_robust_accuracy(exported, data, norm):
    images, labels = data
    expected = exact(linear(), images, labels, norm, RADIUS[norm])
    assert 3 < expected.sum() < 35
    found = robustness.autoattack_accuracy(exported, images, labels, epsilon=RADIUS[norm], norm=norm, **QUICK)
    np.testing.assert_array_equal(found.correct, expected)
    assert found.robust == expected.mean() and found.clean == 37 / 40
    assert found.of_correct == pytest.approx(expected.sum() / 37)
    assert list(found.after) == ["apgd-ce", "apgd-t", "fab-t", "square"]
    assert list(found.after.values()) == sorted(found.after.values(), reverse=True)


@pytest.mark.parametrize("norm", RADIUS)
@pytest.mark.parametrize("attack", ["apgd-ce", "apgd-t", "fab-t"])
def test_every_attack_with_gradients_finds_it_alone(exported, data, norm, attack):
    images, labels = data
    found = robustness.autoattack_accuracy(
        exported, images, labels, epsilon=RADIUS[norm], norm=norm, version=attack, **QUICK
    )
    expected = exact(linear(), images, labels, norm, RADIUS[norm])
    assert (found.correct != expected).sum() <= 1 and not (expected & ~found.correct).any()


@pytest.mark.parametrize("norm", RADIUS)
def test_square_attack_fools_without_gradients(data, norm):
    """Behind a staircase of 1/1000 no gradient is left; what the search finds is real all the same."""
    images, labels = data
    network = linear()
    inputs = keras.Input(SHAPE)
    steps = keras.ops.round(inputs * 1000) / 1000
    exported = ks.wrap(keras.Model(inputs, network(steps)))
    radius = 4 * RADIUS[norm]  # weights that are noise give squares little to find
    options = {"epsilon": radius, "norm": norm, "version": "square", "queries": 600, "verbose": 0}
    found = robustness.autoattack_accuracy(exported, images, labels, **options)
    expected = exact(network, images, labels, norm, radius + (0.001 if norm == "linf" else 0.02))
    assert not (expected & ~found.correct).any()
    assert found.correct.sum() < 30


@pytest.mark.parametrize("norm", RADIUS)
def test_images_stay_in_the_ball_and_in_range(norm):
    exported = ks.wrap(linear())
    images = np.random.default_rng(2).choice([0.0, 0.01, 0.5, 1.0], (30, *SHAPE)).astype("float32")
    labels = np.argmax(exported.logits(images), axis=1)
    found = ks.autoattack(exported, images, labels, epsilon=RADIUS[norm], norm=norm, **QUICK)
    assert found.dtype == np.float32 and found.min() >= 0 and found.max() <= 1
    assert robustness.distances(found, images, norm).max() <= RADIUS[norm] + 1e-6
    fooled = np.argmax(exported.logits(found), axis=1) != labels
    assert fooled.any() and not fooled.all()
    np.testing.assert_array_equal(found[~fooled], images[~fooled])


@pytest.mark.parametrize("norm", RADIUS)
@pytest.mark.parametrize(("version", "times"), [("apgd", 1), ("square", 4)])
def test_the_seed_and_the_position_decide_and_other_images_do_not(exported, data, norm, version, times):
    images, labels = data
    options = {"epsilon": times * RADIUS[norm], "norm": norm, "version": version, **QUICK}
    whole = ks.autoattack(exported, images, labels, **options)
    changed = robustness.distances(whole, images, norm) > 0
    assert 3 < changed.sum() < 37
    batches = ks.autoattack(exported, images, labels, batch_size=7, **options)
    np.testing.assert_allclose(batches, whole, atol=1e-6)
    part = np.flatnonzero(changed)[1::2]
    alone = ks.autoattack(exported, images[part], labels[part], positions=part, **options)
    np.testing.assert_allclose(alone, whole[part], atol=1e-6)
    if version == "square":  # on a linear network, the others find the same points from anywhere
        other = ks.autoattack(exported, images, labels, seed=1, **options)
        assert np.abs(other - whole).max() > 1e-3


def test_fewer_than_four_classes_have_no_targeted_apgd(data):
    network = linear(classes=2)
    images, labels = data[0], np.argmax(ks.wrap(network).logits(data[0]), axis=1)
    with pytest.warns(UserWarning, match="leaves out targeted APGD, which needs 4 classes"):
        found = robustness.autoattack_accuracy(network, images, labels, epsilon=0.02, **QUICK)
    assert list(found.after) == ["apgd-ce", "fab-t", "square"]
    np.testing.assert_array_equal(found.correct, exact(network, images, labels, "linf", 0.02))


def test_an_attack_that_cannot_run_does_not_count_as_withstood(data):
    with pytest.raises(ks.InputError, match="targeted APGD, which needs 4 classes"):
        ks.autoattack(linear(classes=3), data[0], data[1] % 3, epsilon=0.02, version="apgd-t", **QUICK)
    features = keras.Sequential([keras.Input([6]), keras.layers.Dense(4)])
    x, labels = np.random.default_rng(0).normal(size=[8, 6]), np.zeros(8, int)
    with pytest.raises(ks.InputError, match="Square Attack, which needs images"):
        robustness.autoattack_accuracy(features, x, labels, epsilon=0.02, version="square", **QUICK)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": 0}, "greater than 0"),
        ({"epsilon": -1}, "epsilon"),
        ({"epsilon": 0.1, "norm": "l1"}, "norm must be"),
        ({"epsilon": 0.1, "version": "plus"}, "version must be"),
        ({"epsilon": 0.1, "version": ["standard"]}, "version must be"),
        ({"epsilon": 0.1, "iterations": 0}, "iterations"),
        ({"epsilon": 0.1, "targets": 0}, "targets"),
        ({"epsilon": 0.1, "queries": 1.5}, "queries"),
        ({"epsilon": 0.1, "seed": -1}, "seed"),
        ({"epsilon": 0.1, "positions": [1, 2]}, "positions must be 40 whole numbers"),
        ({"epsilon": 0.1, "positions": range(-1, 39)}, "positions must be"),
        ({"epsilon": 0.1, "positions": np.zeros(40)}, "positions must be"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused(exported, data, options, message):
    with pytest.raises(ValueError, match=message):
        ks.autoattack(exported, *data, verbose=0, **options)


@pytest.mark.parametrize("norm", RADIUS)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 3), (2, 1, 1)], ids=str)
def test_images_of_one_pixel_in_a_side(shape, norm):
    inputs = keras.Input(shape)
    network = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(inputs)))
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(size=weight.shape) for weight in network.get_weights()])
    images = rng.integers(0, 2, (5, *shape)).astype("float32")  # black and white: half of the ball is cut off
    labels = np.argmax(network(images), axis=1)
    found = ks.autoattack(network, images, labels, epsilon=0.3, norm=norm, **QUICK)
    assert robustness.distances(found, images, norm).max() <= 0.3 + 1e-6
    assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("norm", RADIUS)
def test_projection_is_the_smallest_change(norm):
    """Against SciPy: a linear program for the largest pixel, a quadratic one for the length."""
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 1, (12, 2, 2, 1)).astype("float32")
    normal = rng.normal(size=x.shape).astype("float32")
    offset = (normal * rng.uniform(0, 1, x.shape)).sum((1, 2, 3), keepdims=True).astype("float32")
    found = to_hyperplane(tf.constant(x), tf.constant(normal), tf.constant(offset), norm).numpy()
    assert (x + found).min() > -1e-6 and (x + found).max() < 1 + 1e-6
    np.testing.assert_allclose((normal * (x + found)).sum((1, 2, 3)), offset.ravel(), atol=2e-5)
    for one, weight, level, change in zip(x, normal, offset, found, strict=True):
        one, weight = one.ravel().astype(float), weight.ravel().astype(float)
        missing = float(level.ravel()[0]) - weight @ one
        if norm == "linf":
            size = len(one)
            bounds = [(-v, 1 - v) for v in one] + [(0, None)]
            identity = np.eye(size)
            least = optimize.linprog(
                np.eye(size + 1)[-1],
                A_ub=np.block([[identity, -np.ones((size, 1))], [-identity, -np.ones((size, 1))]]),
                b_ub=np.zeros(2 * size),
                A_eq=np.append(weight, 0)[None],
                b_eq=[missing],
                bounds=bounds,
            ).fun
            assert np.abs(change).max() == pytest.approx(least, abs=1e-4)
        else:
            least = optimize.minimize(
                lambda d: d @ d,
                np.zeros(4),
                jac=lambda d: 2 * d,
                bounds=[(-v, 1 - v) for v in one],
                constraints={"type": "eq", "fun": lambda d, w=weight, m=missing: w @ d - m},
                method="SLSQP",
                options={"ftol": 1e-12},
            ).fun
            assert (change**2).sum() == pytest.approx(least, rel=1e-3, abs=1e-6)


def test_squares_shrink_by_the_published_schedule():
    found = list(spans(10_000))
    assert found[0] == (1, 11, 0.8) and found[-1] == (8001, 10_000, 0.8 / 512)
    assert list(spans(5000))[:2] == [(1, 6, 0.8), (6, 26, 0.4)] and next(spans(500)) == (1, 3, 0.4)
    assert [end for _, end, _ in found[:-1]] == [first for first, _, _ in found[1:]]
    assert all(sum(end - first for first, end, _ in spans(n)) == n - 1 for n in (1, 2, 5, 60, 777))
    assert side(0.8, (32, 32, 3), "linf") == 29 and side(0.8 / 64, (32, 32, 3), "linf") == 4
    assert side(0.8 / 64, (32, 32, 3), "l2") == 5


@pytest.mark.parametrize("size", [3, 5, 9])
def test_bumps_are_opposite_and_of_length_one(size):
    found = bump(size)
    assert np.linalg.norm(found) == pytest.approx(1)
    assert (found[: size // 2] > 0).all() and (found[size // 2 :] < 0).all()
    np.testing.assert_allclose(found, found[:, ::-1], atol=1e-6)


@pytest.mark.parametrize("norm", RADIUS)
def test_random_points_depend_on_the_place_alone(norm):
    images = np.full((6, *SHAPE), 0.5, "float32")
    whole = random_points(images, 3, 0.1, norm, 7, surface=True)
    np.testing.assert_array_equal(whole[2:4], random_points(images[2:4], 5, 0.1, norm, 7, surface=True))
    np.testing.assert_allclose(robustness.distances(whole, images, norm), 0.1, atol=1e-6)
