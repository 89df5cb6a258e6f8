import keras
import numpy as np
import pytest

import keras_selectivity as ks


def test_follows_the_coupled_rule_through_a_learning_rate_drop():
    """`v = m v + (g + l2 w)`, `w = w - lr v`, written out in float64."""
    rng = np.random.default_rng(0)
    variable = keras.Variable(rng.normal(size=(3, 2)).astype("float32"))
    w, v = variable.numpy().astype("float64"), np.zeros((3, 2))
    optimizer = ks.CoupledSGD(0.1, momentum=0.9, l2=0.05)
    for step in range(12):
        rate = 0.1 if step < 6 else 0.01
        optimizer.learning_rate = rate
        gradient = rng.normal(size=(3, 2))
        v = 0.9 * v + gradient + 0.05 * w
        w = w - rate * v
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
    np.testing.assert_allclose(variable.numpy(), w, atol=1e-6)


def test_differs_from_the_decoupled_decay_of_keras():
    start = np.ones((2,), "float32")
    ours, theirs = keras.Variable(start), keras.Variable(start)
    gradient = [keras.ops.convert_to_tensor(np.zeros(2, "float32"))]
    a, b = ks.CoupledSGD(0.1, l2=0.1), keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        a.apply(gradient, [ours])
        b.apply(gradient, [theirs])
    assert np.abs(ours.numpy() - theirs.numpy()).max() > 0.01


def test_configuration_round_trip():
    config = keras.optimizers.serialize(ks.CoupledSGD(0.2, momentum=0.5, l2=0.3))
    optimizer = keras.optimizers.deserialize(config)
    assert (float(optimizer.learning_rate), optimizer.momentum, optimizer.l2) == (
        pytest.approx(0.2),
        0.5,
        0.3,
    )


@pytest.mark.parametrize("options", [{"momentum": 1.0}, {"momentum": -0.1}, {"l2": -1e-4}])
def test_bad_hyperparameters(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        ks.CoupledSGD(0.1, **options)
