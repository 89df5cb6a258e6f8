"""Adversarial training and AugMix against NumPy, SciPy and brute force."""

import keras
import numpy as np
import pytest
from conftest import compiled
from conftest import tiny_network
from scipy.special import log_softmax
from scipy.special import rel_entr
from scipy.special import softmax

import keras_selectivity as ks
from keras_selectivity.training import Adversarial
from keras_selectivity.training import AugMixConsistency
from keras_selectivity.training import load_checkpoint


def cross_entropy(model, images, labels):
    """Per sample, in inference mode."""
    logits = np.asarray(model(images, training=False), np.float64)
    return -log_softmax(logits, axis=1)[np.arange(len(labels)), labels]


@pytest.mark.parametrize(("steps", "step_size"), [(7, None), (1, None), (20, 0.02)])
def test_adversarial_images_are_in_the_ball_and_near_its_worst(tiny_data, steps, step_size):
    images, labels = tiny_data
    epsilon = 0.05
    model = compiled(ks.regularize(tiny_network(), -1.0, method=Adversarial(epsilon, step_size, steps)))
    adversarial = np.asarray(model.method.prepare(model, images, labels))
    assert np.abs(adversarial - images).max() <= epsilon + 1e-6
    assert adversarial.min() >= 0 and adversarial.max() <= 1
    found = cross_entropy(model, adversarial, labels)
    rng = np.random.default_rng(0)
    corners = [np.clip(images + epsilon * rng.choice((-1, 1), images.shape), 0, 1) for _ in range(50)]
    tried = np.max([cross_entropy(model, c.astype("float32"), labels) for c in corners], axis=0)
    assert (found > tried).mean() > 0.9, "random corners of the ball do no worse"


def test_steps_have_their_default_lengths():
    assert Adversarial(8 / 255).step_size == pytest.approx(2 / 255)
    assert Adversarial(8 / 255, steps=1).step_size == pytest.approx(10 / 255)


def test_a_training_step_is_one_on_the_adversarial_images(tiny_data):
    """With a ball so small that only the clean images are in it, the step is the plain one."""
    images, labels = tiny_data
    weights = []
    for method in (None, Adversarial(1e-9)):
        model = compiled(ks.regularize(tiny_network(), -1.0, method=method))
        model.fit(images, labels, batch_size=48, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for plain, adversarial in zip(weights[0], weights[1], strict=False):
        np.testing.assert_allclose(adversarial, plain, atol=1e-5)


def test_the_loss_of_augmix(tiny_data):
    images, labels = tiny_data
    rng = np.random.default_rng(1)
    views = np.stack(
        [images, *(np.clip(images + rng.normal(0, 0.5, images.shape), 0, 1) for _ in range(2))], axis=1
    )
    model = compiled(
        ks.regularize(tiny_network(normalised=False), -0.5, method=AugMixConsistency(12.0)), learning_rate=0.0
    )
    logs = model.fit(views.astype("float32"), labels, batch_size=48, verbose=0).history
    logits = [np.asarray(model(views[:, v].astype("float32")), np.float64) for v in range(3)]
    found = [softmax(view, axis=1) for view in logits]
    mixture = np.clip(sum(found) / 3, 1e-7, 1)
    divergence = np.mean([rel_entr(p, mixture).sum(axis=1).mean() for p in found])
    clean = -log_softmax(logits[0], axis=1)[np.arange(48), labels].mean()
    plain = compiled(ks.regularize(tiny_network(normalised=False), -0.5))
    selectivity = plain.evaluate(images, labels, batch_size=48, verbose=0, return_dict=True)["selectivity"]
    assert divergence > 1e-4, "the views must differ for this test to tell anything"
    assert logs["cross_entropy"][0] == pytest.approx(clean, rel=1e-5)
    assert logs["selectivity"][0] == pytest.approx(selectivity, rel=1e-5), "that of the clean images"
    assert logs["loss"][0] == pytest.approx(clean + 12 * divergence + 0.5 * selectivity, rel=1e-5)
    assert logs["accuracy"][0] == pytest.approx((logits[0].argmax(1) == labels).mean())


@pytest.mark.parametrize("method", [Adversarial(0.1, 0.02, 3), AugMixConsistency(6.0)])
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")  # it has not trained yet
def test_a_saved_model_keeps_its_method(method, tmp_path):
    model = compiled(ks.regularize(tiny_network(), 1.0, method=method))
    model.save(tmp_path / "model.keras")
    loaded = load_checkpoint(tmp_path / "model.keras")
    assert type(loaded.method) is type(method) and vars(loaded.method) == vars(method)
    assert isinstance(loaded.noise, keras.random.SeedGenerator)


def test_adversarial_images_have_the_range_of_the_data(tiny_data):
    images, labels = tiny_data[0] * 255, tiny_data[1]
    kept = Adversarial(0.02, pixel_range=(0, 255))
    model = compiled(ks.regularize(tiny_network(), -1.0, method=kept))
    adversarial = np.asarray(model.method.prepare(model, images, labels))
    assert 0.9 * 0.02 * 255 < np.abs(adversarial - images).max() <= 0.02 * 255 + 1e-3
    assert adversarial.min() >= 0 and adversarial.max() <= 255 and adversarial.max() > 100
    assert Adversarial.from_config(kept.get_config()).pixel_range == (0, 255)
    free = compiled(ks.regularize(tiny_network(), -1.0, method=Adversarial(2.0, pixel_range=None)))
    centred = images - 100
    moved = np.asarray(free.method.prepare(free, centred, labels)) - centred
    assert 1.9 < np.abs(moved).max() <= 2.0 + 1e-4


@pytest.mark.parametrize("as_data_set", [False, True])
def test_data_outside_the_range_stop_adversarial_training(tiny_data, as_data_set):
    import tensorflow as tf

    images, labels = tiny_data[0] * 255, tiny_data[1]
    data = (
        (tf.data.Dataset.from_tensor_slices((images, labels)).batch(48),) if as_data_set else (images, labels)
    )
    model = compiled(ks.regularize(tiny_network(), -1.0, method=Adversarial(8 / 255)))
    with pytest.raises(ks.InputError, match=r"outside their range.*pixel_range=\(0, 255\)"):
        model.fit(*data, verbose=0)
