"""The page of a study or an evaluation: what was done, a table, the papers' claims, figures."""

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path
from urllib.parse import quote

import polars as pl

from keras_selectivity._files import write_text
from keras_selectivity.claims import departures
from keras_selectivity.claims import reportable
from keras_selectivity.reports._claims import PAPERS
from keras_selectivity.reports._claims import claims_section
from keras_selectivity.reports._figures import draw
from keras_selectivity.reports._kind import FigureKind
from keras_selectivity.reports._papers import spelt
from keras_selectivity.reports._series import layer_names
from keras_selectivity.results import MAIN
from keras_selectivity.results import Column
from keras_selectivity.results import Levels
from keras_selectivity.results import Table
from keras_selectivity.results import in_arm
from keras_selectivity.results import levels
from keras_selectivity.results import mean_interval
from keras_selectivity.results import networks
from keras_selectivity.results import pick

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child, .claims th, .claims td { text-align: left; }
.claims td { white-space: normal; vertical-align: top; min-width: 8rem; font-size: .9rem; }
.agrees { color: #1a5fb4; font-weight: bold; } .disagrees { color: #a51d2d; font-weight: bold; } .undecided { font-weight: bold; }
figure { margin: 2rem 0; } img { max-width: 100%; height: auto; }
figcaption, footer, small { color: #555; } figcaption, footer { font-size: .9rem; overflow-wrap: anywhere; }
li { overflow-wrap: anywhere; }
"""


def table(rows: Table, columns: Iterable[Column]) -> str:
    """One line per network, as aligned text: alpha, seed, and the main numbers there are.

    Args:
        rows: What `keras_selectivity.results.read` or `scan` returns.
        columns: The numbers, such as `keras_selectivity.measurements.columns` returns.

    Raises:
        InputError: The rows mix protocols.
    """
    lines = _cells(levels(rows).rows, columns)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in lines)


def layer_table(rows: Table) -> str:
    """Selectivity of one network by layer, as aligned text."""
    found = levels(rows).rows
    width = max((len(name) for name in found["layer"].unique().drop_nulls()), default=0)
    values = [
        dict(pick(found, measure, x="layer", evaluation="clean").select("layer", "value").iter_rows())
        for measure in ("units", "mean_selectivity", "sd_selectivity", "dead_units")
    ]
    forms = ("{:5.0f}", "{:11.4f}", "{:5.3f}", "{:5.1%}")
    lines = [f"{'layer':{width}}  units  selectivity     sd   dead"]
    for layer in values[0]:
        cells = [
            form.format(of[layer]) if layer in of else "–".rjust(len(form.format(0)))
            for form, of in zip(forms, values, strict=True)
        ]
        lines.append("  ".join([layer.ljust(width), *cells]))
    return "\n".join(lines)


def write_page(
    folder: str | Path,
    rows: Table,
    *,
    title: str,
    description: str,
    results: str | None,
    columns: Iterable[Column],
    claims: pl.DataFrame | None = None,
    formats: Iterable[str] = (),
) -> Path:
    """Writes figures and a page that holds all of them, so that it can be sent as one file.

    Args:
        folder: Folder to write into: `index.html` and the figures.
        rows: What `keras_selectivity.results.read` or `scan` returns.
        title: Heading.
        description: What was done.
        results: Name of the file with all numbers, as the page should link to it, or `None`.
        columns: The numbers of its table, such as `keras_selectivity.measurements.columns` returns.
        claims: What `keras_selectivity.claims.check` returns, or `None` for no such section.
        formats: Endings of the figures' files besides `"png"`, which the page holds: `"svg"`, `"pdf"`.

    Returns:
        Path of the page.

    Raises:
        InputError: The rows mix protocols, or hold no accuracy on a test split.
    """
    folder = Path(folder)
    found, undefined = reportable(rows)
    drawn, missing = draw(found, folder, dict.fromkeys(["png", *formats]))
    sections = [f"<p>{escape(description)}</p>", _departed(found) if claims is not None else ""]
    if undefined:
        names = escape(", ".join(undefined))
        sections.append(
            f"<p><b>Left out, because accuracy or selectivity is undefined</b> (diverged): {names}.</p>"
        )
    sections.append(_html_table(_cells(found.rows, columns, by_alpha=claims is not None)))
    if claims is not None:
        sections.append(claims_section(claims))
        sections.append("<h2>Figures</h2>")
    sections.append(_layers(found))
    sections += [_figure(kind, folder) for kind in drawn]
    if any(kind.papers for kind in drawn):
        papers = "; ".join(f"{letter}: {PAPERS[letter]}" for letter in "SW")
        sections.append(f"<p><small>{escape(papers)}.</small></p>")
    if claims is not None:
        sections.append(_missing(missing))
    link = f' All numbers: <a href="{escape(quote(results))}">{escape(results)}</a>.' if results else ""
    path = folder / "index.html"
    write_text(
        path,
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
{"".join(sections)}
<footer>{escape(_protocol(found.rows))}{link}</footer>
</body></html>
""",
    )
    return path


def _html_table(lines: list[list[str]]) -> str:
    head, *body = (
        "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in line) + "</tr>"
        for number, line in enumerate(lines)
        for tag in ["td" if number else "th"]
    )
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{"".join(body)}</tbody></table></div>'


def _departed(rows: Levels) -> str:
    found = departures(rows)
    if not found:
        return "<p>The papers' protocol.</p>"
    return f"<p><b>Departs from the papers' protocol:</b> {escape('; '.join(found))}.</p>"


def _layers(rows: Levels) -> str:
    """What the numbers of layers stand for, by arm where these differ."""
    arms = rows.rows["arm"].cast(pl.String).fill_null(MAIN).unique(maintain_order=True)
    names: dict[str, list[str]] = {}
    for arm in arms:
        layers = ", ".join(f"{n} {name}" for n, name in enumerate(layer_names(rows.filter(in_arm(arm))), 1))
        names.setdefault(layers, []).append(arm)
    of = {layers: f" ({', '.join(arms)})" if len(names) > 1 else "" for layers, arms in names.items()}
    return "".join(
        f"<p><small>Layers are numbered from the input side{escape(of[layers])}: {escape(layers)}.</small></p>"
        for layers in names
        if layers
    )


def _figure(kind: FigureKind, folder: Path) -> str:
    picture = base64.b64encode((folder / f"{kind.name}.png").read_bytes()).decode()
    papers = f" Compare {spelt(kind.papers)}." if kind.papers else ""
    caption = escape(kind.caption)
    return (
        f'<figure id="{escape(kind.name)}"><img src="data:image/png;base64,{picture}" alt="{caption}">'
        f"<figcaption>{caption}{escape(papers)}</figcaption></figure>"
    )


def _missing(missing: list[tuple[FigureKind, str]]) -> str:
    if not missing:
        return ""
    items = "".join(
        f"<li>{escape(kind.name)}{escape(f' ({spelt(kind.papers, panels=False)})') if kind.papers else ''}: "
        f"needs {escape(needed)}</li>"
        for kind, needed in missing
    )
    return f"<h2>Figures that these rows do not allow</h2><ul>{items}</ul>"


def _cells(rows: pl.DataFrame, shown: Iterable[Column], by_alpha: bool = False) -> list[list[str]]:
    """The main numbers: a line per network, or a line per arm and alpha with intervals over seeds."""
    columns: list[tuple[str, str, dict[str, float]]] = []
    for column in shown:
        found = pick(rows, column.quantity, evaluation=column.evaluation, **column.where)
        if found.height:
            columns.append((column.heading, column.format, dict(found.select("model", "value").iter_rows())))
    headings = [heading for heading, *_ in columns]
    known = networks(rows)
    if by_alpha:
        arm, label = pl.col("arm").cast(pl.String), pl.col("label")
        known = known.with_columns(group=pl.when(arm == MAIN).then(label).otherwise(arm + ", " + label))
        lines = [["networks", "seeds", *headings]]
        for (label,), part in known.group_by("group", maintain_order=True):
            names = part["model"].to_list()
            numbers = [_mean(form, [of[name] for name in names if name in of]) for _, form, of in columns]
            lines.append([str(label), str(len(names)), *numbers])
        return lines
    lines = [["network", "seed", *headings]]
    for name, seed, label in known.select("model", "seed", "label").iter_rows():
        numbers = [form.format(of[name]) if name in of else "" for _, form, of in columns]
        lines.append([label, "" if seed is None else str(seed), *numbers])
    return lines


def _mean(form: str, values: list[float]) -> str:
    if not values:
        return ""
    mean, low, high = mean_interval(values)
    return form.format(mean) + (f" [{form.format(low)}, {form.format(high)}]" if len(values) > 1 else "")


def _protocol(rows: pl.DataFrame) -> str:
    row = rows.filter(pl.col("measure") == "accuracy", pl.col("samples") > 0).row(0, named=True)
    texts = []
    needed = [
        pl.col("network").is_not_null(),
        *(pl.col(n) > 0 for n in ("epochs", "samples_trained_on", "batch_size")),
    ]
    for trained in rows.filter(needed).head(1).iter_rows(named=True):
        seeds = rows.filter(pl.col("alpha").is_not_null())["seed"].n_unique()
        texts.append(
            f"{trained['network']} trained for {trained['epochs']} epochs on {trained['samples_trained_on']:,} "
            f"images in batches of {trained['batch_size']}, {seeds} seed{'s' if seeds > 1 else ''} for each α, the "
            "epoch with the best validation accuracy."
        )
    texts.append(
        f"Measured on {row['samples']:,} images of the {row['split']} split of {row['dataset']}. "
        f"keras_selectivity {row['keras_selectivity']}, Keras {row['keras']}, TensorFlow {row['tensorflow']}."
    )
    return " ".join(texts)
