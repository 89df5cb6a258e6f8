"""Trains the tiny network on N logical CPU devices, in each variant, and saves what came out. Run by test_replicas."""

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf


def main(replicas, folder, variants):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * max(replicas, 1)
    )
    devices = [f"CPU:{i}" for i in range(replicas)]
    strategy = tf.distribute.MirroredStrategy(devices) if replicas else tf.distribute.get_strategy()
    if "TF_CONFIG" in os.environ:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    for variant in variants:
        np.savez(Path(folder) / f"{variant}.npz", **train(strategy, variant))


def train(strategy, variant):
    import keras
    from conftest import compiled
    from conftest import tiny_network

    import keras_selectivity as ks

    rng = np.random.default_rng(0)
    # Sorted within the first batch, so that each replica sees only some of the classes.
    labels = np.concatenate([np.repeat(np.arange(4), 4), rng.integers(0, 4, 48)])
    images = (rng.random((64, 8, 8, 3)) * 0.5 + labels[:, None, None, None] * 0.12).astype("float32")
    weights = rng.integers(0, 3, 64).astype("float32")
    options = {"metric": "discriminability"} if variant == "discriminability" else {}
    if variant == "parts" and strategy.num_replicas_in_sync > 1:
        options = {"micro_batch": 4}  # against the whole batch on one device
    if variant == "fused norm":
        options = {"fused_batch_norm": True}
    if variant == "in place":
        options = {"copy": False}
    with strategy.scope():
        network = tiny_network(normalised=variant.endswith("norm"))
        if variant == "leaky":
            inputs = keras.Input((8, 8, 3))
            x = keras.layers.LeakyReLU(name="leaky")(keras.layers.Conv2D(4, 3)(inputs))
            x = keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(x))
            network = keras.Model(inputs, x)
        if variant == "in place":
            network = inside_a_call()
        model = compiled(ks.regularize(network, -1.0, **options), 0.01)
    arrays = (images, labels, weights) if variant == "weighted" else (images, labels)
    data = tf.data.Dataset.from_tensor_slices(arrays).batch(16, drop_remainder=True)
    history = model.fit(data, epochs=1, verbose=0).history
    evaluated = model.evaluate(data, verbose=0, return_dict=True)
    arrays = {f"w{i}": w.numpy() for i, w in enumerate(model.weights)}
    arrays |= {f"log_{k}": np.array(v) for k, v in history.items()}
    return arrays | {f"evaluated_{k}": np.array(v) for k, v in evaluated.items()}


def inside_a_call():
    """A network whose rectifier is computed in the `call` of a layer that holds its convolution."""
    import keras

    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.convolution = keras.layers.Conv2D(4, 3)

        def call(self, x):
            return keras.ops.relu(self.convolution(x))

    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(Block()(inputs))))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
