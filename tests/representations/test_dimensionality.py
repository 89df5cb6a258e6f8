"""PCA dimensionality against closed-form spectra and scikit-learn."""

import numpy as np
import pytest
from conftest import tiny_network

import keras_selectivity as ks
from keras_selectivity.representations import RunningCovariance
from keras_selectivity.representations import spectrum


def with_spectrum(values, samples, seed=0):
    """Activations whose covariance has exactly these eigenvalues, in a random basis."""
    rng = np.random.default_rng(seed)
    dims = len(values)
    scores = rng.standard_normal([samples, dims])
    scores -= scores.mean(axis=0)
    scores = np.linalg.qr(scores)[0] * np.sqrt(samples)
    basis = np.linalg.qr(rng.standard_normal([dims, dims]))[0]
    return scores * np.sqrt(values) @ basis + rng.standard_normal(dims) * 5


@pytest.mark.parametrize(
    ("values", "variance", "components"),
    [
        ([9, 1, 0, 0], 0.9, 1),
        ([8.9, 1, 0.1, 0], 0.9, 2),
        ([1] * 10, 0.9, 9),
        ([1] * 10, 1.0, 10),
        ([4, 3, 2, 1], 0.5, 2),
        ([0.5**i for i in range(20)], 0.9, 4),  # 1 - 2^-k first exceeds 0.9 at k = 4
    ],
)
def test_planted_spectra(values, variance, components):
    found = spectrum(with_spectrum(values, 60))
    np.testing.assert_allclose(found.eigenvalues, sorted(values, reverse=True), atol=1e-9)
    assert found.components(variance) == components
    assert found.fraction(variance) == components / len(values)
    values = np.array(values, float)
    assert found.participation_ratio == pytest.approx(values.sum() ** 2 / (values**2).sum())
    assert ks.dimensionality(with_spectrum(values, 60), variance) == components / len(values)


@pytest.mark.parametrize("shape", [(200, 30), (40, 300), (50, 50), (5, 3000)])
def test_equal_to_scikit_learn(shape, monkeypatch):
    decomposition = pytest.importorskip("sklearn.decomposition")
    rng = np.random.default_rng(1)
    activations = rng.standard_normal(shape) @ rng.standard_normal([shape[1], shape[1]]) / 9 + 3
    monkeypatch.setattr("keras_selectivity.representations._dimensionality._COLUMNS_AT_A_TIME", 37)
    found = spectrum(activations)
    theirs = decomposition.PCA(svd_solver="full").fit(activations)
    expected = theirs.explained_variance_ * (shape[0] - 1) / shape[0]
    np.testing.assert_allclose(found.eigenvalues, expected, atol=1e-6 * expected[0])
    k = int(np.searchsorted(np.cumsum(theirs.explained_variance_ratio_), 0.9) + 1)
    assert found.components() == k


def test_dead_constant_and_duplicate_dimensions():
    base = with_spectrum([1.0, 1.0], 50)
    constant = np.full([50, 3], 7.0)
    both = np.concatenate([base, constant, np.zeros([50, 5])], axis=1)
    found = spectrum(both)
    assert (found.components(), found.dimensions, found.alive) == (2, 10, 2)
    assert found.fraction() == 0.2 and found.fraction(alive_only=True) == 1
    assert spectrum(np.concatenate([base] * 4, axis=1)).components() == 2
    assert ks.dimensionality(constant) == 0 and spectrum(constant).participation_ratio == 0
    wide = spectrum(np.full([8, 1000], 0.1))  # whose mean in floating point is not 0.1
    assert wide.fraction(0.9) == wide.participation_ratio == 0 == wide.eigenvalues.max()
    wide = np.concatenate([base, np.zeros([50, 100])], axis=1)
    assert (spectrum(wide).components(), spectrum(wide).alive) == (2, 2)


def test_maps_are_flattened_and_shifts_do_not_matter():
    maps = np.random.default_rng(0).random([30, 2, 3, 4])
    assert ks.dimensionality(maps) == ks.dimensionality(maps.reshape(30, 24))
    far = maps.reshape(30, 24) + 1e5
    np.testing.assert_allclose(spectrum(far).eigenvalues, spectrum(maps).eigenvalues, atol=1e-9)


def test_streaming_equals_the_whole():
    activations = np.random.default_rng(0).random([70, 12]).astype("float32") * 1e-3 + 100
    running = RunningCovariance(12)
    for part in np.array_split(activations, [1, 1, 30]):
        running.update(part)
    expected = np.linalg.eigvalsh(np.cov(activations.T.astype(np.float64), bias=True))[::-1]
    np.testing.assert_allclose(running.spectrum().eigenvalues, expected, rtol=1e-6, atol=1e-14)


def test_every_layer_of_a_network_in_one_pass(exported_path, tiny_data):
    exported = ks.load(exported_path)
    images = tiny_data[0]
    perturbed = np.clip(images + 0.1 * np.random.default_rng(0).standard_normal(images.shape), 0, 1)
    clean, other = (
        {n: np.asarray(v, np.float64) for n, v in exported.unit_means(x.astype("float32")).items()}
        for x in (images, perturbed)
    )
    found = ks.layer_spectra(exported, images, batch_size=7, verbose=0)
    change = ks.layer_spectra(exported, images, perturbed, batch_size=7, verbose=0)
    assert list(found) == list(change) == exported.layer_names
    for name in found:
        for spectra, values in ((found, clean[name]), (change, clean[name] - other[name])):
            expected = np.linalg.eigvalsh(np.cov(values.T, bias=True))[::-1]
            np.testing.assert_allclose(spectra[name].eigenvalues, expected, atol=1e-6 * expected[0])
    full = ks.layer_spectra(exported, images, layers=["conv_c"], full_maps=True, batch_size=7, verbose=0)
    maps = np.asarray(exported.activations(images)["conv_c"], np.float64).reshape(48, -1)
    expected = np.linalg.eigvalsh(np.cov(maps.T, bias=True))[::-1][:48]
    np.testing.assert_allclose(full["conv_c"].eigenvalues, expected, atol=1e-6 * expected[0])
    assert full["conv_c"].dimensions == maps.shape[1] > 48


def test_bad_input_is_named(exported_path, tiny_data, tmp_path):
    for activations in (np.zeros([1, 5]), np.zeros([0, 5]), np.zeros([5, 0]), np.zeros(5)):
        with pytest.raises(ks.InputError, match="at least two samples"):
            ks.dimensionality(activations)
    for bad in (np.nan, np.inf):
        for shape in ((9, 3), (3, 9)):
            with pytest.raises(ks.InputError, match="must be finite"):
                ks.dimensionality(np.full(shape, bad))
    for variance in (0, 1.1, float("nan")):
        with pytest.raises(ks.InputError, match="variance must"):
            ks.dimensionality(np.eye(4), variance)
    exported = ks.load(exported_path)
    images = tiny_data[0]
    with pytest.raises(ks.InputError, match=r"Unknown layers relu_z. There are relu_a"):
        ks.layer_spectra(exported, images, layers=["relu_z"], verbose=0)
    with pytest.raises(ks.InputError, match="48 clean images come with 47"):
        ks.layer_spectra(exported, images, images[1:], verbose=0)
    with pytest.raises(ks.InputError, match="at least two images"):
        ks.layer_spectra(exported, images[:1], verbose=0)
    network = tiny_network(normalised=False)
    conv = network.get_layer("conv_c")
    conv.set_weights([conv.get_weights()[0], conv.get_weights()[1] + 3e38])
    ks.export(network, tmp_path / "m")
    with pytest.raises(ks.InputError, match=r"not finite \(NaN or infinity\): layer conv_c"):
        ks.layer_spectra(ks.load(tmp_path / "m"), images, verbose=0)
