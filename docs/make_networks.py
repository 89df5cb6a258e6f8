"""Checks every family of networks of `tests/zoo` and writes the table of science/networks.md, between its two marks.

python docs/make_networks.py
python docs/make_networks.py "Keras Hub: BERT" "keras.applications: VGG"

Needs what `pip install -e .[dev]` installs, and some minutes per family of keras.applications.
"""

import argparse
import collections
import contextlib
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).parent / "science" / "networks.md"
START, END = "<!-- table of networks -->", "<!-- end of the table -->"
sys.path.insert(0, str(PAGE.parents[2] / "tests"))


def line(family, build):
    """A row of the table: what was found, how it was tapped, and what was left out."""
    from zoo.checks import check
    from zoo.checks import in_float64

    deep = family.startswith("keras.applications")
    with tempfile.TemporaryDirectory() as folder, in_float64() if deep else contextlib.nullcontext():
        model = check(build, Path(folder))
    report = model.report
    units = f"{len(report.found)} ({sum(tap.units for tap in report.found)})"
    counted = "all" if any("counted are all" in note for note in report.notes) else "rectifiers"
    left_out = collections.Counter(reason.partition(";")[0] for reason in report.skipped.values())
    text = "; ".join(f"{number}x {reason}" for reason, number in left_out.items())
    return f"| {family} | {units} | {counted} | {'in place' if model.in_place else 'copied'} | {text} |"


def page(text, rows):
    """The page with these rows in its table."""
    before, rest = text.split(START)
    heads = ["| network | layers (units) | counted | tapped | left out |", "|---|---|---|---|---|"]
    return "\n".join([before + START, *heads, *rows, END + rest.split(END)[1]])


def rows_in(text):
    """The rows of a page's table, by network."""
    table = text.split(START)[1].split(END)[0].splitlines()
    return {row.split(" | ")[0].removeprefix("| "): row for row in table if row.startswith("| ")}


def main():
    """Checks families and writes the page with each row as it is made."""
    from zoo.families import APPLICATIONS
    from zoo.families import HUB
    from zoo.families import OWN

    sources = {"": OWN, "Keras Hub: ": HUB, "keras.applications: ": APPLICATIONS}
    builds = {
        source + name: build for source, families in sources.items() for name, build in families.items()
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "families", nargs="*", help="as the table calls them; the other rows stay. Defaults to all"
    )
    named = parser.parse_args().families or list(builds)
    if unknown := set(named) - set(builds):
        parser.error(f"no such family: {', '.join(sorted(unknown))}")
    rows = rows_in(PAGE.read_text())
    for family in named:
        rows[family] = line(family, builds[family])
        print(rows[family], flush=True)
        PAGE.write_text(page(PAGE.read_text(), [rows[family] for family in builds if family in rows]))


if __name__ == "__main__":
    main()
