"""Picking measurements out of tidy rows, for tables and figures."""

import functools
import json

from keras_selectivity._errors import InputError


def reportable(rows):
    """Rows that tables of claims and pages can use.

    Args:
        rows: What `read_results` returns.

    Returns:
        `(rows, undefined)`: the rows that have a value, without the networks whose accuracy or selectivity on
        the test split is undefined, as when a training diverged; and the names of those.

    Raises:
        InputError: No network has an accuracy on a test split.
    """
    found = {"accuracy": set(), "mean_selectivity": set()}
    undefined = set()
    for row in rows:
        if (
            row["measure"] in found
            and row["layer"] is None
            and row["protocol"]
            and evaluation_of(row) == "clean"
        ):
            (undefined if row["value"] is None else found[row["measure"]]).add(row["model"])
    if not found["accuracy"] - undefined:
        raise InputError("The rows hold no accuracy on a test split, so there is nothing to report.")
    kept = [row for row in rows if row["value"] is not None and not {row["model"], row["other"]} & undefined]
    return kept, sorted(undefined)


def pick(rows, measure, *, x=None, evaluation=None, layer=None, **columns):
    """The values of one measure by network.

    Args:
        rows: What `read_results` returns.
        measure: Name of the measure.
        x: Column that tells a network's values apart (`"epsilon"`, `"layer"`, ...), or `None` if there
            is one.
        evaluation: Which evaluation they must come from.
        layer: Layer they must belong to; `None` for the network. Not compared if `x` is `"layer"`.
        columns: Further columns and their values.

    Returns:
        Dict, model -> value, or model -> dict from x to value; what is undefined is left out.

    Raises:
        InputError: The rows mix protocols, so that the values cannot be compared.
    """
    wanted = {"measure": measure, "epoch": None, "unit": None, "layer": layer, **columns}
    wanted.pop(x, None)
    found, protocols = {}, set()
    for row in rows:
        if any(row[key] != value for key, value in wanted.items()) or (x and row[x] is None):
            continue
        if row["value"] is None:
            continue
        if evaluation is not None and (not row["protocol"] or evaluation_of(row) != evaluation):
            continue
        protocols.add((row["dataset"], row["split"], row["samples"], row["protocol"]))
        if x is None:
            found[row["model"]] = row["value"]
        else:
            found.setdefault(row["model"], {})[row[x]] = row["value"]
    if len(protocols) > 1:
        texts = "; ".join(" ".join(map(str, p)) for p in sorted(protocols, key=str))
        raise InputError(
            f"The rows of {measure} mix protocols, which cannot be compared: {texts}. Keep one in a file."
        )
    return found


def evaluation_of(row):
    """Name of the evaluation that a row comes from."""
    return _evaluation_in(row["protocol"])


@functools.lru_cache(1 << 12)
def _evaluation_in(protocol):
    return json.loads(protocol).get("evaluation", "")


def networks(rows):
    """Dict, model -> `(alpha, seed, label)`, by alpha, networks without one last."""
    found = {}
    for row in rows:
        name = row["model"]
        label = f"α = {row['alpha']:g}" if row["alpha"] is not None else name.rstrip("/").split("/")[-1]
        found[name] = (row["alpha"], row["seed"], label)
    return dict(sorted(found.items(), key=lambda n: (n[1][0] is None, n[1][0] or 0, n[1][1] or 0, n[0])))


def by_label(rows, values):
    """Groups what `pick` returns: dict, label -> `(alpha, list of values)`, in the order of `networks`."""
    groups = {}
    for name, (alpha, _, label) in networks(rows).items():
        if name in values:
            groups.setdefault(label, (alpha, []))[1].append(values[name])
    return groups


def of_arm(rows, arm="main"):
    """The rows of one arm of a study; rows without an arm count as the main one."""
    return [row for row in rows if (row["arm"] or "main") == arm]


def per_alpha(rows, measure, *, arm="main", **where):
    """What `pick` finds, one value a network, by alpha.

    Args:
        rows: What `read_results` returns.
        measure: Name of the measure.
        arm: Arm of the study.
        where: Further arguments of `pick`.

    Returns:
        Dict, alpha in ascending order -> list of values, by seed.
    """
    mine = of_arm(rows, arm)
    values, known = pick(mine, measure, **where), networks(mine)
    found = {}
    for name, (alpha, _, _) in known.items():
        if alpha is not None and name in values:
            found.setdefault(alpha, []).append(values[name])
    return found


def per_layer(rows, measure, **where):
    """As `per_alpha`, each value a dict from layer to value, input side first."""
    return per_alpha(rows, measure, x="layer", **where)
