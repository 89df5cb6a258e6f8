"""AugMix's operations against array arithmetic, and its mixtures."""

import numpy as np
from PIL import Image

from keras_selectivity import datasets
from keras_selectivity.datasets._augmix import OPERATIONS
from keras_selectivity.datasets._augmix import operate

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


class Fixed:
    """A generator that draws a given level and direction."""

    def __init__(self, level, sign):
        self.level, self.sign = level, sign

    def uniform(self, low, high):
        return self.level

    def choice(self, values):
        return self.sign


def applied(operation, level=3.0, sign=1, picture=PICTURE):
    return np.asarray(operate(Image.fromarray(picture), operation, 3, Fixed(level, sign)))


def test_operations_are_what_they_say():
    np.testing.assert_array_equal(applied("posterize"), PICTURE & 0b11100000)  # 4 - int(1.2) = 3 bits
    np.testing.assert_array_equal(applied("solarize"), np.where(PICTURE >= 180, 255 - PICTURE, PICTURE))
    moved = np.zeros_like(PICTURE)
    moved[:, :-3] = PICTURE[:, 3:]  # int(0.3 * 32 / 3) = 3 pixels
    np.testing.assert_array_equal(applied("translate_x"), moved)
    moved = np.zeros_like(PICTURE)
    moved[3:] = PICTURE[:-3]
    np.testing.assert_array_equal(applied("translate_y", sign=-1), moved)
    dull = (PICTURE // 4 + 50).astype(np.uint8)
    stretched = applied("autocontrast", picture=dull)
    assert all(c.min() == 0 and c.max() >= 254 for c in np.moveaxis(stretched, -1, 0))
    equal = applied("equalize", picture=dull)[..., 0].astype(int)
    order = np.argsort(dull[..., 0].ravel(), kind="stable")
    assert (np.diff(equal.ravel()[order]) >= 0).all() and equal.min() == 0 and equal.max() == 255
    np.testing.assert_array_equal(applied("rotate", level=0.1), PICTURE)  # int(0.3 degrees) = 0


def test_shears_move_rows_in_proportion():
    column = np.zeros((32, 32, 3), np.uint8)
    column[:, 16] = 255
    sheared = applied("shear_x", level=3.0, picture=column)[..., 0].astype(float)
    centres = (sheared * np.arange(32)).sum(axis=1) / sheared.sum(axis=1)
    np.testing.assert_allclose(np.diff(centres), -0.09, atol=0.02)


def test_no_operation_is_a_corruption():
    assert len(OPERATIONS) == 9 and not set(OPERATIONS) & set(datasets.CORRUPTIONS)


def test_mixtures_depend_on_the_generator_alone():
    images = np.stack([PICTURE, PICTURE])
    mixed = datasets.augmix(images, np.random.default_rng(1))
    assert mixed.shape == images.shape and mixed.dtype == np.float32 and 0 <= mixed.min() and mixed.max() <= 1
    np.testing.assert_array_equal(mixed, datasets.augmix(images, np.random.default_rng(1)))
    assert np.abs(mixed[0] - mixed[1]).mean() > 0.01


def test_batches_of_views():
    split = datasets.load("shapes").train.take(np.arange(64))
    plain = datasets.Batches(split, 32, seed=0)[1]
    views = datasets.Batches(split, 32, seed=0, augmix=True)[1]
    assert views[0].shape == (32, 3, 32, 32, 3) and views[0].dtype == np.float32
    np.testing.assert_array_equal(views[0][:, 0], plain[0])
    np.testing.assert_array_equal(views[1], plain[1])
    assert np.abs(views[0][:, 1] - views[0][:, 2]).mean() > 0.01
