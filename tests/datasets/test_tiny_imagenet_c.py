"""Tiny ImageNet-C: made-up archives and folders with every fault, and its clean counterparts."""

import hashlib
import io
import tarfile

import cv2
import numpy as np
import pytest
from conftest import real_data
from test_tiny_imagenet import archive as zip_archive
from test_tiny_imagenet import contents as tiny_imagenet
from test_tiny_imagenet import picture

import keras_selectivity as ks
from keras_selectivity import datasets
from keras_selectivity.datasets._clean_pairs import pairs_by_content

WNIDS = ("n30", "n10", "n20")  # label order, not alphabetical
CORRUPTIONS = ("snow", "jpeg_compression", "frost")


def contents():
    """File name -> bytes; the grey value tells class, image and severity."""
    return {
        f"Tiny-ImageNet-C/{corruption}/{severity}/{wnid}/test_{n}.JPEG": picture(60 * k + 20 * n + severity)
        for corruption in CORRUPTIONS
        for severity in range(1, 6)
        for k, wnid in enumerate(WNIDS)
        for n in (1, 0)
    }


def archive(path, files):
    with tarfile.open(path, "w") as file:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory):
    """A small Tiny ImageNet whose unlabelled images are the clean counterparts, in another order, and more."""
    folder = tmp_path_factory.mktemp("tiny")
    files = tiny_imagenet()
    for n in range(6):
        files[f"tiny-imagenet-200/test/images/test_{n}.JPEG"] = picture([100, 20, 0, 60, 255, 120][n])
    path = zip_archive(folder / "a.zip", files)
    datasets.prepare("tiny_imagenet_subset", folder / "data", archive=path)
    return datasets.load("tiny_imagenet_subset", folder / "data"), folder / "data"


@pytest.fixture(name="opened", scope="module")
def _opened(data):
    data, folder = data
    path = archive(folder / "c.tar", contents())
    datasets.prepare("tiny_imagenet_c_subset", folder, archive=path)
    assert not list(folder.rglob("*.JPEG"))  # nothing is unpacked
    return datasets.open_corrupted("tfds", data, data_dir=folder)


def test_labels_and_order_are_those_of_the_data_set(opened):
    assert opened.corruptions == tuple(c for c in datasets.CORRUPTIONS if c in CORRUPTIONS)
    images, labels = opened.read("snow", 4)
    # Sorted by class folder and file name: n10, n20, n30, whose labels are 1, 2, 0.
    assert labels.tolist() == [1, 1, 2, 2, 0, 0]
    np.testing.assert_allclose(images[:, 9, 9, 2], [64, 84, 124, 144, 4, 24], atol=1)
    assert "some classes, unverified" in opened.source
    with pytest.raises(ks.InputError, match=r"fog_1 is not in .*prepare the archive that has it"):
        opened.read("fog", 1)


def test_clean_counterparts_by_content(opened):
    pairs = opened.pairs()
    # Severity 1 has 61, 81, 121, 141, 1, 21; there is no clean 80 and no clean 140.
    assert pairs.positions.tolist() == [0, 2, 4, 5]
    np.testing.assert_allclose(pairs.images[:, 0, 0, 0], [60, 120, 0, 20], atol=1)
    assert pairs.source == "matched by content, 4 of 6 images"


def test_clean_counterparts_of_a_folder(data, opened, tmp_path):
    data, folder = data
    for k, wnid in enumerate(("n10", "n20", "n30")):
        (tmp_path / wnid).mkdir()
        for n in range(2):
            (tmp_path / wnid / f"test_{n}.JPEG").write_bytes(picture(10 * k + n))
    found = datasets.open_corrupted("tfds", data, data_dir=folder, clean=tmp_path)
    pairs = found.pairs()
    assert pairs.positions.tolist() == list(range(6)) and "by file name" in pairs.source
    np.testing.assert_allclose(pairs.images[:, 0, 0, 0], [0, 1, 10, 11, 20, 21], atol=1)
    (tmp_path / "n20" / "test_1.JPEG").unlink()
    with pytest.raises(ks.InputError, match=r"lack 1 of 6 files \(n20/test_1.JPEG"):
        found.pairs()


def changed(remove=(), **files):
    found = {name: content for name, content in contents().items() if not any(r in name for r in remove)}
    return {**found, **{f"Tiny-ImageNet-C/{name}": content for name, content in files.items()}}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (changed(remove=["snow/3"]), "lacks snow_3 of Tiny ImageNet-C"),
        (changed(remove=["snow/3/n20/test_1"]), "snow_3 does not hold the images of"),
        (changed(**{"frost/2/n99/test_1.JPEG": picture(0)}), "1 more classes.*Zenodo record 8206060"),
        (changed(**{"frost/2/n10/test_1.JPEG": b"no picture"}), r"n10/test_1.JPEG cannot be decoded"),
        (changed(**{"frost/7/n10/test_1.JPEG": picture(0)}), "has a severity 7 of frost"),
        (changed(**{"../../evil.txt": b"x"}), "leads out of its folder"),
        ({"something/else.txt": b"x"}, "lacks all corruptions"),
    ],
)
def test_faults_of_an_archive_are_named(tmp_path, files, message):
    path = archive(tmp_path / "c.tar", files)
    with pytest.raises(ks.InputError, match=message):
        datasets.prepare("tiny_imagenet_c_subset", tmp_path / "data", archive=path)


def test_other_files_are_refused(data, tmp_path):
    path = archive(tmp_path / "c.tar", contents())
    with pytest.raises(ks.InputError, match=r"has MD5 .* instead of f9c9a9db"):
        datasets.prepare("tiny_imagenet_c", tmp_path, archive=path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ks.InputError, match=r"not a complete tar archive|lacks .* of Tiny ImageNet-C"):
        datasets.prepare("tiny_imagenet_c_subset", tmp_path, archive=path)
    with pytest.raises(ks.InputError, match=r"nowhere.tar does not exist"):
        datasets.prepare("tiny_imagenet_c_extra", tmp_path, archive=tmp_path / "nowhere.tar")
    with pytest.raises(ks.InputError, match="no download: name its archive"):
        datasets.prepare("tiny_imagenet_c_subset", tmp_path)
    with pytest.raises(ks.InputError, match="skip_damaged does not go with tiny_imagenet_c"):
        datasets.prepare("tiny_imagenet_c", tmp_path, skip_damaged=True)
    with pytest.raises(ks.InputError, match="data prepare tiny_imagenet_c_subset"):
        datasets.open_corrupted("tfds", data[0], data_dir=tmp_path / "empty")


@pytest.mark.data
def test_content_match_on_real_images(tmp_path):
    """JPEG compression is undone by looking: all real images are found among as many others."""
    datasets.prepare("tiny_imagenet_subset", tmp_path, archive=real_data("tiny-imagenet-10cls.zip"))
    data = datasets.load("tiny_imagenet_subset", tmp_path)
    clean, others = np.asarray(data.test.images)[:200], data.train.images[:1500]
    slightly = ks.corrupt(clean, "jpeg_compression", 1, seed=0)
    order = np.random.default_rng(0).permutation(1700)
    pairs = pairs_by_content(slightly, np.concatenate([clean, others])[order])
    assert len(pairs.positions) >= 198
    np.testing.assert_array_equal(pairs.images, clean[pairs.positions])
    with pytest.raises(datasets.NoPairsError, match="match a clean one by content"):
        pairs_by_content(slightly, others)


@pytest.fixture(name="tree")
def _tree(tmp_path):
    for corruption in datasets.BENCHMARK:
        for k, name in enumerate(("n02", "n01")):
            place = tmp_path / corruption / "2" / name
            place.mkdir(parents=True)
            for i in range(2):
                picture = np.full((64, 64, 3), 40 * k + 10 * i, np.uint8)
                picture[..., 2] = 200  # red, in OpenCV's order
                cv2.imwrite(str(place / f"{i}.png"), picture)
    return tmp_path


def of_classes(*names):
    nothing = datasets.Split(np.empty((0, 64, 64, 3), np.uint8), np.empty(0, int))
    return datasets.ImageData("tiny_imagenet_subset", names, nothing, nothing)


def test_tree_of_pictures(tree):
    corrupted = datasets.tiny_imagenet_c(tree, of_classes("n02", "n01"))
    assert corrupted.corruptions == datasets.BENCHMARK
    images, labels = corrupted.read("snow", 2)
    assert labels.tolist() == [0, 0, 1, 1]
    assert images[:, 0, 0].tolist() == [[200, v, v] for v in (0, 10, 40, 50)]


def test_a_tree_is_unverified_and_told_from_another(tree):
    def source():
        return datasets.open_corrupted(tree, of_classes("n02", "n01")).source

    first, picture = source(), tree / "snow" / "2" / "n01" / "0.png"
    assert first == source()
    names = [
        f"{path.relative_to(tree).as_posix()} {path.stat().st_size}\n" for path in tree.glob("*/*/*/*.png")
    ]
    names.sort(key=lambda line: (datasets.CORRUPTIONS.index(line.split("/")[0]), line))
    digest = hashlib.sha256("".join(names).encode()).hexdigest()[:8]
    assert first == f"Tiny ImageNet-C directory, unverified, {digest}"
    picture.write_bytes(picture.read_bytes() + b"x")
    second = source()
    picture.rename(picture.with_name("2.png"))
    assert len({first, second, source()}) == 3


def test_damaged_trees_are_named(tree):
    with pytest.raises(ks.InputError, match=r"frost.* has 1 classes .*\(n02.*Zenodo record 8206060"):
        datasets.tiny_imagenet_c(tree, of_classes("n01")).read("frost", 2)
    with pytest.raises(ks.InputError, match=r"snow.* lacks 1 classes of the data set \(n03"):
        datasets.tiny_imagenet_c(tree, of_classes("n01", "n02", "n03")).read("snow", 2)
    (tree / "snow" / "2" / "n01" / "0.png").write_bytes(b"")
    with pytest.raises(ks.InputError, match="cannot be read as a picture"):
        datasets.tiny_imagenet_c(tree, of_classes("n02", "n01")).read("snow", 2)
    (tree / "fog").rename(tree / "mist")
    with pytest.raises(ks.InputError, match="lacks the folders fog"):
        datasets.tiny_imagenet_c(tree, of_classes("n02", "n01"))
