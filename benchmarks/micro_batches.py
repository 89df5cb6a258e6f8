"""Cost and memory of a large batch taken in micro-batches.

Time: a step of `micro_batch`, which passes every sample through the network twice, against plain gradient
accumulation, which passes it once and knows no selectivity of the whole batch: Keras's own
(`gradient_accumulation_steps`), and a loop in one graph, which may work on several micro-batches at once. Memory: what
a step adds to the peak of the process, by batch size, with and without micro-batches.

    python benchmarks/micro_batches.py --rounds 9
"""

import argparse
import json
import resource
import subprocess
import sys

from _interleaved import answer
from _interleaved import run

CONTESTANTS = {
    "ours": "micro_batch, alpha = -1",
    "keras": "Keras's gradient_accumulation_steps",
    "loop": "gradient accumulation in one graph",
}
PAIRS = [("ours", "keras"), ("ours", "loop")]
BATCH, MICRO_BATCH = 1024, 128


def data(batch):
    import numpy as np

    images = np.random.default_rng(0).random((batch, 32, 32, 3), np.float32)
    return images, np.arange(batch) % 10


def regularised(micro_batch):
    import keras

    import keras_selectivity as ks

    keras.utils.set_random_seed(0)
    model = ks.regularize(ks.networks.resnet20(), -1.0, micro_batch=micro_batch)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(ks.CoupledSGD(0.01), loss, metrics=["accuracy"], jit_compile=False)
    return model


def accumulation():
    import keras

    import keras_selectivity as ks

    keras.utils.set_random_seed(0)
    network = ks.networks.resnet20()
    optimizer = keras.optimizers.SGD(0.01, 0.9, gradient_accumulation_steps=BATCH // MICRO_BATCH)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    images, labels = data(BATCH)

    def step():
        for start in range(0, BATCH, MICRO_BATCH):
            part = slice(start, start + MICRO_BATCH)
            network.train_on_batch(images[part], labels[part])

    return step


def loop():
    import keras
    import tensorflow as tf

    import keras_selectivity as ks

    keras.utils.set_random_seed(0)
    network, optimizer = ks.networks.resnet20(), ks.CoupledSGD(0.01)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer.build(network.trainable_variables)
    images, labels = map(tf.constant, data(BATCH))

    @tf.function(jit_compile=False)
    def step():
        sums = [tf.zeros_like(v) for v in network.trainable_variables]
        for number in tf.range(BATCH // MICRO_BATCH):
            part = slice(number * MICRO_BATCH, (number + 1) * MICRO_BATCH)
            with tf.GradientTape() as tape:
                value = loss(labels[part], network(images[part], training=True)) * (MICRO_BATCH / BATCH)
            found = tape.gradient(value, network.trainable_variables)
            sums = [s + g for s, g in zip(sums, found, strict=True)]
        optimizer.apply(sums, network.trainable_variables)

    return step


def work(name):
    if name in ("keras", "loop"):
        step = accumulation() if name == "keras" else loop()
    else:
        model, (images, labels) = regularised(MICRO_BATCH), data(BATCH)
        step = lambda: model.train_on_batch(images, labels)  # noqa: E731
    answer(lambda: step() and None)


def memory(batch, micro_batch):
    """Prints what two steps add to the peak memory of the process, in MiB."""

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    model = regularised(micro_batch)
    images, labels = data(MICRO_BATCH)
    model.predict_on_batch(images)
    images, labels = data(batch)
    before = peak()
    for _ in range(2):
        model.train_on_batch(images, labels)
    print(json.dumps(peak() - before))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        return memory(*json.loads(options.memory))
    if options.work:
        return work(options.work)
    for micro_batch in (MICRO_BATCH, None):
        found = {}
        for batch in (256, 512, 1024, 2048):
            command = [sys.executable, __file__, "--memory", json.dumps([batch, micro_batch])]
            found[batch] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        told = ", ".join(f"{batch}: {value:,.0f} MiB" for batch, value in found.items())
        print(f"micro_batch = {micro_batch}; peak memory of a step by batch size: {told}", flush=True)
    return run(__file__, CONTESTANTS, PAIRS, options.rounds)


if __name__ == "__main__":
    main()
