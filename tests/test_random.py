import numpy as np
import pytest

from keras_selectivity import datasets
from keras_selectivity._random import stream


def draws(name, *numbers):
    return tuple(stream(name, *numbers).integers(0, 2**63, 4))


def test_streams_differ_by_name_and_by_every_number():
    keys = [
        ("a",),
        ("a", 0),
        ("a", 0, 0),
        ("a", 0, 1),
        ("a", 1, 0),
        ("b", 0),
        ("b", 0, 0),
        ("a", 2**32),
        ("a", 10),
    ]
    found = [draws(*key) for key in keys]
    assert len(set(found)) == len(keys)
    assert found == [draws(*key) for key in keys]


@pytest.mark.parametrize("seed", [0, 3])
def test_order_crops_and_validation_split_of_an_epoch_share_nothing(seed):
    """Equal generators would give equal permutations: of NumPy's own, [seed] and [seed, 0, 0] are."""
    assert np.array_equal(
        np.random.default_rng([seed]).permutation(50), np.random.default_rng([seed, 0, 0]).permutation(50)
    )
    split = datasets.Split(np.zeros((50, 4, 4, 3), np.uint8), np.arange(50) % 5)
    batches = datasets.Batches(split, 50, seed=seed, pad=4)
    ((positions, top, *_),) = batches.plans(0)
    for entropy in (seed, [seed], [seed, 0], [seed, 0, 0]):
        assert not np.array_equal(positions, np.random.default_rng(entropy).permutation(50))
        assert not np.array_equal(top, datasets.crops(50, 4, np.random.default_rng(entropy))[0])
    crops = datasets.crops(50, 4, stream("order", seed, 0))
    assert not np.array_equal(top, crops[0])
