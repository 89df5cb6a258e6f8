"""Time and peak memory of exact PCA spectra: ours against scikit-learn's full PCA.

The same matrix of correlated, rectified activations for all; contestants take turns, each in a process
of its own, and report the dimensionality they find.

    python benchmarks/dimensionality.py --samples 10000 --dimensions 16384 --rounds 3
"""

import argparse
import resource

import numpy as np
from _interleaved import answer
from _interleaved import run

CONTESTANTS = {"ours": "keras_selectivity, float32 in", "sklearn": "scikit-learn PCA, full SVD, float64 in"}


def activations(samples, dimensions, dtype):
    """Rectified mixtures of sources of falling strength, made in blocks to keep the peak low."""
    rng = np.random.default_rng(0)
    sources = rng.standard_normal([samples, 200]) / np.sqrt(np.arange(1, 201))
    found = np.empty([samples, dimensions], dtype)
    for start in range(0, dimensions, 1024):
        part = found[:, start : start + 1024]
        mixed = sources @ rng.standard_normal([200, part.shape[1]])
        part[...] = np.maximum(mixed.astype(np.float32) + 0.3, 0)
    return found


def ours(samples, dimensions):
    from keras_selectivity.representations import spectrum

    data = activations(samples, dimensions, np.float32)

    def step():
        found = spectrum(data)
        return remark(found.components(), found.eigenvalues)

    return step


def sklearn(samples, dimensions):
    from sklearn.decomposition import PCA

    data = activations(samples, dimensions, np.float64)

    def step():
        found = PCA(svd_solver="full").fit(data)
        values = found.explained_variance_ * (samples - 1) / samples
        return remark(int(np.searchsorted(np.cumsum(found.explained_variance_ratio_), 0.9) + 1), values)

    return step


def remark(components, eigenvalues):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return f"{components} components, largest eigenvalue {eigenvalues[0]:.6f}, peak {peak:.2f} GiB"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=16_384)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = options.samples, options.dimensions
    if options.work:
        return answer({"ours": ours, "sklearn": sklearn}[options.work](*size), warm_up=1)
    arguments = ["--samples", str(size[0]), "--dimensions", str(size[1])]
    return run(__file__, CONTESTANTS, [("ours", "sklearn")], options.rounds, arguments)


if __name__ == "__main__":
    main()
