"""Trains the tiny network on the backend that KERAS_BACKEND names and saves what came out.

Run by test_backends: INPUT.npz in, OUTPUT.npz and, on JAX, OUTPUT.keras out.
"""

import sys

import keras
import numpy as np
from conftest import compiled
from conftest import tiny_network

import keras_selectivity as ks


def two_best(means, counts):
    """Share of a unit's response that its two best classes have."""
    ordered = keras.ops.sort(means, axis=0)
    return keras.ops.sum(ordered[-2:], axis=0) / keras.ops.maximum(keras.ops.sum(ordered, axis=0), 1e-7)


VARIANTS = {
    "alpha": {"alpha": -2.0},
    "zero": {"alpha": 0.0},
    "discriminability": {"alpha": 1.0, "metric": "discriminability"},
    "metric of one's own": {"alpha": 2.0, "metric": two_best},
    "some layers": {"alpha": 3.0, "layers": "first 2"},
    "warm-up": {"alpha": ks.LinearWarmup(-2.0, 3)},
    "augmix": {"alpha": -1.0, "method": ks.training.AugMixConsistency()},
    "pgd": {"alpha": -1.0, "method": ks.training.Adversarial(0.05, steps=3)},
}


def start(arrays, options, learning_rate):
    network = tiny_network()
    network.set_weights([arrays[f"w{i}"] for i in range(len(network.weights))])
    return compiled(ks.regularize(network, **options), learning_rate, jit_compile="auto")


def main(source, target):
    # Random starts differ between backends; without them adversarial images do not.
    keras.random.uniform = lambda shape, *_, **__: keras.ops.zeros(shape)
    arrays = dict(np.load(source))
    images, labels, weights = arrays["images"], arrays["labels"], arrays["sample_weight"]
    views = np.stack([images, images[:, ::-1], images[:, :, ::-1]], axis=1)
    found = {}
    for name, options in VARIANTS.items():
        x = views if name == "augmix" else images
        weighted = weights if name == "alpha" else None
        model = start(arrays, options, 1.0)
        before = [np.asarray(w) for w in model.trainable_weights]
        logs = model.train_on_batch(x, labels, sample_weight=weighted, return_dict=True)
        found |= {f"{name}/first/{key}": value for key, value in logs.items()}
        for number, (old, new) in enumerate(zip(before, model.trainable_weights, strict=True)):
            found[f"{name}/gradient/{number}"] = old - np.asarray(new)
        model = start(arrays, options, 0.02)
        epochs, monitor = 5, ks.SelectivityMonitor([(images, labels)])
        history = model.fit(
            x, labels, batch_size=len(x), sample_weight=weighted, epochs=epochs, shuffle=False, verbose=0,
            validation_data=(images, labels), callbacks=[monitor],
        ).history  # fmt: skip
        found |= {f"{name}/history/{key}": np.array(values) for key, values in history.items()}
        found |= {f"{name}/weights/{i}": np.asarray(w) for i, w in enumerate(model.network.weights)}
        if name == "alpha":
            model.save(f"{target}.keras")
            found["outputs"] = np.asarray(model.network(images, training=False))
    np.savez(target, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
