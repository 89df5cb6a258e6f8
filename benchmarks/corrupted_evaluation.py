"""Share of a corrupted evaluation that is spent in the network.

All 19 corruptions at all severities are generated while the network works on the ones before.

    python benchmarks/corrupted_evaluation.py MODEL --data-dir tensorflow_datasets
"""

import argparse
import time

import numpy as np

import keras_selectivity as ks
from keras_selectivity.measurements import Corruptions
from keras_selectivity.measurements import Evaluation
from keras_selectivity.measurements import evaluate


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="SavedModel of a CIFAR-10 network")
    parser.add_argument("--data-dir", help="directory with prepared data sets")
    parser.add_argument("--samples", type=int, default=2000)
    options = parser.parse_args()
    exported = ks.load(options.model)
    logits, spent = exported.logits, []

    def timed(x):
        start = time.perf_counter()
        found = np.asarray(logits(x))
        spent.append(time.perf_counter() - start)
        return found

    exported.logits = timed
    clean = Evaluation("cifar10", limit=options.samples)
    evaluate({"model": exported}, clean, data_dir=options.data_dir, verbose=0)  # warm up
    spent.clear()
    start = time.perf_counter()
    corrupted = Evaluation("cifar10", limit=options.samples, measure=[Corruptions()])
    evaluate({"model": exported}, corrupted, data_dir=options.data_dir, verbose=0)
    whole = time.perf_counter() - start
    print(f"{sum(spent) / whole:.1%} of the time in the network")


if __name__ == "__main__":
    main()
