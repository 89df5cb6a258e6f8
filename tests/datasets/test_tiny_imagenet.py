"""Tiny ImageNet from archives: a made-up one with every fault, and a real one of ten classes."""

import zipfile

import cv2
import numpy as np
import pytest
from conftest import real_data

import keras_selectivity as ks
from keras_selectivity import datasets
from keras_selectivity.datasets import _tiny_imagenet_archive

WNIDS = ["n30", "n10", "n20"]  # not sorted: labels follow the file
ROOT = "tiny-imagenet-200/"


def picture(value, grey=False):
    """A JPEG of one colour (grey: with a single channel)."""
    image = np.full((64, 64) if grey else (64, 64, 3), value, np.uint8)
    return cv2.imencode(".JPEG", image, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()


def contents():
    """File name -> bytes of a small archive in the official layout."""
    files = {ROOT + "wnids.txt": "\n".join(WNIDS) + "\n", ROOT + "words.txt": ""}
    for k, wnid in enumerate(WNIDS):
        for n in range(11):
            files[f"{ROOT}train/{wnid}/images/{wnid}_{n}.JPEG"] = picture(20 * n + k, grey=n == 3)
    lines = []
    for n, wnid in enumerate(("n10", "n30", "n20", "n10")):
        files[f"{ROOT}val/images/val_{n}.JPEG"] = picture(50 * n)
        lines.append(f"val_{n}.JPEG\t{wnid}\t0\t0\t10\t10")
    files[ROOT + "val/val_annotations.txt"] = "\n".join(lines) + "\n"
    return files


def archive(path, files):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def prepare(folder, files, **options):
    path = archive(folder / "a.zip", files)
    datasets.prepare("tiny_imagenet_subset", folder / "data", archive=path, **options)
    return datasets.load("tiny_imagenet_subset", folder / "data")


def test_labels_order_and_greyscale(tmp_path):
    data = prepare(tmp_path, contents())
    assert data.class_names == tuple(WNIDS) and data.classes == 3
    np.testing.assert_array_equal(data.train.labels, np.repeat([0, 1, 2], 11))
    expected = [20 * n + k for k in range(3) for n in range(11)]  # by number, 10 after 9
    np.testing.assert_allclose(data.train.images[:][:, 0, 0, 0], expected, atol=1)
    assert data.train.images.shape == (33, 64, 64, 3) and data.train.images.dtype == np.uint8
    grey = data.train.images[3]
    assert (grey[..., 0] == grey[..., 1]).all() and (grey[..., 0] == grey[..., 2]).all()
    np.testing.assert_array_equal(data.test.labels, [1, 0, 2, 1])
    np.testing.assert_allclose(data.test.images[:][:, 5, 5, 1], [0, 50, 100, 150], atol=1)
    train, held_out = datasets.hold_out(data.train, 2, seed=1)
    assert np.bincount(held_out.labels).tolist() == [2, 2, 2] and len(train.labels) == 27


def test_nothing_is_unpacked(tmp_path):
    prepare(tmp_path, contents())
    assert not list(tmp_path.rglob("*.JPEG"))


def changed(**files):
    found = contents()
    for name, content in files.items():
        name = ROOT + name
        if content is None:
            del found[name]
        else:
            found[name] = content
    return found


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (changed(**{"wnids.txt": None}), "lacks tiny-imagenet-200/wnids.txt: it is not Tiny ImageNet"),
        (changed(**{"wnids.txt": "n30\nn10\n"}), "of class n20, which wnids.txt does not list"),
        (changed(**{"wnids.txt": "n30\nn10\nn20\nn40\n"}), "no training images of n40"),
        (changed(**{"val/val_annotations.txt": None}), "lacks tiny-imagenet-200/val/val_annotations.txt"),
        (changed(**{"val/val_annotations.txt": "val_0.JPEG\n"}), "a line without a class"),
        (changed(**{"val/images/val_2.JPEG": None}), "lacks tiny-imagenet-200/val/images/val_2.JPEG"),
        (changed(**{"val/images/val_2.JPEG": b"no picture"}), "val_2.JPEG cannot be decoded"),
        (changed(**{"train/n10/images/n10_4.JPEG": b""}), "n10_4.JPEG cannot be decoded"),
        (changed(**{"../../evil.txt": "x"}), "leads out of its folder"),
    ],
)
def test_faults_of_an_archive_are_named(tmp_path, files, message):
    with pytest.raises(ks.InputError, match=message):
        prepare(tmp_path, files)
    with pytest.raises(ks.InputError, match="is not in"):
        datasets.load("tiny_imagenet_subset", tmp_path / "data")
    assert not (tmp_path.parent / "evil.txt").exists()


def test_damaged_images_can_be_left_out(tmp_path, caplog):
    data = prepare(tmp_path, changed(**{"train/n10/images/n10_4.JPEG": b"x"}), skip_damaged=True)
    assert len(data.train.labels) == 32 and "left out 1 damaged images" in caplog.text


def test_a_truncated_archive_and_another_file_are_refused(tmp_path, monkeypatch):
    path = archive(tmp_path / "a.zip", contents())
    with pytest.raises(ks.InputError, match=r"bytes instead of 248,100,043: it is truncated"):
        datasets.prepare("tiny_imagenet", tmp_path / "data", archive=path)
    monkeypatch.setattr(_tiny_imagenet_archive, "SIZE", path.stat().st_size)
    with pytest.raises(ks.InputError, match=r"has MD5 .* instead of 90528d7c"):
        datasets.prepare("tiny_imagenet", tmp_path / "data", archive=path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ks.InputError, match="not a complete zip archive"):
        datasets.prepare("tiny_imagenet_subset", tmp_path / "data", archive=path)
    with pytest.raises(ks.InputError, match=r"nowhere.zip does not exist"):
        datasets.prepare("tiny_imagenet", tmp_path / "data", archive=tmp_path / "nowhere.zip")


def test_options_that_do_not_go_together(tmp_path):
    with pytest.raises(ks.InputError, match="no download: name its archive"):
        datasets.prepare("tiny_imagenet_subset", tmp_path)
    with pytest.raises(ks.InputError, match=r"archive does not go with cifar10. It is for tiny_imagenet, "):
        datasets.prepare("cifar10", tmp_path, archive="a.zip")


@pytest.mark.data
def test_the_real_archive_of_ten_classes(tmp_path):
    path = real_data("tiny-imagenet-10cls.zip")
    datasets.prepare("tiny_imagenet_subset", tmp_path, archive=path)
    data = datasets.load("tiny_imagenet_subset", tmp_path)
    assert data.train.images.shape == (5000, 64, 64, 3) and data.test.images.shape == (500, 64, 64, 3)
    assert np.bincount(data.train.labels).tolist() == [500] * 10
    assert np.bincount(data.test.labels).tolist() == [50] * 10
    with zipfile.ZipFile(path) as file:
        lines = file.read(ROOT + "val/val_annotations.txt").decode().split("\n")
        for position in (0, 17, 499):
            name, wnid, *_ = lines[position].split("\t")
            assert data.class_names[data.test.labels[position]] == wnid
            raw = np.frombuffer(file.read(f"{ROOT}val/images/{name}"), np.uint8)
            expected = cv2.imdecode(raw, cv2.IMREAD_COLOR)[..., ::-1].astype(int)
            # Two decoders: they round chroma differently.
            assert np.abs(data.test.images[position].astype(int) - expected).mean() < 2
