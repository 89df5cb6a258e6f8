"""A study of the papers' size: 1,320 runs of ResNet18, 37 million rows, joined, checked, drawn; what appending costs.

The runs are copies of one that was measured, with the names, alphas, seeds and arms of the study file, 90 epochs of
history and noise on the values. Making them takes a few minutes and is no part of what is timed. Every part works in a
process of its own, of which time and largest memory are printed.

    python benchmarks/results.py --folder /tmp/results --runs 1320
"""

import argparse
import itertools
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
STUDY = EXPERIMENTS / "resnet18_tiny_imagenet" / "study.toml"
MEASURED = EXPERIMENTS / "resnet18_tiny_imagenet_10_classes_reduced" / "results.parquet"
EPOCHS = 90
PIECES = 1000
# Values that are no matter of degree
FLAGS = ("dead", "preferred_class", "units")


def studied(runs):
    """The study, and the names of its first runs of every arm, in proportion."""
    from keras_selectivity.studies import read_study

    study = read_study(STUDY)
    step = len(study.runs) / runs
    return study, [list(study.runs)[int(number * step)] for number in range(runs)]


def template():
    """Rows of one network, with a history of 90 epochs."""
    from keras_selectivity import results

    table = results.read(MEASURED).filter(pl.col("other").is_null())
    one = table.filter(pl.col("model") == table["model"][0]).with_columns(
        dataset=pl.lit("tiny_imagenet").cast(pl.Categorical), epochs=EPOCHS
    )
    history = one.filter(pl.col("epoch") == 0)
    epochs = pl.DataFrame({"epoch": range(EPOCHS)})
    longer = history.drop("epoch").join(epochs, how="cross").select(one.columns)
    return pl.concat([one.filter(pl.col("epoch").is_null()), longer])


def make(folder, runs):
    """Folders of runs as a study leaves them, and the distances between its networks."""
    from keras_selectivity import results

    study, names = studied(runs)
    one, rng = template(), np.random.default_rng(0)
    varied = ~pl.col("measure").is_in(FLAGS)
    noise = pl.when(varied).then(pl.col("value") * (1 - 0.01 * pl.col("noise"))).otherwise("value")
    for name in names:
        config = study.runs[name]
        texts = {
            column: pl.lit(text).cast(pl.Categorical)
            for column, text in (("model", name), ("fingerprint", name))
        }
        run = one.with_columns(noise=rng.random(one.height)).with_columns(
            value=noise, alpha=float(config.alpha), seed=config.seed, **texts
        )
        results.Results(folder / "runs" / name / "rows").adopt(run.drop("noise"))
    by_alpha = {}
    for name in names:
        if study.arms[name] == "main":
            by_alpha.setdefault(study.runs[name].alpha, []).append(name)
    pairs = [pair for own in by_alpha.values() for pair in itertools.combinations(own, 2)]
    pairs += [
        pair
        for alpha, own in by_alpha.items()
        if alpha
        for pair in itertools.product(by_alpha.get(0.0, ()), own)
    ]
    layers = one.filter(pl.col("measure") == "dimensionality")["layer"].unique(maintain_order=True)
    table = pl.DataFrame(pairs, schema=["model", "other"], orient="row").join(
        pl.DataFrame({"layer": layers}), how="cross"
    )
    table = table.join(
        pl.DataFrame({"model": names, "alpha": [float(study.runs[name].alpha) for name in names]}), on="model"
    )
    table = table.with_columns(
        fingerprint="model", dataset=pl.lit("tiny_imagenet"), split=pl.lit("test"), samples=10_000,
        measure=pl.lit("pwcca_distance"), value=rng.random(table.height), protocol=pl.lit('{"evaluation": "pwcca"}'),
    )  # fmt: skip
    results.write(folder / "pairs.parquet", table)
    results.Results(folder / "runs" / "pairs").adopt(results.read(folder / "pairs.parquet"))


def join(folder, runs):
    """The rows of all runs as one table."""
    from keras_selectivity.studies import RunsFolder
    from keras_selectivity.studies import join

    study, _ = studied(runs)
    path = join(study, RunsFolder(folder / "runs"), folder)
    rows = pl.scan_parquet(path).select(pl.len()).collect().item()
    return f"{rows:,} rows, {path.stat().st_size / 2**20:,.0f} MiB"


def report(folder, runs):
    """The table is opened and every cell of it checked; all claims are checked; all figures drawn."""
    from keras_selectivity import claims
    from keras_selectivity import results
    from keras_selectivity.reports import draw

    start = time.perf_counter()

    def took():
        nonlocal start
        before, start = start, time.perf_counter()
        return f"{start - before:.0f} s"

    table = results.levels(results.scan(folder / "results.parquet"))
    said = [f"opened in {took()}"]
    table, _ = claims.reportable(table)
    decided = claims.check(table).filter(pl.col("ours") != "").height
    said.append(f"{decided} claims in {took()}")
    drawn, missing = draw(table, folder / "figures")
    said.append(f"{len(drawn)} figures ({len(missing)} missing) in {took()}")
    return ", ".join(said)


def append(folder, runs):
    """Pieces of a corruption are added to a folder that has a thousand and to one that has few, in turns."""
    from keras_selectivity import results

    def add(table, number):
        shared = {
            "model": f"m{number}",
            "fingerprint": "f",
            "dataset": "cifar10",
            "measure": "accuracy",
            "value": 0.5,
        }
        rows = [shared, *({**shared, "layer": "a", "unit": unit} for unit in range(64))]
        start = time.perf_counter()
        table.add(rows)
        return time.perf_counter() - start

    few, many = (results.Results(folder / f"{name}-{os.getpid()}") for name in ("few", "many"))
    for number in range(PIECES):
        add(many, number)
    times = [(add(many, PIECES + number), add(few, number)) for number in range(100)]
    low, middle, high = statistics.quantiles([a / b for a, b in times], n=4)
    return f"piece {PIECES} to {PIECES + 100} / piece 1 to 100: {middle:.2f} ({low:.2f} to {high:.2f})"


PARTS = {function.__name__: function for function in (make, join, report, append)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="a folder to work in, with 500 MB free")
    parser.add_argument("--runs", type=int, default=1320)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--work", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        said = PARTS[options.work](options.folder, options.runs)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(f"{said or ''}\t{used.ru_utime + used.ru_stime}\t{used.ru_maxrss / 2**20}")
        return
    for part in options.parts:
        start = time.perf_counter()
        command = [
            sys.executable,
            __file__,
            "--folder",
            options.folder,
            "--runs",
            str(options.runs),
            "--work",
            part,
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        said, seconds, memory = done.stdout.strip("\n").split("\n")[-1].split("\t")
        wall = time.perf_counter() - start
        print(
            f"{part}: {wall:.0f} s, {float(seconds):.0f} s of processors, {float(memory):.2f} GiB; {said}",
            flush=True,
        )


if __name__ == "__main__":
    main()
