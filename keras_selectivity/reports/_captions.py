"""What stands below a figure: what it shows, of how many networks, and what they allow to say of them."""

from collections import Counter

import polars as pl

from keras_selectivity.reports._complete import Values
from keras_selectivity.results import MAIN
from keras_selectivity.results import Levels

BANDS = "Lines: means; bands: their 95 % interval over seeds."
BARS = "Markers: means with their 95 % interval over seeds; small dots: networks."
BOTH = "Lines and markers: means; bands and bars: their 95 % interval over seeds; small dots: networks."
_LEAST = 3  # networks that a test needs of an alpha


def caption(shown: str, interval: str, test: str, networks: list[int]) -> str:
    """The whole caption of a figure.

    Args:
        shown: What it shows of any table.
        interval: What is said where an alpha has several networks.
        test: What is said where two alphas have enough of them for a test.
        networks: How many networks each alpha has.
    """
    several = max(networks, default=0) > 1
    tested = sum(number >= _LEAST for number in networks) > 1
    found = [shown, interval if several else "", test if tested else "", _number(networks)]
    return " ".join(sentence for sentence in found if sentence)


def per_alpha(table: Levels, values: tuple[Values, ...]) -> list[int]:
    """How many networks each alpha of each arm and architecture has, of those that a figure shows."""
    models = table.rows.group_by("model").agg(pl.col("arm", "network", "alpha").last())
    if values:
        models = models.filter(pl.col("model").cast(pl.String).is_in(sorted(map(str, values[0](table)[0]))))
    known = models.drop_nulls("alpha").with_columns(pl.col("arm").cast(pl.String).fill_null(MAIN))
    return list(Counter(known.select("arm", "network", "alpha").iter_rows()).values())


def _number(networks: list[int]) -> str:
    if not networks:
        return ""
    fewest, most = min(networks), max(networks)
    if most == 1:
        return "n = 1 network per α."
    return f"n = {fewest} to {most} networks per α." if fewest < most else f"n = {most} networks per α."
