"""Whoever imports the package, in whatever order, can load what it saved."""

import importlib
import pkgutil
import subprocess
import sys

import keras
import pytest
from conftest import compiled
from conftest import tiny_network

import keras_selectivity as ks
from keras_selectivity._registration import CLASSES

SECOND = "import keras_selectivity, keras"
ORDERS = [
    SECOND,
    pytest.param("import keras, keras_selectivity", marks=pytest.mark.slow),
    pytest.param("import keras_selectivity.selectivity._batch, keras", marks=pytest.mark.slow),
    pytest.param("from keras_selectivity.training import UnitMeans; import keras", marks=pytest.mark.slow),
    pytest.param(
        "import keras_selectivity, tensorflow; from keras_selectivity import studies; import keras",
        marks=pytest.mark.slow,
    ),
]


@pytest.fixture(scope="module", name="saved")
def _saved(tmp_path_factory, tiny_data):
    method = ks.training.Adversarial(0.01, steps=1)
    model = compiled(ks.regularize(tiny_network(), -1.0, warmup_epochs=2, method=method))
    model.fit(*tiny_data, batch_size=24, epochs=1, verbose=0)
    path = tmp_path_factory.mktemp("saved") / "epoch-0001.keras"
    model.save(path)
    return path


@pytest.mark.parametrize("imports", ORDERS)
def test_a_fresh_process_loads_our_files(saved, imports):
    code = (
        f"{imports}\nmodel = keras.saving.load_model({str(saved)!r})\n"
        "print(*(type(o).__name__ for o in (model, model.optimizer, model.alpha, model.method)), model.taps[0].name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["SelectivityModel", "CoupledSGD", "LinearWarmup", "Adversarial", "relu_a"]


def test_no_class_is_forgotten():
    for room in (ks.training, ks.networks):
        for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            importlib.import_module(module.name)
    known = {
        name.removeprefix("keras_selectivity>"): found
        for name, found in keras.saving.get_custom_objects().items()
        if name.startswith("keras_selectivity>")
    }
    assert set(known) == set(CLASSES)
    assert all(isinstance(found, type) and found.__name__ == name for name, found in known.items())
