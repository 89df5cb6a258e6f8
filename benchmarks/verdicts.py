"""How often each claim gets each verdict on studies whose truth is known: no effect, the papers', and the opposite one.

Simulated are studies of the papers' networks with 3, 5 and 20 seeds (VGG16 with 20, ResNet50 with 5, as the papers
have), on the papers' grid of alpha with their arms; and, one at a time, on a grid of five alphas, with networks that
fail at large |alpha|, and with twice the spread over seeds, which the papers mostly do not print. See
`keras_selectivity.claims.simulate` for what is printed and what assumed.

    python benchmarks/verdicts.py --draws 40 --workers 2 --table benchmarks/verdicts.md

Writes a table of rates, and says which claims miss the rates that are wanted.
"""

import argparse
import itertools
import os
from collections import Counter
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # each process has a core

from keras_selectivity import claims

NETWORKS = {"resnet20": (3, 5, 20), "resnet18": (3, 5, 20), "vgg16": (20,), "resnet50": (5,)}
# Wanted: at most so many draws with a verdict, or at least
WRONG, OPPOSITE, POWER, NONE = 0.05, 0.005, 0.90, 0.80

HEADING = """# How often the verdicts are right

Simulated studies whose truth is known, {} per condition, each judged as a page of its own, with Holm's correction over all
its claims; [`verdicts.py`](verdicts.py) says which conditions there are. "Effect": the paper reports one, so with none the
claim should disagree; "no difference": the paper reports a level or none, so that it may agree without an effect of α
on anything. "20 seeds" is 5 for ResNet50. Means over several conditions are exact to about a point, those of one
condition to about five to ten.

The spread of accuracy over seeds is 0.4 points for ResNet18 and ResNet50, read off the authors' figure, and assumed to be 0.2 for
the networks of CIFAR-10; "twice the spread" is that of everything but accuracy. "5 seeds" and "3 seeds" are means over
both spreads.
"""
WHY = """Wanted: with the papers' effect and as many seeds, 90 % agree; without an effect, at most 5 % agree and 80 % disagree; with the
opposite effect, at most 0.5 % agree. What is missed follows. In all of these the effect is small against the spread over
seeds: to tell "no effect" from a third of 0.3 to 1 points takes more than 20 networks of a standard deviation of 0.2 to 0.4
points, or more than the 5 of ResNet50, and the window of "less than half a point, but some" is as wide as its own
standard error. They stay undecided, which is what they should be.
"""


@dataclass(frozen=True)
class Condition:
    """What studies are drawn of."""

    network: str
    truth: str
    seeds: int
    papers_grid: bool
    failing: bool
    spread: float

    @property
    def whole(self) -> bool:
        """Whether the study has as many seeds as the papers'."""
        return self.seeds == max(NETWORKS[self.network])

    @property
    def plain(self) -> bool:
        """Whether the study is as the papers', with the spread that is assumed."""
        return self.whole and self.papers_grid and not self.failing and self.spread == 1


def count(condition: Condition, draws: int) -> tuple[Condition, dict[str, Counter]]:
    """Verdicts of a condition: claim -> verdict -> number of draws; and whether the claim reports an effect."""
    found: dict[str, Counter] = defaultdict(Counter)
    learned = {claim.name for claim in claims.CLAIMS if claim.learned}
    for draw in range(draws):
        table = claims.simulate(
            condition.network,
            condition.truth,
            seeds=condition.seeds,
            alphas=claims.PAPERS_GRID if condition.papers_grid else claims.SHORT_GRID,
            arms=condition.papers_grid,
            failing=condition.failing,
            spread=condition.spread,
            rng=np.random.default_rng(
                [draw, condition.seeds, condition.papers_grid, condition.failing, int(condition.spread)]
            ),
        )
        for claim, (verdict, reports_effect) in claims.verdicts(table).items():
            # Networks that fail are an effect on accuracy, and not what claims of accuracy are asked about
            if verdict != claims.UNTESTED and (claim in learned or not condition.failing):
                found[claim][verdict] += 1
                found[claim]["effect"] += reports_effect
    return condition, found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=40, help="studies per condition")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--table", type=Path, help="Markdown file to write the table to")
    options = parser.parse_args()
    conditions = [
        Condition(network, truth, seeds, grid, failing, spread)
        for network, numbers in NETWORKS.items()
        for truth, seeds, grid, failing, spread in itertools.product(
            ("papers", "none", "opposite"), numbers, (True, False), (False, True), (1.0, 2.0)
        )
        if grid + (not failing) + (spread == 1) > 1  # one thing at a time
    ]
    found = {}
    with ProcessPoolExecutor(options.workers) as pool:
        tasks = pool.map(count, conditions, itertools.repeat(options.draws))
        for number, (condition, counts) in enumerate(tasks, 1):
            found[condition] = counts
            print(f"{number} of {len(conditions)}: {condition}", flush=True)
    lines, missed = table(found)
    text = "\n".join(lines)
    print(text)
    if options.table:
        listed = "\n".join(f"- {line}" for line in missed)
        options.table.write_text(
            f"{HEADING.format(options.draws)}\n{text}\n\n{WHY}\n{listed}\n", encoding="utf-8"
        )
    print("\n".join(missed) or "All claims meet the rates that are wanted.")


def table(found: dict[Condition, dict[str, Counter]]) -> tuple[list[str], list[str]]:
    """Lines of the table, and what misses the wanted rates."""
    names = [claim.name for claim in claims.CLAIMS]
    columns = {
        "papers' effect, 20 seeds: agrees": ("papers", lambda c: c.plain, claims.AGREES),
        "with twice the spread": (
            "papers",
            lambda c: c.whole and c.spread == 2,
            claims.AGREES,
        ),
        "5 seeds": ("papers", lambda c: c.seeds == 5 and c.papers_grid and not c.failing, claims.AGREES),
        "3 seeds": ("papers", lambda c: c.seeds == 3 and c.papers_grid and not c.failing, claims.AGREES),
        "all conditions: disagrees": ("papers", lambda c: True, claims.DISAGREES),
        "no effect, all conditions: agrees": ("none", lambda c: True, claims.AGREES),
        "20 seeds: disagrees": ("none", lambda c: c.plain, claims.DISAGREES),
        "opposite effect, all conditions: agrees": ("opposite", lambda c: True, claims.AGREES),
        "20 seeds: disagrees, opposite": ("opposite", lambda c: c.plain, claims.DISAGREES),
    }
    lines = [f"| claim | kind | {' | '.join(columns)} |", f"|---|---|{'---:|' * len(columns)}"]
    missed = []
    for name in names:
        cells, rates = [], {}
        effect = any(counts[name]["effect"] for counts in found.values() if name in counts)
        for title, (truth, which, verdict) in columns.items():
            of = [
                counts[name]
                for c, counts in found.items()
                if c.truth == truth and which(c) and name in counts
            ]
            tested = sum(each[v] for each in of for v in (claims.AGREES, claims.DISAGREES, claims.UNDECIDED))
            rates[title] = sum(each[verdict] for each in of) / tested if tested else None
            cells.append("–" if rates[title] is None else f"{100 * rates[title]:.0f} %")
        shown = name.replace("|", "\\|")
        lines.append(f"| {shown} | {'effect' if effect else 'no difference'} | {' | '.join(cells)} |")
        missed += _missed(name, effect, rates)
    return lines, missed


def _missed(name: str, effect: bool, rates: dict[str, float | None]) -> list[str]:
    values = list(rates.values())
    power, wrong, none, opposite = values[0], values[5], values[6], values[7]
    found = []
    if power is not None and power < POWER:
        found.append(
            f"{name}: agrees with the papers' effect in {power:.0%} of the draws at 20 seeds, wanted {POWER:.0%}"
        )
    if effect and wrong is not None and wrong > WRONG:
        found.append(f"{name}: agrees without an effect in {wrong:.1%}, wanted at most {WRONG:.0%}")
    if effect and none is not None and none < NONE:
        found.append(f"{name}: disagrees without an effect in {none:.0%} at 20 seeds, wanted {NONE:.0%}")
    if opposite is not None and opposite > OPPOSITE:
        found.append(
            f"{name}: agrees with the opposite effect in {opposite:.1%}, wanted at most {OPPOSITE:.1%}"
        )
    return found


if __name__ == "__main__":
    main()
