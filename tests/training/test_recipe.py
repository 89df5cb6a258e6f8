import pytest

import keras_selectivity as ks
from keras_selectivity.training import Recipe


def test_papers_recipe():
    """ResNet20: batch 256, rate 0.1 annealed by ten at epochs 100 and 150 of 200 (0-based, at their start)."""
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch_size, recipe.momentum, recipe.l2) == (200, 256, 0.9, 1e-4)
    rates = [recipe.learning_rate_at(e) for e in (0, 99, 100, 149, 150, 199)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    optimizer = recipe.optimizer()
    assert (optimizer.momentum, optimizer.l2) == (0.9, 1e-4)


def test_shortened_keeps_the_proportions():
    short = Recipe().shortened(20)
    assert (short.epochs, short.milestones) == (20, (10, 15))


def test_bad_recipe():
    with pytest.raises(ks.InputError, match="epochs=0"):
        Recipe(epochs=0)
