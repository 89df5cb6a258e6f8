"""The corruptions against the published functions' outputs, closed forms, and each other."""

import cv2
import numpy as np
import pytest
from conftest import real_data

import keras_selectivity as ks
from keras_selectivity import datasets
from keras_selectivity.datasets import CORRUPTIONS
from keras_selectivity.datasets.corruptions import _parameters
from keras_selectivity.datasets.corruptions import _pixels
from keras_selectivity.datasets.corruptions import _plasma

DETERMINISTIC = (
    "gaussian_blur", "defocus_blur", "zoom_blur", "brightness", "contrast", "saturate", "jpeg_compression",
    "pixelate",
)  # fmt: skip
SEVERITIES = (1, 2, 3, 4, 5)


@pytest.fixture(name="published", scope="module")
def _published(cifar10):
    """Outputs of the published functions for the first 64 test images, and these images."""
    with np.load(real_data("reference/cifar10c_regenerated_test_0_64.npz"), allow_pickle=False) as file:
        corrupted = {name: file[name] for name in file.files}
    test = cifar10.test
    assert np.array_equal(corrupted.pop("labels"), test.labels[:64])
    return test.images[:64], corrupted


@pytest.fixture(name="noise", scope="module")
def _noise():
    return np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)


def difference(a, b):
    return np.abs(a.astype(int) - b.astype(int))


@pytest.mark.data
@pytest.mark.parametrize("corruption", DETERMINISTIC)
def test_deterministic_ones_equal_the_published(published, corruption):
    images, corrupted = published
    for severity, theirs in enumerate(corrupted[corruption], 1):
        apart = difference(ks.corrupt(images, corruption, severity, seed=0), theirs)
        # Rounding down to 8 bits turns a last-digit difference into one grey level.
        assert apart.max() <= 1 and (apart > 0).mean() < 0.02, severity


@pytest.mark.data
def test_motion_blur_equals_the_published_at_some_angle(published):
    images, corrupted = published
    angles = np.arange(-45, 45.1, 0.5)
    for severity, theirs in enumerate(corrupted["motion_blur"], 1):
        parameters = _parameters.parameters_for("motion_blur", severity, (32, 32))
        for image, wanted in zip(images[:8], theirs[:8], strict=True):
            candidates = _pixels.motion_blurred(np.repeat(image[None], len(angles), 0), *parameters, angles)
            assert difference(candidates, wanted).max(axis=(1, 2, 3)).min() <= 1


@pytest.mark.data
def test_frost_equals_the_published_with_some_crop(published):
    images, corrupted = published
    files = sorted(real_data("reference/frost").glob("frost[1-5].*"))
    textures = [cv2.resize(cv2.imread(str(f))[..., ::-1], (0, 0), fx=0.2, fy=0.2) for f in files]
    for severity, theirs in enumerate(corrupted["frost"], 1):
        own, weight, _ = _parameters.parameters_for("frost", severity, (32, 32))
        for image, wanted in zip(images[:8], theirs[:8], strict=True):
            frost = ((wanted + 0.5 - own * image) / weight).astype(np.float32)
            known = (wanted < 250).astype(np.float32)  # elsewhere it is cut off
            best = np.inf
            for texture in textures:
                scores = cv2.matchTemplate(texture.astype(np.float32), frost, cv2.TM_SQDIFF, mask=known)
                y, x = np.unravel_index(scores.argmin(), scores.shape)
                ours = (own * image + weight * texture[y : y + 32, x : x + 32]).clip(0, 255).astype(np.uint8)
                best = min(best, difference(ours, wanted).max())
            assert best <= 1


@pytest.mark.data
@pytest.mark.parametrize("corruption", [c for c in CORRUPTIONS if c not in DETERMINISTIC])
def test_random_ones_change_as_much_as_the_published(published, corruption, tmp_path):
    """Mean change and roughness, averaged over images; four draws of ours against their one."""
    images, corrupted = published
    textures = None
    if corruption == "frost":
        for file in real_data("reference/frost").glob("frost[1-5].*"):
            (tmp_path / file.name).symlink_to(file)
        textures = tmp_path
    for severity, theirs in enumerate(corrupted[corruption], 1):
        ours = [ks.corrupt(images, corruption, severity, seed=s, textures=textures) for s in range(4)]
        for measure in (lambda x: difference(x, images), lambda x: difference(x[:, 1:], x[:, :-1])):
            per_image = np.concatenate([measure(x).mean(axis=(1, 2, 3)) for x in ours])
            wanted = measure(theirs).mean(axis=(1, 2, 3))
            error = wanted.std() / 8  # of their mean over 64 images
            assert abs(per_image.mean() - wanted.mean()) < 4 * error + 0.02 * wanted.mean(), severity


def grey(value, samples=40):
    return np.full((samples, 32, 32, 3), value, np.uint8)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_noise_has_its_distribution(severity):
    """Rounding down to 8 bits shifts the mean by half a level and adds a variance of 1/12."""

    def moments(corruption):
        changed = ks.corrupt(grey(128), corruption, severity, seed=1)
        return changed.mean() + 0.5 - 128, changed.std()

    constants = {n: _parameters.parameters_for(n, severity, (32, 32))[0] for n in CORRUPTIONS}
    expected = {
        "gaussian_noise": 255 * constants["gaussian_noise"],
        "speckle_noise": 128 * constants["speckle_noise"],
        "shot_noise": 255 * np.sqrt(128 / 255 / constants["shot_noise"]),
    }
    for corruption, deviation in expected.items():
        shift, found = moments(corruption)
        assert found == pytest.approx(np.hypot(deviation, np.sqrt(1 / 12)), rel=0.02)
        assert abs(shift) < 5 * deviation / np.sqrt(40 * 3072) + 0.05
    changed = ks.corrupt(grey(128), "impulse_noise", severity, seed=1)
    share = constants["impulse_noise"]
    for value in (0, 255):
        found, n = (changed == value).mean(), changed.size
        assert abs(found - share / 2) < 4 * np.sqrt(share / 2 / n)


def test_contrast_and_brightness_in_closed_form(noise):
    x = noise / 255
    means = x.mean(axis=(1, 2), keepdims=True)
    wanted = np.floor((means + 0.5 * (x - means)).clip(0, 1) * 255)
    assert difference(ks.corrupt(noise, "contrast", 2, seed=0), wanted).max() <= 1
    level = x.max(axis=-1, keepdims=True)
    wanted = np.floor((x * np.minimum(level + 0.1, 1) / level) * 255)
    assert difference(ks.corrupt(noise, "brightness", 2, seed=0), wanted).max() <= 1


def test_grey_images_and_black_ones_do_not_break(noise):
    for corruption in CORRUPTIONS:
        for value in (0, 130, 255):
            assert ks.corrupt(grey(value, 2), corruption, 5, seed=0).shape == (2, 32, 32, 3)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_an_image_depends_on_seed_and_position_only(noise, corruption, monkeypatch):
    whole = ks.corrupt(noise, corruption, 3, seed=5)
    assert whole.dtype == np.uint8 and whole.shape == noise.shape
    np.testing.assert_array_equal(ks.corrupt(noise[:2], corruption, 3, seed=5), whole[:2])
    monkeypatch.setattr("keras_selectivity.datasets.corruptions._corrupt._PIXELS_AT_A_TIME", 1024)
    np.testing.assert_array_equal(ks.corrupt(noise, corruption, 3, seed=5), whole)
    other = ks.corrupt(noise, corruption, 3, seed=6)
    assert np.array_equal(other, whole) == (corruption in DETERMINISTIC)
    assert not np.array_equal(whole, noise)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_64_pixels_have_constants_too(corruption):
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    images = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], np.uint8(90)), axis=-1)[None]
    changes = [difference(ks.corrupt(images, corruption, s, seed=0), images).mean() for s in (1, 5)]
    # These change in kind rather than in strength.
    if corruption not in ("elastic_transform", "saturate", "frost"):
        assert 0 < changes[0] < changes[1]
    assert min(changes) > 0


def test_glass_blur_moves_pixels_no_farther_than_it_may():
    images = grey(0, 3)
    images[:, 16, 16] = 255
    parameters = (0, 1, 1)  # no blur, one pixel
    moved = ks.corrupt(images, "glass_blur", 1, seed=0, parameters=parameters)
    lit = np.argwhere(moved[..., 0] > 0)
    assert len(lit) and np.abs(lit[:, 1:3] - 16).max() <= 1
    assert set(np.unique(moved)) == {0, 255}


def test_plasma_is_a_normalised_fractal():
    rngs = [np.random.default_rng(i) for i in range(4)]
    maps = _plasma.plasma(rngs, 50, 2.0)
    assert maps.shape == (4, 64, 64)
    assert (maps.min(axis=(1, 2)) == 0).all() and (maps.max(axis=(1, 2)) == 1).all()
    near = np.abs(np.diff(maps, axis=1)).mean()
    far = np.abs(maps[:, 32:] - maps[:, :32]).mean()
    assert near < far / 4


def test_published_constants_grow_with_severity():
    for size in (32, 64):
        noise = [_parameters.parameters_for("gaussian_noise", s, (size, size))[0] for s in SEVERITIES]
        assert noise == sorted(noise)
    assert len(CORRUPTIONS) == 19 and len(datasets.BENCHMARK) == 15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corruption": "rain"}, "Unknown corruption 'rain'. Choose one of gaussian_noise, shot_noise"),
        ({"severity": 6}, "severity must be a whole number of at least 1 and at most 5; got 6"),
        ({"severity": 0}, "got 0"),
        ({"images": np.zeros((1, 32, 32, 3))}, "must be uint8.*Multiply floats"),
        ({"images": np.zeros((1, 32, 32), np.uint8)}, r"shape \(n, height, width, 3\)"),
        (
            {"images": np.zeros((1, 48, 48, 3), np.uint8)},
            "32x32 and 64x64 pixels, none for 48x48.*parameters=",
        ),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": None}, "seed must be a whole number"),
        ({"parameters": (1, 2, 3)}, "parameters of fog are 2: amount, decay"),
        ({"corruption": "frost", "textures": "nowhere"}, "folder of frost textures nowhere"),
    ],
)
def test_bad_input_is_named(change, message):
    settings = {
        "images": grey(3, 1), "corruption": "fog", "severity": 1, "seed": 0, **change
    }  # fmt: skip
    with pytest.raises(ks.InputError, match=message):
        ks.corrupt(settings.pop("images"), settings.pop("corruption"), settings.pop("severity"), **settings)


def test_bad_textures_are_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ks.InputError, match="0 of 1 could"):
        ks.corrupt(grey(1, 1), "frost", 1, seed=0, textures=tmp_path)
    small = tmp_path / "small"
    small.mkdir()
    cv2.imwrite(str(small / "a.png"), np.zeros((100, 300, 3), np.uint8))
    with pytest.raises(ks.InputError, match="at least 160x160 pixels"):
        ks.corrupt(grey(1, 1), "frost", 1, seed=0, textures=small)


def test_other_sizes_with_parameters_of_their_own():
    images = np.random.default_rng(1).integers(0, 256, (2, 40, 56, 3), np.uint8)
    for corruption in CORRUPTIONS:
        parameters = _parameters.parameters_for(corruption, 2, (64, 64))
        assert ks.corrupt(images, corruption, 2, seed=0, parameters=parameters).shape == images.shape
