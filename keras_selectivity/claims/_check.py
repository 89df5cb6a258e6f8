"""Checks every claim of the papers against a table."""

import polars as pl

from keras_selectivity.claims import _verdicts as verdicts
from keras_selectivity.claims._claim import Claim
from keras_selectivity.claims._harmful import CLAIMS as HARMFUL
from keras_selectivity.claims._linking import CLAIMS as LINKING
from keras_selectivity.claims._protocol import departures
from keras_selectivity.claims._reportable import reportable
from keras_selectivity.claims._robustness import CLAIMS as ROBUSTNESS
from keras_selectivity.results import Table

CLAIMS: tuple[Claim, ...] = HARMFUL + ROBUSTNESS + LINKING
_TEXTS = ("claim", "paper", "where", "statement", "theirs", "ours", "test", "verdict", "needed")


def check(table: Table) -> pl.DataFrame:
    """Checks every claim of the papers.

    Args:
        table: The results of a study, from `keras_selectivity.results.read` or `scan`.

    Returns:
        A frame, one claim a row: `claim` (its short name), `paper`, `where`, `statement`, `theirs`, `ours`, `test`,
        `verdict` (`"agrees"`, `"disagrees"` or `"not enough data"`), `needed` (empty with a verdict), and
        `departures`, a list of texts, in what the study departs from the paper's protocol (empty if in nothing).

    Raises:
        InputError: The rows mix protocols, or hold no accuracy on a test split.
    """
    table, _ = reportable(table)
    datasets = set(table.rows["dataset"].unique())
    departed = departures(table)
    found = []
    for claim in CLAIMS:
        if datasets & set(claim.datasets):
            finding = claim.check(table)
        else:
            finding = verdicts.nothing(f"networks trained on {' or '.join(claim.datasets)}")
        said = {"claim": claim.name, **vars(claim), **vars(finding)}
        departs = departed if finding.ours else []
        found.append({**{name: said[name] for name in _TEXTS}, "departures": departs})
    return pl.DataFrame(found, schema={**dict.fromkeys(_TEXTS, pl.String), "departures": pl.List(pl.String)})
