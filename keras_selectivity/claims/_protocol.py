"""In what rows depart from the papers' protocols."""

import json
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import polars as pl

from keras_selectivity.claims._declared import CORRUPTION
from keras_selectivity.claims._declared import MEASURED
from keras_selectivity.claims._declared import OF_ARMS
from keras_selectivity.claims._declared import PAPERS
from keras_selectivity.claims._declared import TEST_SAMPLES
from keras_selectivity.claims._declared import Paper
from keras_selectivity.claims._declared import Setting
from keras_selectivity.results import MAIN
from keras_selectivity.results import Table
from keras_selectivity.results import levels

# Columns of their own, which older rows have without `training`
_COLUMNS = ("epochs", "samples_trained_on", "batch_size")
_UNSAID = (
    "the rows do not say with which learning rate, drops of it, augmentation, precision and validation samples the "
    "networks were trained"
)
# How much a departure matters: of the network and the number of its seeds and of the training, of what is measured,
# of details of the training, of what nothing is known of
_TRAINING, _MEASURING, _DETAIL, _UNKNOWN = range(4)
_Found = Iterator[tuple[int, str]]


def departures(table: Table) -> list[str]:
    """In what rows depart from the papers' protocol: everything that their training and measurements record.

    What an arm of a study is about is none: its method, metric, layers, slope, warm-up or precision.

    Args:
        table: What `keras_selectivity.results.read` or `scan` returns.

    Returns:
        A list of short texts, what matters most first; empty if in nothing.
    """
    trained = levels(table).rows.filter(pl.col("alpha").is_not_null(), pl.col("value").is_not_null())
    if trained.is_empty():
        return ["no network of the rows was trained with a known alpha"]
    by = ["network", "dataset"]
    found: list[tuple[int, str]] = []
    for network, dataset in sorted(trained.select(by).unique().iter_rows(), key=str):
        mine = trained.filter(
            pl.col(n).eq_missing(pl.lit(v)) for n, v in zip(by, (network, dataset), strict=True)
        )
        found += _of_network(mine, network, dataset)
    ranked = sorted(found, key=lambda each: each[0])
    return list(dict.fromkeys(text for _, text in ranked))


def _of_network(mine: pl.DataFrame, network: str | None, dataset: str | None) -> _Found:
    if network not in PAPERS or PAPERS[network].dataset != dataset:
        papers = [f"{name} on {paper.dataset}" for name, paper in PAPERS.items()]
        yield _TRAINING, f"{network} on {dataset}, which is none of {', '.join(papers)}"
    like = [PAPERS[network]] if network in PAPERS else [p for p in PAPERS.values() if p.dataset == dataset]
    if like:
        yield from _of_training(mine, like[0])
    yield from _of_measuring(mine, CORRUPTION[like[0].dataset] if like else None)


def _of_training(mine: pl.DataFrame, paper: Paper) -> _Found:
    arms = mine.with_columns(pl.col("arm").cast(pl.String).fill_null(MAIN))
    seeds = arms.group_by("arm", "alpha").agg(pl.col("seed").n_unique())
    fewest = dict(seeds.group_by("arm").agg(pl.col("seed").min()).sort("arm").iter_rows())
    of_main = fewest.get(MAIN, paper.seeds)
    for arm, number in fewest.items():
        if number < paper.seeds and (arm == MAIN or number < of_main):
            where = "" if arm == MAIN else f"arm {arm}: "
            yield _TRAINING, f"{where}{number} seed{'s' * (number > 1)} per α instead of {paper.seeds}"
    # Rows of one network may be of different versions: what one says goes for all.
    training = pl.col("training").drop_nulls().first()
    networks = mine.group_by("model").agg(pl.col("arm", *_COLUMNS).first(), training)
    for arm, *columns, training in networks.drop("model").unique().sort(pl.all()).iter_rows():
        if training is None:
            yield _TRAINING, _UNSAID
        settings = json.loads(training or "{}")
        for name, value in zip(_COLUMNS, columns, strict=True):
            settings[name] = "an unknown number of" if value is None else value
        own = OF_ARMS if (arm or MAIN) != MAIN else ()
        yield from _compared({k: v for k, v in settings.items() if k not in own}, paper.training, "")


def _of_measuring(mine: pl.DataFrame, corruption: tuple[str, int] | None) -> _Found:
    tested = mine.filter(pl.col("split") == "test", pl.col("measure") == "accuracy", pl.col("samples") > 0)
    whole = tested.filter(pl.col("perturbation").is_null() | pl.col("severity").is_not_null())
    if not whole.is_empty() and min(whole["samples"]) < TEST_SAMPLES:
        yield _MEASURING, f"measured on {min(whole['samples']):,} of {TEST_SAMPLES:,} test images"
    protocols = mine.filter(pl.col("protocol").is_not_null()).select("protocol", "perturbation", "severity")
    found: dict[str, dict[str, Any]] = {}
    for text, perturbation, severity in protocols.unique().iter_rows():
        protocol = json.loads(text)
        name = protocol.pop("evaluation", None)
        found[text] = {"name": name, **protocol}
        if name == "dimensionality" and severity and corruption not in (None, (perturbation, severity)):
            theirs = " ".join(map(str, corruption or ()))
            yield _MEASURING, f"dimensionality: {perturbation} {severity} instead of {theirs}"
    for attack in ("fgsm", "pgd"):
        if {each.get("loss") for each in found.values() if each["name"] == attack} == {"log_odds"}:
            yield (
                _MEASURING,
                f"{attack}: the exact gradient alone, not also that of the cross-entropy in float32",
            )
    order = list(MEASURED)
    for protocol in sorted(
        (p for p in found.values() if p["name"] in MEASURED), key=lambda p: order.index(p["name"])
    ):
        name = protocol.pop("name")
        # Subsets are told by their size, once, where the measurement does not choose its own.
        apart = {"seed"} | ({"balanced_subset", "of"} - MEASURED[name].keys())
        settings = {key: value for key, value in protocol.items() if key not in apart}
        for rank, text in _compared(settings, MEASURED[name], f"{name}: "):
            yield max(rank, _MEASURING), text
        for key, setting in MEASURED[name].items():
            if setting.unsaid and key not in settings:
                yield _MEASURING, f"{name}: {setting.unsaid}"


def _compared(settings: Mapping[str, Any], theirs: Mapping[str, Setting], prefix: str) -> _Found:
    """What differs, in the order of the papers' settings."""
    order = list(theirs)
    for key in sorted(settings, key=lambda key: order.index(key) if key in theirs else len(order)):
        value = settings[key]
        if key not in theirs:
            yield _UNKNOWN, f"{prefix}unknown setting {key} = {json.dumps(value)}"
        elif not theirs[key].fits(value):
            yield (_DETAIL if theirs[key].minor else _TRAINING), prefix + theirs[key].departure(key, value)
