"""Archives and arrays with every fault: refused by what they declare, before they are read into memory."""

import hashlib
import io
import os
import shutil
import struct
import tarfile
import tracemalloc
import warnings
import zipfile

import cv2
import numpy as np
import pytest

import keras_selectivity as ks
from keras_selectivity import datasets
from keras_selectivity.cli import main
from keras_selectivity.datasets import _cifar10
from keras_selectivity.datasets import _tiny_imagenet_archive
from keras_selectivity.datasets import _tiny_imagenet_c_archive
from keras_selectivity.datasets._archives import decode_jpeg
from keras_selectivity.datasets._images_on_disk import open_images
from keras_selectivity.studies import _worker

ROOT = "tiny-imagenet-200/"
WNIDS = ("n30", "n10")
MUCH = 64 << 20  # bytes of memory that no refusal may take
TERABYTE = 1 << 40


@pytest.fixture(name="little_memory", autouse=True)
def _little_memory():
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MUCH


def picture(value=0, size=(64, 64), suffix=".JPEG"):
    return cv2.imencode(suffix, np.full((*size, 3), value, np.uint8))[1].tobytes()


def claiming(content, width, height):
    """A JPEG or PNG file whose header claims another size."""
    if content[:4] == b"\x89PNG":
        header = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
        return content[:12] + header + struct.pack(">I", zipfile.crc32(header)) + content[33:]
    start = content.index(b"\xff\xc0") + 5
    return content[:start] + struct.pack(">HH", height, width) + content[start + 4 :]


PICTURES = {
    "nothing": b"",
    "text": b"no picture",
    "half": picture(7)[:100],
    "too wide": picture(size=(64, 65)),
    "a JPEG of four gigapixels": claiming(picture(), 65500, 65500),
    "a PNG of a hundred gigapixels": claiming(picture(suffix=".png"), 400_000, 400_000),
    "a GIF": b"GIF89a" + bytes(100),
    "a BMP": picture(suffix=".bmp"),
    "noise": np.random.default_rng(0).bytes(3000),
}


@pytest.mark.parametrize("content", PICTURES.values(), ids=PICTURES)
def test_what_is_no_picture_of_64_pixels(content):
    assert decode_jpeg(content) is None
    assert decode_jpeg(picture(40)).mean() == 40 == decode_jpeg(picture(40, suffix=".png")).mean()


# Tiny ImageNet as a zip archive


def tiny(**changes):
    """Name -> bytes of an archive of two classes; a change of `None` leaves a file out."""
    files = {
        "wnids.txt": "\n".join(WNIDS) + "\n",
        "val/val_annotations.txt": "val_0.JPEG\tn30\t0\nval_1.JPEG\tn10\t0\n",
    }
    files |= {f"train/{w}/images/{w}_{n}.JPEG": picture(10 * n) for w in WNIDS for n in range(2)}
    files |= {f"val/images/val_{n}.JPEG": picture(10 * n) for n in range(2)}
    files |= changes
    return {ROOT + name: content for name, content in files.items() if content is not None}


def zipped(path, files, twice=(), kind=zipfile.ZIP_DEFLATED, **claims):
    """An archive in whose index the entry of a validation image claims what it is not."""
    with zipfile.ZipFile(path, "w", kind) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        for name in (*files, *(ROOT + name for name in twice)):
            archive.writestr(name, files[name])
        for name, value in claims.items():
            setattr(archive.getinfo(ROOT + "val/images/val_1.JPEG"), name, value)
    tracemalloc.reset_peak()  # what follows is to take little
    return path


def everything(path):
    """Labels of all images of an archive, read."""
    archive = _tiny_imagenet_archive.open_archive(path, verify=False)
    return [
        [label for *_, label in _tiny_imagenet_archive.examples(archive, split)]
        for split in ("train", "test", "unlabelled")
    ]


VAL = "val/val_annotations.txt"
FINE = {
    "as published": {},
    "without a final newline": {VAL: "val_0.JPEG\tn30\t0\nval_1.JPEG\tn10\t0", "wnids.txt": "n30\nn10"},
    "with carriage returns": {VAL: "val_0.JPEG\tn30\r\nval_1.JPEG\tn10\r\n", "wnids.txt": "n30\r\nn10\r\n"},
}


@pytest.mark.parametrize("changes", FINE.values(), ids=FINE)
def test_no_image_is_dropped(changes, tmp_path):
    assert everything(zipped(tmp_path / "a.zip", tiny(**changes))) == [[0, 0, 1, 1], [0, 1], []]


ZIPS = {
    "an image twice": (tiny(), {"twice": ["train/n10/images/n10_0.JPEG"]}, "n10_0.JPEG twice"),
    "the annotations twice": (tiny(), {"twice": [VAL]}, "annotations.txt twice"),
    "an image annotated twice": (tiny(**{VAL: "val_0.JPEG\tn30\nval_1.JPEG\tn10\nval_0.JPEG\tn10"}), {}, "names val_0.JPEG twice"),
    "an image not annotated": (tiny(**{VAL: "val_0.JPEG\tn30\n"}), {}, "does not name .*val_1.JPEG"),
    "an empty line": (tiny(**{VAL: "val_0.JPEG\tn30\n\nval_1.JPEG\tn10\n"}), {}, "line without a class"),
    "an annotated image that leads out": (tiny(**{VAL: "../../x\tn30\n"}), {}, "lacks"),
    "a class twice": (tiny(**{"wnids.txt": "n30\nn10\nn30\n"}), {}, "names a class twice"),
    "no class": (tiny(**{"wnids.txt": ""}), {}, "names no class"),
    "not UTF-8": (tiny(**{"wnids.txt": b"\xff\n"}), {}, "not UTF-8"),
    "a name without a number": (tiny(**{"train/n10/images/n10_x.JPEG": picture()}), {}, "no number"),
    "a name with a strange digit": (tiny(**{"train/n10/images/n10_²x.JPEG": picture()}), {}, "no number"),
    "a name that leads out": (tiny(**{"../../evil": "x"}), {}, "leads out"),
    "an absolute name": ({**tiny(), "/etc/evil": "x"}, {}, "leads out"),
    "bzip2": (tiny(), {"kind": zipfile.ZIP_BZIP2}, "compressed by method 12"),
    "LZMA": (tiny(), {"kind": zipfile.ZIP_LZMA}, "compressed by method 14"),
    "an unknown method": (tiny(), {"compress_type": 99}, "compressed by method 99"),
    "encrypted": (tiny(), {"flag_bits": 1}, "encrypted"),
    "a claim of a terabyte": (tiny(), {"file_size": TERABYTE}, "claims 1,099,511,627,776 bytes"),
    "another checksum": (tiny(), {"CRC": 1}, "not a complete zip"),
    "another offset": (tiny(), {"header_offset": 10_000_000}, "not a complete zip"),
    "fewer compressed bytes": (tiny(), {"compress_size": 3}, "not a complete zip"),
    "a bomb": (tiny(**{"val/images/val_1.JPEG": bytes(48 << 20)}), {}, "claims 50,331,648 bytes"),
    "a bomb of text": (tiny(**{VAL: b"\n" * (48 << 20)}), {}, "claims 50,331,648 bytes"),
    "a picture that is none": (tiny(**{"val/images/val_1.JPEG": b"x"}), {}, "cannot be decoded"),
    "a gigapixel picture": (tiny(**{"val/images/val_1.JPEG": claiming(picture(), 65500, 65500)}), {}, "cannot be decoded"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "options", "message"), ZIPS.values(), ids=ZIPS)
def test_zip_archives(files, options, message, tmp_path):
    with pytest.raises(ks.InputError, match=message):
        everything(zipped(tmp_path / "a.zip", files, **options))


def test_truncated_zip_archives(tmp_path):
    content = zipped(tmp_path / "a.zip", tiny()).read_bytes()
    for end in np.linspace(0, len(content) - 1, 60).astype(int):
        (tmp_path / "a.zip").write_bytes(content[:end])
        with pytest.raises(ks.InputError, match="not a complete zip"):
            everything(tmp_path / "a.zip")


def test_flipped_bits_in_a_zip_archive(tmp_path):
    path, rng = zipped(tmp_path / "a.zip", tiny()), np.random.default_rng(0)
    content, right = path.read_bytes(), everything(path)
    refused = 0
    for position in rng.integers(0, len(content), 200):
        flipped = bytearray(content)
        flipped[position] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        try:
            assert everything(path) == right  # in a date, say, of which nothing depends
        except ks.InputError:
            refused += 1
    assert refused > 100


# Tiny ImageNet-C as a tar archive


def tarred(path, twice=None, patch=lambda member: None, last=()):
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for severity in (1, 2, 3, 4, 5):
            for name in (f"snow/{severity}/n10/test_0.JPEG", f"snow/{severity}/n30/test_1.JPEG"):
                member = tarfile.TarInfo("Tiny-ImageNet-C/" + name)
                content = picture(severity)
                member.size = len(content)
                patch(member)
                for _ in range(1 + (name == twice)):
                    archive.addfile(member, io.BytesIO(content) if member.isfile() else None)
        for block in last:
            archive.fileobj.write(block)
    return path


def block(kind, size):
    """The header of a member that claims a size."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def named(member, end, **changes):
    if member.name.endswith(end):
        for key, value in changes.items():
            setattr(member, key, value)


TARS = {
    "an image twice": ({"twice": "snow/3/n10/test_0.JPEG"}, "snow_3 holds an image twice"),
    "a link": ({"patch": lambda m: named(m, "3/n10/test_0.JPEG", type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0)},
               "does not hold the images"),
    "a hard link": ({"patch": lambda m: named(m, "3/n10/test_0.JPEG", type=tarfile.LNKTYPE, linkname="x", size=0)},
                    "does not hold the images"),
    "a name that leads out": ({"patch": lambda m: named(m, "3/n10/test_0.JPEG", name="../x")}, "leads out"),
    "an absolute name": ({"patch": lambda m: named(m, "3/n10/test_0.JPEG", name="/x")}, "leads out"),
    "a severity of seven": ({"patch": lambda m: named(m, "3/n10/test_0.JPEG", name="snow/7/n10/a")}, "severity 7"),
    "a long name of a terabyte": ({"last": [block(tarfile.GNUTYPE_LONGNAME, TERABYTE)]}, "claims a part of"),
    "a long link of a terabyte": ({"last": [block(tarfile.GNUTYPE_LONGLINK, TERABYTE)]}, "claims a part of"),
    "a PAX header of a terabyte": ({"last": [block(tarfile.XHDTYPE, TERABYTE)]}, "claims a part of"),
    "a global header of a terabyte": ({"last": [block(tarfile.XGLTYPE, TERABYTE)]}, "claims a part of"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "message"), TARS.values(), ids=TARS)
def test_tar_archives(options, message, tmp_path):
    with pytest.raises(ks.InputError, match=message):
        _tiny_imagenet_c_archive.open_archive(tarred(tmp_path / "a.tar", **options), "subset")


@pytest.mark.parametrize("size", [TERABYTE, 1 << 62, 2 << 20, -1])
def test_a_picture_that_claims_too_much(size, tmp_path):
    path = tarred(tmp_path / "a.tar")
    content = bytearray(path.read_bytes())
    header = tarfile.TarInfo("Tiny-ImageNet-C/snow/1/n10/test_0.JPEG")
    header.size = size
    content[:512] = header.tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(content)
    with pytest.raises(ks.InputError, match=r"claims .* bytes|not a complete tar|lacks"):
        _tiny_imagenet_c_archive.open_archive(path, "subset")


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_compressed_and_truncated_tar_archives(kind, tmp_path):
    content = tarred(tmp_path / "a.tar").read_bytes()
    with tarfile.open(tmp_path / "b.tar", f"w:{kind}") as archive:
        archive.add(tmp_path / "a.tar")
    tracemalloc.reset_peak()
    with pytest.raises(ks.InputError, match="not a complete tar"):
        _tiny_imagenet_c_archive.open_archive(tmp_path / "b.tar", "subset")
    for end in range(0, 15_000, 700):
        (tmp_path / "a.tar").write_bytes(content[:end])
        with pytest.raises(ks.InputError, match=r"not a complete tar|lacks|does not hold"):
            versions = _tiny_imagenet_c_archive.open_archive(tmp_path / "a.tar", "subset")
            for files in versions.values():
                list(_tiny_imagenet_c_archive.examples(tmp_path / "a.tar", files))


# CIFAR-10 as arrays


def header(shape, descr="|u1", fortran=False, version=b"\x01\x00"):
    text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text.encode()


IMAGES = np.random.default_rng(2).integers(0, 256, (4, 32, 32, 3), np.uint8)
LABELS = np.arange(4, dtype=np.uint8)
ARRAYS = {
    "a terabyte": header((TERABYTE,)) + bytes(100),
    "a terabyte of the right bytes": header((TERABYTE, 32, 32, 3)) + IMAGES.tobytes(),
    "more than there are numbers": header((1 << 62, 1 << 62)),
    "a negative number": header((-4, 32, 32, 3)) + IMAGES.tobytes(),
    "int8": header((4, 32, 32, 3), "|i1") + IMAGES.tobytes(),
    "bool": header((4, 32, 32, 3), "|b1") + IMAGES.tobytes(),
    "flat": header((4 * 32 * 32 * 3,)) + IMAGES.tobytes(),
    "channels first": header((4, 3, 32, 32)) + IMAGES.tobytes(),
    "columns first": header((4, 32, 32, 3), fortran=True) + IMAGES.tobytes(),
    "too short": header((4, 32, 32, 3)) + IMAGES.tobytes()[:-1],
    "too long": header((4, 32, 32, 3)) + IMAGES.tobytes() + b"x",
    "objects": header((4, 32, 32, 3), "|O") + IMAGES.tobytes(),
    "text": header((4, 32, 32, 3), "<U1") + IMAGES.tobytes(),
    "floats": header((4, 32, 32, 3), "<f8") + IMAGES.astype("<f8").tobytes(),
    "nested": header("(" * 5000),
    "code": header("__import__('os').system('false')"),
    "version 9": header((4, 32, 32, 3), version=b"\x09\x00") + IMAGES.tobytes(),
    "no array": b"x" * 1000,
    "nothing": b"",
    "a zip file": b"PK\x05\x06" + bytes(18),
}


@pytest.fixture(name="small", autouse=True)
def _small(monkeypatch):
    """CIFAR-10 of four images."""
    monkeypatch.setattr(_cifar10, "_SIZES", {"train": 4, "test": 4})
    digest = hashlib.sha256(IMAGES.tobytes() + LABELS.tobytes()).hexdigest()
    monkeypatch.setattr(_cifar10, "_SHA256", {"train": digest, "test": digest})


def packed(folder, write=np.savez, **changes):
    arrays = {
        f"{split}_{what}": array
        for split in ("train", "test")
        for what, array in (("images", IMAGES), ("labels", LABELS))
    }
    write(folder / "cifar10.npz", **{name: a for name, a in {**arrays, **changes}.items() if a is not None})
    return folder


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_packed_arrays_are_read(write, tmp_path):
    data = datasets.load("cifar10", packed(tmp_path, write))
    np.testing.assert_array_equal(data.train.images, IMAGES)
    assert data.test.labels.dtype == np.int64 and data.test.labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("content", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_packed_arrays_that_are_none(content, kind, tmp_path):
    packed(tmp_path, train_images=None)
    with zipfile.ZipFile(tmp_path / "cifar10.npz", "a", kind) as archive:
        archive.writestr("train_images.npy", content)
    with pytest.raises(ks.InputError, match=r"cifar10.npz.* train_images"):
        datasets.load("cifar10", tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_labels": None}, "lacks test_labels"),
        ({"test_labels": LABELS.astype(np.int64)}, "should hold uint8"),
        ({"test_labels": LABELS[:, None]}, "should hold uint8"),
        ({"test_labels": LABELS.astype(np.int8)}, "should hold uint8"),
        ({"test_labels": LABELS[::-1]}, "test split is not CIFAR-10's"),
        ({"test_images": IMAGES[::-1].copy()}, "test split is not CIFAR-10's"),
        ({"test_images": IMAGES.astype(np.float32)}, "claims .* bytes"),
    ],
)
def test_packed_arrays_of_another_kind(changes, message, tmp_path):
    with pytest.raises(ks.InputError, match=message):
        datasets.load("cifar10", packed(tmp_path, **changes))


def test_no_flipped_bit_in_packed_arrays_is_believed(tmp_path):
    path, rng = packed(tmp_path, np.savez_compressed) / "cifar10.npz", np.random.default_rng(1)
    content = path.read_bytes()
    for position in rng.integers(0, len(content), 200):
        flipped = bytearray(content)
        flipped[position] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        try:
            data = datasets.load("cifar10", tmp_path)
        except ks.InputError:
            continue
        for split in (data.train, data.test):
            np.testing.assert_array_equal(split.images, IMAGES)
            np.testing.assert_array_equal(split.labels, LABELS)


# CIFAR-10-C as arrays


@pytest.fixture(name="released")
def _released(tmp_path):
    clean = datasets.Split(IMAGES, LABELS.astype(np.int64))
    for name in datasets.CORRUPTIONS:
        np.save(tmp_path / f"{name}.npy", np.concatenate([IMAGES] * 5))
    np.save(tmp_path / "labels.npy", np.tile(LABELS, 5))
    return tmp_path, clean


FIVE = {
    name: content.replace(b"(4, 32, 32, 3)", b"(20, 32, 32, 3)")
    for name, content in ARRAYS.items()
    if name != "too long"
}
FIVE["int64"] = header((20, 32, 32, 3), "<i8") + np.concatenate([IMAGES] * 5).astype("<i8").tobytes()


@pytest.mark.parametrize("content", FIVE.values(), ids=FIVE)
def test_released_arrays_that_are_none(content, released):
    folder, clean = released
    (folder / "fog.npy").write_bytes(content)
    with pytest.raises(ks.InputError, match=r"fog.npy (cannot be read as an array|should hold uint8)"):
        datasets.cifar10_c(folder, clean, verify=False).read("fog", 5)


def test_a_pipe_or_a_folder_in_place_of_an_array(released):
    folder, clean = released
    for make in (os.mkfifo, os.mkdir):
        (folder / "fog.npy").unlink()
        make(folder / "fog.npy")
        with pytest.raises(ks.InputError, match=r"lacks fog\.npy"):
            datasets.cifar10_c(folder, clean, verify=False)


# Pictures in folders


@pytest.mark.parametrize(
    "content",
    [c for n, c in PICTURES.items() if n != "too wide"],
    ids=[n for n in PICTURES if n != "too wide"],
)
def test_photographs_of_frost(content, tmp_path):
    (tmp_path / "a.png").write_bytes(picture(200, size=(900, 900)))
    (tmp_path / "b.jpg").write_bytes(content)
    with pytest.raises(ks.InputError, match="1 of 2 could"):
        ks.corrupt(IMAGES, "frost", 1, seed=0, textures=tmp_path)


def test_a_pipe_among_photographs_of_frost(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ks.InputError, match="0 of 1 could"):
        ks.corrupt(IMAGES, "frost", 1, seed=0, textures=tmp_path)


# What tensorflow-datasets has prepared, and our decoded copies beside it


@pytest.fixture(name="prepared", scope="module")
def _prepared(tmp_path_factory):
    """A prepared directory, and its samples."""
    folder = tmp_path_factory.mktemp("prepared")
    archive = zipped(folder / "a.zip", tiny(**{VAL: "val_0.JPEG\tn30\nval_1.JPEG\tn10"}))
    arguments = [
        "data",
        "prepare",
        "tiny_imagenet_subset",
        "--archive",
        str(archive),
        "--data-dir",
        str(folder / "data"),
    ]
    assert main(arguments) == 0
    return folder / "data", samples(folder / "data")


def samples(folder):
    data = datasets.load("tiny_imagenet_subset", folder)
    return [np.asarray(part) for split in (data.train, data.test) for part in split]


DAMAGES = {
    "emptied": lambda content, rng: b"",
    "cut": lambda content, rng: content[: len(content) // 2],
    "overwritten": lambda content, rng: rng.bytes(len(content)),
    "of JSON": lambda content, rng: b"[1, 2]",
    "flipped": lambda content, rng: flip(content, rng),
    "flipped elsewhere": lambda content, rng: flip(content, rng),
    "a folder": None,
}


def flip(content, rng):
    position = rng.integers(len(content))
    return content[:position] + bytes([content[position] ^ (1 << rng.integers(8))]) + content[position + 1 :]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_prepared_files_are_refused_or_made_anew(damage, prepared, tmp_path, capsys):
    source, right = prepared
    rng = np.random.default_rng(len(damage))
    names = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    assert len(names) >= 8
    refused = set()
    for name in names:
        folder = tmp_path / name.name
        shutil.copytree(source, folder)
        if DAMAGES[damage] is None:
            (folder / name).unlink()
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(DAMAGES[damage]((source / name).read_bytes(), rng))
        try:
            found = samples(folder)
        except (ks.InputError, IsADirectoryError):
            refused.add(name.name)
            continue
        for one, other in zip(found, right, strict=True):
            np.testing.assert_array_equal(one, other)
    assert len(refused) < len(names)


def test_a_run_that_meets_a_damaged_image_goes_on_with_a_new_copy(prepared, tmp_path, monkeypatch, caplog):
    source, right = prepared
    shutil.copytree(source, tmp_path / "data")
    (images,) = (tmp_path / "data").rglob("train_images.npy")
    content = images.read_bytes()
    images.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (tmp_path / "run").mkdir()  # with what it has trained so far
    found = []

    def execute(config, run, **options):
        found.append(samples(tmp_path / "data"))
        return tmp_path / "run.keras"

    monkeypatch.setattr(_worker, "execute", execute)
    assert _worker.trained("a", None, tmp_path / "run") is None
    assert "train_images.npy is damaged" in caplog.text
    assert (tmp_path / "run").exists() and images.read_bytes() == content
    for one, other in zip(*found, right, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_flipped_bit_in_a_decoded_copy_is_believed(prepared, tmp_path):
    source, right = prepared
    (decoded,) = source.rglob("decoded")
    shutil.copytree(decoded, tmp_path / "decoded")
    rng, caught = np.random.default_rng(3), 0
    for split, images, labels in (("train", *right[:2]), ("test", *right[2:])):
        files = [tmp_path / "decoded" / f"{split}_{what}" for what in ("images.npy", "labels.npz")]
        for path in files:
            content = path.read_bytes()
            for _ in range(100):
                path.write_bytes(flip(content, rng))
                try:
                    found = open_images(*files, images.shape)
                    np.testing.assert_array_equal(np.asarray(found[0]), images)
                    np.testing.assert_array_equal(found[1], labels)
                except ks.InputError:
                    caught += 1
            path.write_bytes(content)
    assert caught > 380
