import shutil

import keras
import numpy as np
import pytest
from conftest import real_data

import keras_selectivity as ks
from keras_selectivity import datasets
from keras_selectivity._errors import DamagedError
from keras_selectivity.datasets._embedded import _generate
from keras_selectivity.datasets._images_on_disk import ImagesOnDisk
from keras_selectivity.datasets._images_on_disk import open_images
from keras_selectivity.datasets._images_on_disk import write_checksums


@pytest.fixture(scope="module", name="shapes")
def _shapes():
    return datasets.load("shapes")


def test_shapes_are_balanced_deterministic_images(shapes):
    again = _generate(100, seed=1), _generate(100, seed=1)
    for split, count in ((shapes.train, 4000), (shapes.test, 1000)):
        assert split.images.shape == (count, 32, 32, 3) and split.images.dtype == np.uint8
        assert np.bincount(split.labels).tolist() == [count // 10] * 10
    assert np.array_equal(again[0].images, again[1].images)
    assert len(np.unique(shapes.train.images.reshape(4000, -1), axis=0)) == 4000
    assert shapes.classes == 10


def test_shapes_cannot_be_told_by_colour_or_brightness(shapes):
    """A linear classifier on an image's channel means and deviations stays near the 10 % of chance."""

    def features(split):
        flat = split.images.reshape(len(split.images), -1, 3) / 255
        return np.hstack([flat.mean(axis=1), flat.std(axis=1), np.ones((len(flat), 1))])

    solution = np.linalg.lstsq(features(shapes.train), np.eye(10)[shapes.train.labels], rcond=None)[0]
    accuracy = ((features(shapes.test) @ solution).argmax(axis=1) == shapes.test.labels).mean()
    assert accuracy < 0.25


def test_hold_out_is_stratified_seeded_and_disjoint(shapes):
    train, held = datasets.hold_out(shapes.train, 50, seed=3)
    assert np.bincount(held.labels).tolist() == [50] * 10
    assert len(train.labels) + len(held.labels) == 4000
    pool = {image.tobytes() for image in train.images}
    assert not any(image.tobytes() in pool for image in held.images)
    assert np.array_equal(datasets.hold_out(shapes.train, 50, seed=3)[1].images, held.images)
    assert not np.array_equal(datasets.hold_out(shapes.train, 50, seed=4)[1].images, held.images)


def test_subset_is_balanced(shapes):
    assert np.bincount(datasets.subset(shapes.train, 200, seed=0).labels).tolist() == [20] * 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda s: datasets.hold_out(s, 400, 0),
            "has 400 samples; 400 cannot be drawn from it and leave any",
        ),
        (lambda s: datasets.subset(s, 205, 0), "10 classes cannot have 205"),
        (lambda s: datasets.subset(s, 5000, 0), "500 cannot be drawn"),
        (lambda s: datasets.Batches(s.take(slice(0, 7)), 8, seed=0), "do not fill one batch"),
    ],
)
def test_impossible_splits(shapes, call, message):
    with pytest.raises(ks.InputError, match=message):
        call(shapes.train)


def test_flip_and_crop_against_a_loop():
    images = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3), np.uint8)
    crops = datasets.crops(20, 2, np.random.default_rng(1))
    result = datasets.flip_and_crop(images, 2, *crops)
    rng = np.random.default_rng(1)
    offsets, flips = rng.integers(0, 5, (2, 20, 1)), rng.random(20) < 0.5
    assert 0 < flips.sum() < 20
    for i in range(20):
        padded = np.pad(images[i], ((2, 2), (2, 2), (0, 0)))
        top, left = offsets[:, i, 0]
        crop = padded[top : top + 6, left : left + 5]
        np.testing.assert_array_equal(result[i], crop[:, ::-1] if flips[i] else crop)


def epochs_seen(batches, epochs, initial=0):
    """First labels of the batches that `fit` draws."""
    seen = []

    class Reader(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(10)

        def call(self, x):
            return self.dense(keras.layers.Flatten()(x))

        def train_step(self, data):
            x, y = data
            seen.append((float(keras.ops.sum(x)), y.numpy().tolist()))
            return {"loss": 0.0}

    model = Reader()
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    options = {"steps_per_epoch": batches.steps, "shuffle": False, "verbose": 0}
    model.fit(batches, epochs=epochs, initial_epoch=initial, **options)
    return seen


def test_an_epoch_follows_from_seed_and_number_alone(shapes):
    split = shapes.train.take(slice(0, 50))
    seen = epochs_seen(datasets.Batches(split, 16, seed=1, epochs=3), 3)
    assert [len(labels) for _, labels in seen] == [16, 16, 16, 2] * 3
    for epoch in range(3):
        part = seen[4 * epoch : 4 * epoch + 4]
        assert sorted(label for _, labels in part for label in labels) == sorted(split.labels.tolist())
    assert seen[:4] != seen[4:8]
    resumed = epochs_seen(datasets.Batches(split, 16, seed=1, epochs=3, first_epoch=2), 3, initial=2)
    assert resumed == seen[8:]


def test_without_a_seed_the_order_stays(shapes):
    batches = datasets.Batches(shapes.test, 300)
    assert len(batches) == 4
    images = np.concatenate([batches[i][0] for i in range(4)])
    np.testing.assert_allclose(images, shapes.test.images / 255, atol=1e-7)


def test_unknown_names_and_absent_data(tmp_path):
    with pytest.raises(ks.InputError, match="Choose one of shapes, cifar10"):
        datasets.load("mnist")
    with pytest.raises(ks.InputError, match="keras-selectivity data prepare cifar10"):
        datasets.load("cifar10", tmp_path)
    assert [row["ready"] for row in datasets.status(tmp_path)] == [True, False, False, False]


@pytest.mark.data
def test_cifar10_in_official_order(cifar10):
    """The first ten test labels are those of the official batch file: cat ship ship plane frog ..."""
    assert cifar10.test.labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    assert cifar10.train.labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert np.bincount(cifar10.train.labels).tolist() == [5000] * 10
    assert cifar10.class_names[3] == "cat"


@pytest.mark.data
@pytest.mark.parametrize("damage", ["truncated", "missing", "fewer"])
def test_damaged_cifar10_is_named(tmp_path, damage):
    source = real_data("tensorflow_datasets/cifar10")
    shutil.copytree(source, tmp_path / "cifar10", copy_function=shutil.copyfile)
    (test,) = tmp_path.rglob("cifar10-test*")
    if damage == "missing":
        test.unlink()
    else:
        content = test.read_bytes()
        # Cut inside a record, or between two: the first record's length stands in its first 8 bytes.
        end = 16 + int.from_bytes(content[:8], "little")
        test.write_bytes(content[:5_000_000] if damage == "truncated" else content[:end])
    with pytest.raises(ks.InputError, match=r"The test split in .* prepare it again"):
        datasets.load("cifar10", tmp_path)


@pytest.mark.parametrize("augmix", [False, True])
def test_pipeline_yields_the_batches_in_order(shapes, augmix):
    part = shapes.train.take(np.arange(70))
    batches = datasets.Batches(part, 16, seed=3, epochs=4, first_epoch=1, augmix=augmix)
    found = list(datasets.pipeline(batches).as_numpy_iterator())
    ahead = datasets.Batches(part, 16, seed=3, epochs=4, first_epoch=1, augmix=augmix, ahead=3)
    for index in (0, 0, 1, 2, 5, 14, 0):  # in any order
        for one, other in zip(ahead[index], batches[index], strict=True):
            np.testing.assert_array_equal(one, other)
    assert len(found) == len(batches) == int(datasets.pipeline(batches).cardinality()) == 15
    for index, (images, labels) in enumerate(found):
        expected_images, expected_labels = batches[index]
        assert images.dtype == np.float32
        np.testing.assert_array_equal(images, expected_images)
        np.testing.assert_array_equal(labels, expected_labels)


def test_images_on_disk_are_those_in_memory(shapes, tmp_path):
    images = shapes.train.images[:200]
    np.save(tmp_path / "images.npy", images)
    labels = shapes.train.labels[:200]
    files, shape = (tmp_path / "images.npy", tmp_path / "labels.npz"), (200, 32, 32, 3)
    write_checksums(*files, labels)
    on_disk = datasets.Split(*open_images(*files, shape))
    np.testing.assert_array_equal(on_disk.labels, labels)
    in_memory = datasets.Split(images, labels)
    pairs = zip(datasets.hold_out(on_disk, 3, 1), datasets.hold_out(in_memory, 3, 1), strict=True)
    for found, expected in pairs:
        found, expected = datasets.subset(found, 20, 5), datasets.subset(expected, 20, 5)
        assert isinstance(found.images, ImagesOnDisk) and found.images.shape == expected.images.shape
        np.testing.assert_array_equal(np.asarray(found.images), expected.images)
        for one, other in zip(
            datasets.Batches(found, 7, seed=1), datasets.Batches(expected, 7, seed=1), strict=True
        ):
            np.testing.assert_array_equal(one[0], other[0])
    content = files[0].read_bytes()
    files[0].write_bytes(content[:-10])
    with pytest.raises(ks.InputError, match=r"images.npy cannot be read"):
        open_images(*files, shape)
    np.save(files[0], np.zeros((3, 4)))
    with pytest.raises(ks.InputError, match="holds float64"):
        open_images(*files, shape)
    files[0].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    damaged = open_images(*files, shape)[0]
    assert len(damaged[:199]) == 199
    with pytest.raises(ks.InputError, match=r"Image 199 in .*images.npy is damaged"):
        damaged.take(slice(190, None))[9]


def consumed(batches):
    for _ in datasets.pipeline(batches):
        pass


def evaluated(batches):
    import keras

    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile(loss="mse")
    model.evaluate(batches, verbose=0)


@pytest.mark.parametrize("use", [consumed, evaluated])
def test_a_damaged_image_is_told_as_such_from_within_tensorflow(use, shapes, tmp_path):
    files = tmp_path / "images.npy", tmp_path / "labels.npz"
    np.save(files[0], shapes.train.images[:30])
    write_checksums(*files, shapes.train.labels[:30])
    content = files[0].read_bytes()
    files[0].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    batches = datasets.Batches(datasets.Split(*open_images(*files, (30, 32, 32, 3))), 10)
    with (
        pytest.raises(DamagedError, match=r"Image 29 in .* is damaged. The file is deleted; start again"),
        datasets.drawing(batches),
    ):
        use(batches)
    assert not files[0].exists()


@pytest.mark.data
@pytest.mark.slow
def test_packed_cifar10_is_that_of_tensorflow_datasets(cifar10, tmp_path):
    folder = str(real_data("tensorflow_datasets"))
    datasets.pack_cifar10(tmp_path / "cifar10.npz", folder)
    packed, prepared = datasets.load("cifar10", tmp_path), cifar10
    assert packed.class_names == prepared.class_names
    for found, expected in ((packed.train, prepared.train), (packed.test, prepared.test)):
        np.testing.assert_array_equal(found.images, expected.images)
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.labels.dtype == expected.labels.dtype
    content = (tmp_path / "cifar10.npz").read_bytes()
    (tmp_path / "cifar10.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ks.InputError, match=r"cifar10.npz is not a complete zip archive"):
        datasets.load("cifar10", tmp_path)
    np.savez(
        tmp_path / "cifar10.npz",
        train_images=packed.train.images[::-1],
        train_labels=packed.train.labels.astype("uint8"),
    )
    with pytest.raises(ks.InputError, match="the train split is not CIFAR-10's"):
        datasets.load("cifar10", tmp_path)
    with pytest.raises(ks.InputError, match=r"must be called cifar10.npz"):
        datasets.pack_cifar10(tmp_path / "other.npz", folder)
