"""The private names of Keras and TensorFlow that `_keras_private.py` uses: each has a test, whose failure names what
moved."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from tensorflow.python.framework import convert_to_constants

from keras_selectivity import _keras_private as private
from keras_selectivity._keras_private import ChoosesExample

NAMES = [
    (layers.Layer, "_flatten_layers"),
    (layers.Layer(), "_tracker"),
    (keras.optimizers.Optimizer, "_get_variable_index"),
    (keras.Model, "_symbolic_build"),
    (keras.Model, "_maybe_symbolic_build"),
    (keras.Model(), "_distribute_strategy"),
    (convert_to_constants, "convert_variables_to_constants_v2"),
]


@pytest.mark.parametrize(("owner", "name"), NAMES, ids=[name for _, name in NAMES])
def test_the_name_is_there(owner, name):
    known = f"Keras {keras.__version__} has no {name}: see keras_selectivity/_keras_private.py for what it is for."
    assert hasattr(owner, name), known


class _Nested(layers.Layer):
    def __init__(self):
        super().__init__()
        self.first, self.second = layers.Dense(2), layers.Dense(3)
        self.several, self.named = [layers.Dense(4), layers.Dense(5)], {"a": layers.Dense(6)}

    def call(self, inputs):
        for layer in (self.first, self.second, *self.several, self.named["a"]):
            inputs = layer(inputs)
        return inputs


def test_flatten_layers_are_of_all_levels():
    """`_flatten_layers`."""
    model = keras.Sequential([keras.Input((3,)), _Nested()])
    assert [type(layer) for layer in private.flatten_layers(model)].count(layers.Dense) == 5


@pytest.mark.parametrize("place", ["attribute", "list", "dict"])
def test_a_new_sublayer_has_the_old_one_s_place(place):
    """`_tracker`, `tracker`, `is_in_store` and `replace_tracked_value`."""
    owner, new = _Nested(), layers.Dense(7)
    held, old = {
        "attribute": (owner, owner.first),
        "list": (owner.several, owner.several[0]),
        "dict": (owner.named, owner.named["a"]),
    }[place]
    before = private.flatten_layers(owner)
    private.track_instead(held, old, new)
    if place == "attribute":
        owner.first = new
    else:
        held[{"list": 0, "dict": "a"}[place]] = new
    assert private.flatten_layers(owner) == [new if layer is old else layer for layer in before]
    private.track_instead(owner, layers.Dense(8), layers.Dense(9))  # not tracked
    assert private.flatten_layers(owner) == [new if layer is old else layer for layer in before]


def test_variables_have_the_index_they_were_built_with():
    """`_get_variable_index`."""
    variables = [keras.Variable(np.zeros(n), name=f"v{n}") for n in (2, 3, 4)]
    optimizer = keras.optimizers.SGD()
    optimizer.build(variables)
    assert [private.variable_index(optimizer, v) for v in reversed(variables)] == [2, 1, 0]


class _Model(ChoosesExample):
    """Takes half of what comes, on which Keras could not build it."""

    def __init__(self):
        super().__init__(name="own")
        self.dense, self.asked = layers.Dense(2), []

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, data):
        x, y = data
        return super().train_step((x[:, :3], y))

    def example(self, first, strategy):
        x, y = first()
        self.asked.append((tuple(x.shape), type(strategy).__name__))
        return x[:, :3], y


def _compiled():
    model = _Model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(), loss=loss, metrics=["accuracy"])
    return model


def test_build_on_makes_everything_but_a_step():
    """`_symbolic_build`."""
    model = _compiled()
    private.build_on(model, (np.ones((4, 6), np.float32), np.zeros(4, int)))
    assert model.dense.kernel.shape == (3, 2) and model.optimizer.built
    assert {m.name for m in model.metrics} >= {"loss", "compile_metrics"}
    assert model.asked == [((4, 6), "NoneType")]


@pytest.mark.parametrize("of_keras", [True, False], ids=["of numbers", "of a data set"])
def test_a_model_on_replicas_is_built_on_its_own_example(of_keras):
    """`_maybe_symbolic_build`, `_distribute_strategy`, and the items of Keras's epoch iterator."""
    x, y = np.ones((8, 6), np.float32), np.zeros(8, int)
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = _compiled()
    given = (x, y) if of_keras else (tf.data.Dataset.from_tensor_slices((x, y)).batch(4),)
    model.fit(*given, batch_size=4 if of_keras else None, verbose=0)
    assert model.asked[0] == ((4, 6), "MirroredStrategy")
    assert model.dense.kernel.shape == (3, 2)


def test_an_archive_writes_each_variable_once(tmp_path):
    """`ExportArchive._tf_trackable`: what is written is as large as the weights, and a loaded archive has them all."""
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.BatchNormalization()])
    archive = keras.export.ExportArchive()
    archive.track(model)
    private.write_once(archive)
    archive.add_endpoint("outputs", model.call, [keras.InputSpec(shape=(None, 6), dtype="float32")])
    archive.write_out(tmp_path, verbose=False)
    written = [
        np.prod(shape) for _, shape in tf.train.list_variables(tmp_path / "variables" / "variables") if shape
    ]
    assert sum(written) == model.count_params()
    loaded = tf.saved_model.load(tmp_path)
    assert (len(loaded.variables), len(loaded.trainable_variables)) == (6, 4)
    x = np.random.default_rng(0).random((3, 6), np.float32)
    np.testing.assert_allclose(loaded.outputs(x), model(x), atol=1e-6)


ON_JAX = """
import keras
import numpy as np
from keras_selectivity._keras_private import ChoosesExample

class Model(ChoosesExample):
    def __init__(self):
        super().__init__(name="own")
        self.dense, self.asked = keras.layers.Dense(2), []

    def call(self, inputs):
        return self.dense(inputs)

    def example(self, first, strategy):
        self.asked.append([np.shape(part) for part in first()])
        return None

model = Model()
model.compile("sgd", "mse")
model.fit(np.ones((8, 6), np.float32), np.zeros((8, 2)), batch_size=4, verbose=0)
assert keras.backend.backend() == "jax" and model.asked == [[(4, 6), (4, 2)]], model.asked
"""


def test_a_model_on_jax_is_asked_for_its_example():
    """`_symbolic_build`, and the items of Keras's epoch iterator, on JAX."""
    pytest.importorskip("jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    run = subprocess.run([sys.executable, "-c", ON_JAX], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_iterator_items_on_both_kinds_of_batches():
    """The items of the epoch iterator: `(step, batches)` or `(begin, end, batches)`, a list or an iterator."""
    for item in ((0, ["a", "b"]), (0, 1, ["a", "b"]), (0, 1, iter("ab"))):
        assert private.first_batch(iter([item])) == "a"


def test_what_is_frozen_has_no_calls_and_no_variables():
    """`convert_variables_to_constants_v2`."""
    variable = tf.Variable([2.0, 3.0])
    inner = tf.function(lambda x: {"b": x * variable, "a": x + 1})
    outer = tf.function(lambda x: inner(x))
    frozen = private.frozen(outer.get_concrete_function(tf.TensorSpec([2])))
    kinds = {operation.type for operation in frozen.graph.get_operations()}
    assert kinds.isdisjoint({"PartitionedCall", "StatefulPartitionedCall", "ReadVariableOp"})
    a, b = frozen(tf.constant([1.0, 1.0]))  # in the order of the names
    assert a.numpy().tolist() == [2, 2] and b.numpy().tolist() == [2, 3]


def test_no_other_file_uses_them():
    package = Path(private.__file__).parent
    uses = {
        f"{path.name}: {name}"
        for path in package.rglob("*.py")
        for name in ("keras.src", ".tracker", *(name for _, name in NAMES))
        if path.name != "_keras_private.py" and name in path.read_text()
    }
    assert not uses
