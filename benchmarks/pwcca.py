"""Time of PWCCA: the paper's definition, as we compute it, against the steps of the popular NumPy code.

The popular implementation is in no package index; `variant="google"` reproduces what it computes (joint
covariance, pseudo-inverse, matrix roots by eigendecomposition, QR), and stands for it here.

    python benchmarks/pwcca.py --samples 10000 --units 64 --rounds 9
"""

import argparse

import numpy as np
from _interleaved import answer
from _interleaved import run

CONTESTANTS = {"ours": "thin SVDs of the centred activations", "popular": "covariances and their roots"}


def step(variant, samples, units):
    from keras_selectivity.representations import pwcca_distance

    rng = np.random.default_rng(0)
    sources = rng.standard_normal([samples, units])
    a, b = (np.maximum(sources @ rng.standard_normal([units, units]), 0) for _ in range(2))
    return lambda: f"distance {pwcca_distance(a, b, variant=variant):.4f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = options.samples, options.units
    if options.work:
        return answer(step({"ours": "paper", "popular": "google"}[options.work], *size))
    arguments = ["--samples", str(size[0]), "--units", str(size[1])]
    return run(__file__, CONTESTANTS, [("ours", "popular")], options.rounds, arguments)


if __name__ == "__main__":
    main()
