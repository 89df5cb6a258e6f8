"""What the claims are, as a table."""

import numpy as np
import polars as pl

from keras_selectivity.claims._check import CLAIMS
from keras_selectivity.claims._check import judge
from keras_selectivity.claims._papers import POPULATIONS
from keras_selectivity.claims._reportable import reportable
from keras_selectivity.claims._simulate import simulate

_TEXTS = ("claim", "paper", "where", "statement", "theirs", "networks", "check")


def outline() -> pl.DataFrame:
    """All claims, and how each is checked.

    The kind of a check and its smallest effect of interest are those that it has on simulated studies by the papers'
    protocol.

    Returns:
        A frame, one claim a row: `claim`, `paper`, `where`, `statement`, `theirs`; `networks` that it is about; and
        `check`, its kind with the smallest effect of interest.
    """
    checks: dict[str, str] = {}
    for network in POPULATIONS:
        table, _ = reportable(simulate(network, "papers", seeds=3, rng=np.random.default_rng(0)))
        for judged in judge(table, table.rows):
            if judged.found is not None:
                checks[judged.claim.name] = judged.found.outline()
    rows = [
        {
            "claim": claim.name,
            **{name: getattr(claim, name) for name in ("paper", "where", "statement", "theirs")},
            "networks": ", ".join(POPULATIONS[name].title for name in claim.about),
            "check": checks[claim.name],
        }
        for claim in CLAIMS
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(_TEXTS, pl.String))
