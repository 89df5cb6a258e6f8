"""The page of a study or an evaluation: what was done, a table, figures."""

from html import escape
from pathlib import Path

from keras_selectivity._files import write_text
from keras_selectivity.reports._figures import draw
from keras_selectivity.reports._rows import networks
from keras_selectivity.reports._rows import pick

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 2rem 0; } img { max-width: 100%; } figcaption, footer { color: #555; font-size: .9rem; }
"""


# Heading, format, and where the number is found; a column without numbers is left out.
_COLUMNS = (
    ("test accuracy", "{:.2%}", {"measure": "accuracy", "evaluation": "clean"}),
    ("mean selectivity", "{:.4f}", {"measure": "mean_selectivity", "evaluation": "clean"}),
    ("dead units", "{:.1%}", {"measure": "dead_units", "evaluation": "clean"}),
    ("FGSM 1/255", "{:.2%}", {"measure": "accuracy", "perturbation": "fgsm", "epsilon": 1 / 255}),
    ("PGD 25 steps", "{:.2%}", {"measure": "accuracy", "perturbation": "pgd", "steps": 25}),
    ("random-start PGD 8/255", "{:.2%}", {"measure": "random_start_accuracy"}),
    ("transfer 8/255", "{:.2%}", {"measure": "transfer_accuracy"}),
    ("zero gradients", "{:.2%}", {"measure": "zero_gradients"}),
    ("19 corruptions", "{:.2%}", {"measure": "accuracy", "perturbation": "all 19 corruptions"}),
    ("relative", "{:.3f}", {"measure": "relative_accuracy", "perturbation": "all 19 corruptions"}),
    ("benchmark corruptions", "{:.2%}", {"measure": "accuracy", "perturbation": "benchmark corruptions"}),
    ("Jacobian", "{:.2f}", {"measure": "jacobian_norm_mean"}),
)


def table(rows):
    """One line a network, as aligned text: alpha, seed, and the main numbers there are.

    Args:
        rows: What `keras_selectivity.studies.read_results` returns.

    Raises:
        InputError: The rows mix protocols.
    """
    lines = _cells(rows)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in lines)


def layer_table(rows):
    """Selectivity of one network by layer, as aligned text."""
    width = max((len(row["layer"]) for row in rows if row["layer"]), default=0)
    values = {
        m: pick(rows, m, x="layer") for m in ("units", "mean_selectivity", "sd_selectivity", "dead_units")
    }
    lines = [f"{'layer':{width}}  units  selectivity     sd   dead"]
    for layer in next(iter(values["units"].values()), ()):
        units, mean, sd, dead = (next(iter(found.values()))[layer] for found in values.values())
        lines.append(f"{layer:{width}}  {units:5.0f}  {mean:11.4f}  {sd:.3f}  {dead:5.1%}")
    return "\n".join(lines)


def write_page(folder, rows, *, title, description, results):
    """Writes `index.html` and its figures from tidy rows.

    Args:
        folder: Folder to write into.
        rows: What `keras_selectivity.studies.read_results` returns.
        title: Heading.
        description: What was done.
        results: Name of the file with all numbers, as the page should link to it, or `None`.

    Returns:
        Path of the page.

    Raises:
        InputError: The rows mix protocols.
    """
    folder = Path(folder)
    figures = draw(rows, folder)
    head, *body = (
        "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in line) + "</tr>"
        for number, line in enumerate(_cells(rows))
        for tag in ["td" if number else "th"]
    )
    pictures = "".join(
        f'<figure><img src="{name}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'
        for name, caption in figures
    )
    link = f' All numbers: <a href="{escape(results)}">{escape(results)}</a>.' if results else ""
    path = folder / "index.html"
    write_text(
        path,
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<p>{escape(description)}</p>
<table><thead>{head}</thead><tbody>{"".join(body)}</tbody></table>
{pictures}
<footer>{escape(_protocol(rows))}{link}</footer>
</body></html>
""",
    )
    return path


def _cells(rows):
    known = networks(rows)
    columns = [(heading, form, pick(rows, **where)) for heading, form, where in _COLUMNS]
    columns = [column for column in columns if column[2]]
    lines = [["network", "seed", *(heading for heading, *_ in columns)]]
    for name, (_, seed, label) in known.items():
        numbers = [form.format(found[name]) if name in found else "" for _, form, found in columns]
        lines.append([label, "" if seed is None else str(seed), *numbers])
    return lines


def _protocol(rows):
    row = next(r for r in rows if r["measure"] == "accuracy" and r["samples"])
    texts = []
    trained = next((r for r in rows if r["network"] and r["epochs"]), None)
    if trained:
        seeds = len({r["seed"] for r in rows if r["alpha"] is not None})
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
