"""The page of a study: what was done, a table, figures."""

from html import escape
from pathlib import Path

from keras_selectivity._files import write_text
from keras_selectivity.reports._figures import draw
from keras_selectivity.reports._figures import runs_of
from keras_selectivity.studies import read_results

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 2rem 0; } img { max-width: 100%; } figcaption, footer { color: #555; font-size: .9rem; }
"""


def table(results):
    """One line a run, as text: alpha, seed, accuracy, mean selectivity, dead units."""
    lines = [f"{'alpha':>7} {'seed':>5} {'accuracy':>9} {'selectivity':>12} {'dead units':>11}"]
    lines += [
        f"{a:>7} {s:>5} {acc:>9} {si:>12} {dead:>11}" for a, s, acc, si, dead in _cells(read_results(results))
    ]
    return "\n".join(lines)


def write_page(study, results, folder):
    """Writes `index.html` and its figures from the rows of a study.

    Args:
        study: A `Study`.
        results: Path of its `results.csv`.
        folder: Folder to write into.

    Returns:
        Path of the page.
    """
    folder = Path(folder)
    rows = read_results(results)
    figures = draw(rows, folder)
    head = "".join(
        f"<th>{name}</th>" for name in ("α", "seed", "test accuracy", "mean selectivity", "dead units")
    )
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in line) + "</tr>" for line in _cells(rows))
    pictures = "".join(
        f'<figure><img src="{name}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'
        for name, caption in figures
    )
    path = folder / "index.html"
    write_text(
        path,
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(study.title)}</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>
<h1>{escape(study.title)}</h1>
<p>{escape(study.description)}</p>
<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>
{pictures}
<footer>{escape(_protocol(rows))} All numbers: <a href="{Path(results).name}">{Path(results).name}</a>.</footer>
</body></html>
""",
    )
    return path


def _cells(rows):
    accuracy, selectivity, dead = (runs_of(rows, m) for m in ("accuracy", "mean_selectivity", "dead_units"))
    return [
        (f"{a:g}", s, f"{accuracy[a, s][0]:.2%}", f"{selectivity[a, s][0]:.4f}", f"{dead[a, s][0]:.1%}")
        for a, s in sorted(accuracy)
    ]


def _protocol(rows):
    row = next(r for r in rows if r["measure"] == "accuracy")
    seeds = len({r["seed"] for r in rows})
    return (
        f"{row['network']} trained for {row['epochs']} epochs on {int(row['samples_trained_on']):,} images of "
        f"{row['dataset']} in batches of {row['batch_size']}, {seeds} seed{'s' if seeds > 1 else ''} for each α; "
        f"measured on {int(row['samples']):,} images of its {row['split']} split, at the epoch with the best "
        f"validation accuracy. keras_selectivity {row['keras_selectivity']}, Keras {row['keras']}, TensorFlow "
        f"{row['tensorflow']}."
    )
