"""All unit measures of a network, and their rank correlations."""

import numpy as np
import pytest
import reference
from conftest import tiny_network
from scipy import stats

import keras_selectivity as ks
from keras_selectivity import selectivity
from keras_selectivity.representations import rank_correlations


@pytest.fixture(name="exported", scope="module")
def _exported(exported_path):
    return ks.load(exported_path)


def test_measures_are_those_of_the_activations(exported, tiny_data):
    images, labels = tiny_data
    found = ks.measure_units(exported, images, labels, batch_size=11, bins=5, verbose=0)
    assert [layer.name for layer in found] == exported.layer_names
    for layer in found:
        values = exported.unit_means(images)[layer.name].numpy()
        exact = values.astype(np.float64)
        np.testing.assert_allclose(layer.selectivity, reference.selectivity_index(exact, labels), atol=1e-6)
        np.testing.assert_allclose(
            layer.discriminability, reference.discriminability(exact, labels), rtol=1e-4
        )
        np.testing.assert_array_equal(layer.precision, selectivity.precision(values, labels))
        np.testing.assert_array_equal(layer.active_share, (values > 0).mean(axis=0))
        np.testing.assert_array_equal(layer.sparse, (values > 0).mean(axis=0) < 0.5)
        expected = selectivity.mutual_information(values, labels, bins=5)
        np.testing.assert_allclose(layer.mutual_information, expected, atol=0.1)


def test_rank_correlations_leave_dead_units_out(tmp_path, tiny_data):
    network = tiny_network(normalised=False)
    conv = network.get_layer("conv_c")
    conv.set_weights([conv.get_weights()[0], np.array([-1e3, 0, 0, -1e3, 0, 0], "float32")])
    ks.export(network, tmp_path / "m")
    layers = ks.measure_units(ks.load(tmp_path / "m"), *tiny_data, verbose=0)
    alive = ~np.concatenate([layer.dead for layer in layers])
    assert (~alive).sum() >= 2
    a, b = (
        np.concatenate([getattr(layer, m) for layer in layers])[alive]
        for m in ("selectivity", "discriminability")
    )
    found = rank_correlations(layers)["selectivity", "discriminability"]
    assert found[0] == pytest.approx(np.corrcoef(stats.rankdata(a), stats.rankdata(b))[0, 1])
    assert len(rank_correlations(layers)) == 10
    with pytest.raises(ks.InputError, match="at least three units"):
        rank_correlations([type(layers[0])(**{**vars(layers[0]), "dead": np.ones(4, bool)})])


def test_bad_input_is_named(exported, tiny_data):
    images, labels = tiny_data
    for arguments, options, message in (
        ((images, labels * 0), {}, "at least two classes"),
        ((images, labels[:-1]), {}, "Expected 48 integer labels"),
        ((images, labels), {"layers": ["x"]}, "Unknown layers x"),
        ((images, labels), {"top": 99}, "Layer relu_a: top must lie between 1 and the 48 samples"),
    ):
        with pytest.raises(ks.InputError, match=message):
            ks.measure_units(exported, *arguments, **options, verbose=0)
