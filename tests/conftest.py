"""Shared fixtures: tiny data, tiny networks, and where real data lie."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Processes that a test starts know the network of `offered`, too.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(__file__).with_name("offered")), *filter(None, [os.environ.get("PYTHONPATH")])]
)
if "PYTEST_XDIST_WORKER" in os.environ:
    # A thread for each worker, and for what it starts: more only wait for each other.
    for _name in (
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
    ):
        os.environ.setdefault(_name, "1")

import numpy as np
import pytest

DATA = os.environ.get("KERAS_SELECTIVITY_TEST_DATA", "")


def real_data(relative):
    """Path of a real file or folder, or a skip that says what is missing."""
    path = Path(DATA) / relative
    if not DATA or not path.exists():
        pytest.skip(f"needs {relative} below the folder named by KERAS_SELECTIVITY_TEST_DATA")
    return path


@pytest.fixture(scope="session")
def cifar10():
    """The real data set."""
    from keras_selectivity import datasets

    return datasets.load("cifar10", real_data("tensorflow_datasets"))


@pytest.fixture(scope="session")
def tiny_data():
    """48 random 8x8 images with integer labels of four classes, whose brightness tells the class."""
    rng = np.random.default_rng(0)
    labels = np.arange(48) % 4
    images = rng.random((48, 8, 8, 3)) * 0.5 + labels[:, None, None, None] * 0.12
    return images.astype("float32"), labels


def tiny_network(normalised=True, classes=4, seed=0):
    """A residual network of three ReLU layers with 4, 4 and 6 units on 8x8 images."""
    import keras
    from tiny_network import tiny

    keras.utils.set_random_seed(seed)
    return tiny(classes, normalised=normalised)


def compiled(model, learning_rate=0.05, **options):
    """The model, compiled with the papers' optimiser and cross-entropy of logits."""
    import keras

    import keras_selectivity as ks

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    options = {"jit_compile": False, "metrics": ["accuracy"], "loss": loss, **options}
    model.compile(optimizer=ks.CoupledSGD(learning_rate), **options)
    return model


@pytest.fixture(scope="session")
def exported_path(tmp_path_factory, tiny_data):
    """A tiny network, trained for two epochs at alpha = -1 and exported."""
    import keras_selectivity as ks

    model = compiled(ks.regularize(tiny_network(), -1.0))
    model.fit(*tiny_data, batch_size=24, epochs=2, verbose=0)
    path = tmp_path_factory.mktemp("exported") / "model"
    ks.export(model, path, seed=5, protocol={"epochs": 2})
    return path
