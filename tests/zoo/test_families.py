"""Every family of networks can be regularised: alpha = 0 is the plain step, a term changes it, a file keeps it."""

import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest
from zoo.checks import check
from zoo.checks import in_float64
from zoo.families import APPLICATIONS
from zoo.families import HEADS
from zoo.families import HUB
from zoo.families import OWN
from zoo.families import TEXT
from zoo.families import hub

import keras_selectivity as ks

# Keras Hub's tasks have a compile of their own, and build layers late.
pytestmark = pytest.mark.filterwarnings("ignore:`compile:UserWarning", "ignore:`build:UserWarning")


@pytest.mark.parametrize("build", OWN.values(), ids=OWN)
def test_own(build, tmp_path):
    assert check(build, tmp_path).taps


@pytest.mark.parametrize("family", ["dense layers", "SwiGLU", "convolutions of one dimension", "LSTM"])
def test_where_keras_computes_in_float64(family, tmp_path):
    """The term is computed in float32; the network's step stays one of float64."""
    with in_float64():
        model = check(OWN[family], tmp_path)
        assert {value.dtype for value in model.network.trainable_variables} == {"float64"}


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("keras_hub") is None, reason="needs keras-hub")
@pytest.mark.parametrize("build", HUB.values(), ids=HUB)
def test_keras_hub(build, tmp_path):
    assert check(build, tmp_path).taps


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "left_out"), [(APPLICATIONS["MobileNetV3"], 18), (APPLICATIONS["ConvNeXt"], 0)]
)
def test_keras_applications(build, left_out):
    """Squeeze-and-excite blocks hold two non-linearities each; the copy computes what the network does."""
    report = ks.regularize(build(), -1.0).report
    assert len(report.found) == (5 if left_out else 18)
    assert sum("squeeze-and-excite" in reason for reason in report.skipped.values()) == left_out


def test_the_table_lists_them():
    text = (Path(ks.__file__).parents[1] / "docs" / "science" / "networks.md").read_text()
    rows = text.partition("<!-- table of networks -->")[2].partition("<!-- end")[0].splitlines()
    listed = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    expected = [
        *OWN,
        *(f"Keras Hub: {name}" for name in HUB),
        *(f"keras.applications: {name}" for name in APPLICATIONS),
    ]
    assert listed[3:] == expected, "run docs/make_networks.py"


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("keras_hub") is None, reason="needs keras-hub")
def test_alpha_moves_the_selectivity_of_a_text_classifier():
    """BERT reads the embedded images as 64 words of 15 grey levels; what alpha asks for is seen on other images."""
    data = ks.datasets.load("shapes")

    def words(split, count):
        images = np.asarray(split.images[:count], np.float32).mean(axis=-1)
        blocks = images.reshape(len(images), 8, images.shape[1] // 8, 8, images.shape[2] // 8).mean(
            axis=(2, 4)
        )
        tokens = 1 + np.round(blocks / blocks.max() * 14).astype("int32").reshape(len(images), 64)
        inputs = {
            "token_ids": tokens,
            "segment_ids": np.zeros_like(tokens),
            "padding_mask": np.ones_like(tokens),
        }
        return inputs, np.asarray(split.labels[:count])

    texts, labels = words(data.train, 512)
    found = {}
    for alpha in (-3.0, 0.0, 3.0):
        keras.utils.set_random_seed(0)
        model = hub("Bert", **{**TEXT, **HEADS, "max_sequence_length": 64}, num_classes=data.classes)()
        regularized = ks.regularize(model, alpha, layers=lambda name: "feedforward" in name)
        regularized.compile(
            keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        regularized.fit(texts, labels, batch_size=64, epochs=4, verbose=0)
        exported = ks.wrap(regularized)
        layers = ks.measure_selectivity(exported, words(data.test, 256), verbose=0).layers
        found[alpha] = np.mean([layer.selectivity.mean() for layer in layers if "feedforward" in layer.name])
    assert found[-3.0] < found[0.0] < found[3.0], found
