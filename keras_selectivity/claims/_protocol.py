"""The papers' protocols, and in what rows depart from them."""

import polars as pl

from keras_selectivity.results import Table
from keras_selectivity.results import levels

# Network -> data set, epochs, seeds, batch, training samples ("Selectivity considered harmful",
# appendices A.1 and A.18).
PAPERS: dict[str | None, tuple[str, int, int, int, int]] = {
    "resnet20": ("cifar10", 200, 20, 256, 45_000),
    "vgg16": ("cifar10", 200, 20, 256, 45_000),
    "resnet18": ("tiny_imagenet", 90, 20, 4096, 90_000),
    "resnet50": ("tiny_imagenet", 90, 5, 1400, 90_000),
}
_TEST_SAMPLES = 10_000


def departures(table: Table) -> list[str]:
    """In what rows depart from the papers' protocol.

    Args:
        table: What `keras_selectivity.results.read` or `scan` returns.

    Returns:
        A list of short texts, empty if in nothing.
    """
    trained = levels(table).rows.filter(pl.col("alpha").is_not_null())
    if trained.is_empty():
        return ["no network of the rows was trained with a known alpha"]
    by = ["network", "dataset"]
    found = []
    for network, dataset in sorted(trained.select(by).unique().iter_rows(), key=str):
        mine = trained.filter(
            pl.col(n).eq_missing(pl.lit(v)) for n, v in zip(by, (network, dataset), strict=True)
        )
        found += _departures(mine, network, dataset)
    return found


def _departures(mine: pl.DataFrame, network: str | None, dataset: str | None) -> list[str]:
    found = []
    if network not in PAPERS or PAPERS[network][0] != dataset:
        papers = [f"{name} on {p[0]}" for name, p in PAPERS.items()]
        found.append(f"{network} on {dataset}, which is none of {', '.join(papers)}")
    like = [PAPERS[network]] if network in PAPERS else [p for p in PAPERS.values() if p[0] == dataset]
    if not like:
        return found
    _, epochs, seeds, batch, samples = like[0]
    for name, column, wanted in (
        ("epochs", "epochs", epochs),
        ("training samples", "samples_trained_on", samples),
        ("samples per batch", "batch_size", batch),
    ):
        value = min(mine[column].fill_null(0))
        if value != wanted:
            found.append(f"{value:,} {name} instead of {wanted:,}")
    fewest = min(mine.group_by("arm", "alpha").agg(pl.col("seed").n_unique())["seed"])
    if fewest < seeds:
        found.append(f"{fewest} seed{'s' * (fewest > 1)} an α instead of {seeds}")
    tested = mine.filter(pl.col("split") == "test", pl.col("measure") == "accuracy", pl.col("samples") > 0)
    if not tested.is_empty() and min(tested["samples"]) < _TEST_SAMPLES:
        found.append(f"measured on {min(tested['samples']):,} of {_TEST_SAMPLES:,} test images")
    return found
