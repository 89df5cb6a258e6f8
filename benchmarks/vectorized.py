"""Time of many runs trained in one JAX program against the time of one, and what bounds it.

An epoch of each program in turns, on random images; reported is the median over rounds of the ratio within a round.
Then the arithmetic and the bytes that XLA counts for a step of each program, as shares of what the device reaches in
one large matrix product and in one large addition.

    KERAS_BACKEND=jax python benchmarks/vectorized.py --runs 16
    KERAS_BACKEND=jax python benchmarks/vectorized.py --runs 4 --network resnet8 --steps 2 --batch 64
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import keras
import numpy as np

from keras_selectivity.datasets import Batches
from keras_selectivity.datasets import Split
from keras_selectivity.studies import RunConfig
from keras_selectivity.studies._setup import build
from keras_selectivity.studies._setup import recipe_of
from keras_selectivity.training import VectorizedTraining


def program(count, options, split):
    """A program of `count` runs, and a function that trains it for an epoch."""
    config = RunConfig(
        "cifar10", options.network, -1.0, precision=options.precision, batch_size=options.batch
    )
    models = []
    for seed in range(count):
        keras.utils.set_random_seed(seed)
        models.append(build(config, recipe_of(config), 10, (32, 32, 3)))
    together = VectorizedTraining(models, *split, pad=4)
    plans = [Batches(split, options.batch, seed=seed, pad=4).plans(0) for seed in range(count)]

    def epoch():
        together.train_epoch(plans, np.full(count, -1.0), 0.01)
        jax.block_until_ready(together.state)

    return together, plans, epoch


def counted(together, plans):
    """Arithmetic operations and bytes of a step, as XLA counts them."""
    step = jax.tree.map(lambda *values: np.stack(values)[None], *[mine[0] for mine in plans])
    state = (*together.state, together.no_metrics)
    found = (
        jax.jit(together.train_steps)
        .lower(state, step, together.images, together.labels)
        .compile()
        .cost_analysis()
    )
    found = found[0] if isinstance(found, list) else found
    return found["flops"], found["bytes accessed"]


def ceilings(precision):
    """Operations a second of a large matrix product, and bytes a second of a large addition."""
    size = 8192 if jax.default_backend() == "gpu" else 1024
    matrix = jnp.ones((size, size), precision)
    vector = jnp.ones((size * size,), "float32")

    def seconds(function, *arguments):
        jax.block_until_ready(function(*arguments))
        times = []
        for _ in range(7):
            start = time.perf_counter()
            jax.block_until_ready(function(*arguments))
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    product = seconds(jax.jit(jnp.matmul), matrix, matrix)
    addition = seconds(jax.jit(lambda v: v + 1), vector)
    return 2 * size**3 / product, 8 * size * size / addition


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="resnet20")
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=50, help="steps per epoch")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    samples = options.batch * options.steps
    images = np.random.default_rng(0).integers(0, 256, (samples, 32, 32, 3), np.uint8)
    split = Split(images, np.arange(samples) % 10)
    programs = {count: program(count, options, split) for count in (1, options.runs)}
    for *_, epoch in programs.values():
        epoch()
    times = {count: [] for count in programs}
    for _ in range(options.rounds):
        for count, (*_, epoch) in programs.items():
            start = time.perf_counter()
            epoch()
            times[count].append(time.perf_counter() - start)
    ratios = [many / one for one, many in zip(*times.values(), strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    print(f"{options.network}, {options.precision}, batch {options.batch}, {jax.devices()[0].device_kind}")
    print(f"{options.runs} runs / one: {statistics.median(ratios):.2f} (quartiles {low:.2f} to {high:.2f})")
    arithmetic, traffic = ceilings(options.precision)
    for count, (together, plans, _) in programs.items():
        flops, moved = counted(together, plans)
        step = statistics.median(times[count]) / options.steps
        print(
            f"{count:3} runs: {flops / step / arithmetic:.0%} of the arithmetic and {moved / step / traffic:.0%} of the "
            "memory traffic that the device reaches"
        )


if __name__ == "__main__":
    main()
