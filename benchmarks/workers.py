"""Throughput of a machine: as many training processes as cores with one thread each, against one with all.

ResNet20 of the package at alpha = -1, batch 256, as `study run --workers N` trains it. A step of one contestant
is a training step for each core: one after the other in one process that uses all cores, or one in each of N
processes of one thread.

    python benchmarks/workers.py --rounds 15
"""

import argparse
import os
import subprocess
import sys

from _interleaved import answer
from _interleaved import run

CORES = len(os.sched_getaffinity(0))
CONTESTANTS = {"one": f"one process with {CORES} threads", "many": f"{CORES} processes with one thread each"}


def alone():
    """One training process, which takes a step for every line that it reads."""
    import numpy as np
    from train_step import keras_step

    images = np.random.default_rng(0).random((256, 32, 32, 3)).astype("float32")
    step = keras_step("alpha -1", "resnet20", images, np.arange(256) % 10)
    answer(lambda: step() and None)


def steps_of(processes):
    """A function that takes a step for each core."""
    environment = {**os.environ}
    if processes > 1:
        environment |= dict.fromkeys(
            ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
        )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, __file__, "--work", "alone"]
    workers = [subprocess.Popen(command, env=environment, **pipes) for _ in range(processes)]
    for worker in workers:
        worker.stdout.readline()

    def step():
        for _ in range(CORES // processes):
            for worker in workers:
                worker.stdin.write("\n")
                worker.stdin.flush()
            for worker in workers:
                worker.stdout.readline()

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work == "alone":
        return alone()
    if options.work:
        return answer(steps_of(CORES if options.work == "many" else 1))
    return run(__file__, CONTESTANTS, [("many", "one")], options.rounds)


if __name__ == "__main__":
    main()
