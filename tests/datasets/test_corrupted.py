"""Reading corrupted test sets in the layouts of their releases."""

import hashlib

import numpy as np
import pytest

import keras_selectivity as ks
from keras_selectivity import datasets
from keras_selectivity.datasets import _cifar10_c


@pytest.fixture(name="clean", scope="module")
def _clean():
    rng = np.random.default_rng(0)
    return datasets.Split(rng.integers(0, 256, (20, 32, 32, 3), np.uint8), np.arange(20) % 10)


@pytest.fixture(name="folder")
def _folder(clean, tmp_path):
    """A directory laid out as CIFAR-10-C; severity s of an image is the image plus s."""
    for name in datasets.CORRUPTIONS:
        np.save(tmp_path / f"{name}.npy", np.concatenate([clean.images + np.uint8(s) for s in range(1, 6)]))
    np.save(tmp_path / "labels.npy", np.tile(clean.labels, 5).astype(np.uint8))
    return tmp_path


def test_directory_of_arrays(clean, folder):
    corrupted = datasets.cifar10_c(folder, clean, verify=False)
    assert corrupted.corruptions == datasets.CORRUPTIONS
    np.testing.assert_array_equal(corrupted.pairs().images, clean.images)
    np.testing.assert_array_equal(corrupted.pairs().positions, np.arange(20))
    images, labels = corrupted.read("fog", 4)
    np.testing.assert_array_equal(images, clean.images + np.uint8(4))
    np.testing.assert_array_equal(labels, clean.labels)
    assert "unverified" in corrupted.source


def test_checksums_are_those_of_the_release(clean, folder):
    with pytest.raises(ks.InputError, match=r"labels.npy is not the released file.*--unverified"):
        datasets.cifar10_c(folder, clean)


@pytest.mark.data
def test_released_labels_are_those_of_cifar10(cifar10, tmp_path):
    """The listed checksum is that of CIFAR-10's own labels, written five times over as bytes."""
    np.save(tmp_path / "labels.npy", np.tile(cifar10.test.labels, 5).astype(np.uint8))
    found = hashlib.md5((tmp_path / "labels.npy").read_bytes()).hexdigest()
    assert found == _cifar10_c._CIFAR10_C_MD5["labels"]


def test_damaged_directories_are_named(clean, folder):
    def opened():
        return datasets.cifar10_c(folder, clean, verify=False)

    np.save(folder / "snow.npy", np.zeros((99, 32, 32, 3), np.uint8))
    with pytest.raises(ks.InputError, match=r"snow.npy should hold uint8 of shape \(100, 32, 32, 3\)"):
        opened().read("snow", 1)
    np.save(folder / "fog.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(ks.InputError, match=r"fog.npy cannot be read as an array"):
        opened().read("fog", 1)
    with pytest.raises(ks.InputError, match="Unknown corruption 'mist'"):
        opened().read("mist", 1)
    np.save(folder / "labels.npy", np.tile(clean.labels[::-1], 5))
    with pytest.raises(ks.InputError, match="not those of the clean test set in its order"):
        opened()
    (folder / "frost.npy").unlink()
    with pytest.raises(ks.InputError, match=r"lacks frost.npy. Extract the whole CIFAR-10-C.tar"):
        opened()


def test_generated_versions_are_those_of_corrupt(clean):
    corrupted = datasets.generated_corruptions(clean, seed=3)
    found = corrupted.read("fog", 2)
    np.testing.assert_array_equal(found.images, ks.corrupt(clean.images, "fog", 2, seed=3))
    np.testing.assert_array_equal(found.labels, clean.labels)
    assert corrupted.source == "generated, seed 3, frost of generated textures"


def test_what_a_folder_is_shows_in_its_files(clean, folder):
    data = datasets.ImageData("cifar10", ("n02", "n01"), clean, clean)
    assert "CIFAR-10-C" in datasets.open_corrupted(folder, data, verify=False).source
    with pytest.raises(ks.InputError, match="is not a folder"):
        datasets.open_corrupted(folder / "nowhere", data)
    with pytest.raises(ks.InputError, match="data prepare cifar10_corrupted"):
        datasets.open_corrupted("tfds", data, data_dir=folder / "empty").read("fog", 1)


@pytest.mark.slow
def test_order_of_tensorflow_datasets_is_undone(tmp_path, monkeypatch):
    """Prepared by its own builder from an archive in which every image tells its index."""
    import tensorflow_datasets as tfds

    n = 10_000
    index = np.arange(n)
    images = np.zeros((n, 32, 32, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = index // 256, index % 256
    labels = np.random.default_rng(0).integers(0, 10, n)
    archive = tmp_path / "archive" / "CIFAR-10-C"
    archive.mkdir(parents=True)
    np.save(archive / "labels.npy", np.tile(labels, 5).astype(np.uint8))
    np.save(archive / "glass_blur.npy", np.concatenate([images + np.uint8([0, 0, s]) for s in range(1, 6)]))
    monkeypatch.setattr(
        tfds.download.DownloadManager, "download_and_extract", lambda self, url: str(archive.parent)
    )
    _cifar10_c.tfds_builder("glass_blur", 3, str(tmp_path)).download_and_prepare()
    clean = datasets.Split(images, labels)
    found = datasets.cifar10_corrupted(clean, str(tmp_path)).read("glass_blur", 3)
    np.testing.assert_array_equal(found.images, images + np.uint8([0, 0, 3]))
    np.testing.assert_array_equal(found.labels, labels)
    with pytest.raises(ks.InputError, match="expected order"):
        datasets.cifar10_corrupted(clean._replace(labels=labels[::-1]), str(tmp_path)).read("glass_blur", 3)
