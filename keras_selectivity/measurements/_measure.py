"""Runs measurements piece by piece into a table that can be continued; knows nothing of them but their contract."""

import contextlib
import json
import math
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from keras_selectivity._errors import InputError
from keras_selectivity._progress import Bar
from keras_selectivity.measurements._clean import Clean
from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._evaluation import Evaluation
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._networks import about
from keras_selectivity.results import COLUMNS
from keras_selectivity.results import PIECE
from keras_selectivity.results import SUFFIXES
from keras_selectivity.results import Parts
from keras_selectivity.results import Results
from keras_selectivity.results import sole_writer

# More pieces than these have one bar of progress, instead of a line each
_FEW = 3


def evaluate(
    models: dict[str, Any],
    evaluation: Evaluation,
    results: Any = None,
    *,
    data_dir: Any = None,
    pairs: Iterable[tuple[str, str]] | None = None,
    verbose: int = 1,
) -> Any:
    """Measures trained networks on the test split of a named data set.

    What the table holds already is not measured again.

    Args:
        models: Name -> what `keras_selectivity.load` or `wrap` returns, or a Keras model.
        evaluation: An `Evaluation`; clean accuracy and selectivity are part of every one.
        results: A `Results` to continue. Defaults to a new one in memory.
        data_dir: Where prepared data sets lie.
        pairs: Pairs of names of networks to compare, the first with the second. Defaults to all pairs.
        verbose: 0 shows no progress.

    Returns:
        The `Results`; every piece is on disk as soon as it is finished.

    Raises:
        InputError: The data are absent or do not fit a network, the table holds results of another network of the
            same name, or a measurement breaks its contract.
    """
    measurements = (Clean(), *(each for each in evaluation.measure if not isinstance(each, Clean)))
    return measure(models, evaluation, measurements, results, data_dir=data_dir, pairs=pairs, verbose=verbose)


def measure(
    models: dict[str, Any],
    evaluation: Evaluation,
    measurements: Iterable[Measurement],
    results: Any = None,
    *,
    data_dir: Any = None,
    pairs: Iterable[tuple[str, str]] | None = None,
    alone: pl.LazyFrame | None = None,
    verbose: int = 1,
) -> Any:
    """As `evaluate`, but these measurements, and no others.

    Args:
        alone: Rows of each network alone, which are kept elsewhere: then only pieces about two networks are measured.
    """
    from keras_selectivity import datasets
    from keras_selectivity._wrap import as_exported

    results = Results() if results is None else results
    networks = {name: as_exported(model) for name, model in models.items()}
    data = datasets.load(evaluation.dataset, data_dir)
    for name, network in networks.items():
        if network.classes != data.classes:
            raise InputError(
                f"{name} tells {network.classes} classes apart, {evaluation.dataset} has {data.classes}."
            )
    context = Context(
        networks,
        evaluation,
        data,
        results=results,
        data_dir=data_dir,
        pairs=pairs,
        alone=alone,
        verbose=verbose,
    )
    # Settings that do not fit a network are refused now rather than after hours.
    todo = [(each, _missing(each, context, results, alone is not None)) for each in measurements]
    for measurement, pieces in todo:
        _run(measurement, pieces, context, results)
    return results


def evaluate_files(
    paths: Iterable[Any],
    evaluation: Evaluation,
    table: Any = None,
    *,
    overwrite: bool = False,
    pixel_range: Any = "auto",
    data_dir: Any = None,
    verbose: int = 1,
) -> pl.DataFrame:
    """Measures trained networks on disk and keeps the rows in a file.

    Args:
        paths: SavedModel directories or `.keras` files, as `keras_selectivity.load` takes them.
        evaluation: An `Evaluation`.
        table: A `.csv` or `.parquet` file, continued if it exists, which is written whole with every piece; `None`
            keeps the rows in memory.
        overwrite: Start a new file.
        pixel_range: What the networks expect for pixels 0 and 1, as `keras_selectivity.load` takes it.
        data_dir: Where prepared data sets lie.
        verbose: 0 shows no progress.

    Returns:
        The rows of these networks, as `keras_selectivity.results.read` gives them.

    Raises:
        InputError: As `evaluate`, or another process writes to the file.
    """
    from keras_selectivity import datasets
    from keras_selectivity.saved_model import load

    if table is not None and Path(table).suffix not in SUFFIXES:
        raise InputError(f"Results are {' or '.join(SUFFIXES)} files. Received: {table}.")
    datasets.check_present(evaluation.dataset, data_dir)  # before what takes seconds to import
    models = {str(path): load(path, pixel_range=pixel_range) for path in paths}
    with sole_writer(table) if table else contextlib.nullcontext():
        results = Results(table, overwrite=overwrite)
        evaluate(models, evaluation, results, data_dir=data_dir, verbose=verbose)
    return results.scan().filter(pl.col("model").is_in(list(models))).collect()


def _missing(
    measurement: Measurement, context: Context, results: Any, of_two: bool
) -> list[tuple[Piece, list[tuple[str, Row]]]]:
    """Pieces (those of two networks, if that is asked for) that some network lacks, each with the names of these
    networks and the columns its rows share."""
    todo = []
    for piece in measurement.pieces(context.serving(measurement.needs)):
        if of_two and piece.other is None:
            continue
        lacking = []
        for name in context.networks if piece.networks is None else piece.networks:
            shared = _shared(measurement, piece, name, context)
            if not results.has(tuple(shared[key] for key in PIECE), shared["fingerprint"]):
                lacking.append((name, shared))
        if lacking:
            todo.append((piece, lacking))
    return todo


def _shared(measurement: Measurement, piece: Piece, name: str, context: Context) -> Row:
    protocol = {
        "evaluation": measurement.name,
        "seed": context.evaluation.seed,
        **piece.samples.protocol,
        **piece.protocol,
    }
    return {
        **about(name, context.networks[name]),
        "other": piece.other,
        "dataset": context.evaluation.dataset,
        "split": "test",
        "samples": len(piece.samples.labels),
        "perturbation": piece.perturbation,
        "severity": piece.severity,
        "protocol": json.dumps(protocol, sort_keys=True),
    }


def _run(measurement: Measurement, todo: list[Any], context: Context, results: Any) -> None:
    """Measures the pieces of a measurement that are missing."""
    known = {quantity.name for quantity in measurement.reports}
    steps = sum(len(lacking) for _, lacking in todo)
    verbose = context.options["verbose"]
    several = len(todo) > _FEW
    if several:
        context.say(f"{measurement.name}: {steps:,} pieces")
    context.options["verbose"] = 0 if several else verbose
    try:
        with Bar(steps, "piece", verbose if several else 0) as progress:
            for (piece, lacking), prepared in _prepared_ahead(todo):
                for name, shared in lacking:
                    named = (piece.perturbation or "").startswith(measurement.name)
                    what = " ".join(
                        filter(None, ("" if named else measurement.name, piece.perturbation, piece.other))
                    )
                    context.say(f"{name}: {what}, {len(piece.samples.labels):,} images")
                    kept = results.parts(shared) if piece.parts else None
                    given = prepared if kept is None else _in_parts(piece, name, prepared, kept, context)
                    rows = piece.measure(name, given)
                    _check(measurement, rows, known)
                    results.add([{**shared, **row} for row in rows])
                    if kept is not None:
                        kept.forget()
                    progress.add()
    finally:
        context.options["verbose"] = verbose


def _in_parts(piece: Piece, name: str, prepared: Any, kept: Parts, context: Context) -> list[Any]:
    """What the parts of a piece did, now or before it was interrupted."""
    found = {part: arrays for part in piece.parts if (arrays := kept.read(part)) is not None}
    todo = [part for part in piece.parts if part not in found]
    if found:
        context.say(f"{name}: resumes, {len(found)} of {len(piece.parts)} parts are done")
    verbose = context.options["verbose"]
    # One part shows what it does itself
    several = len(todo) > 1
    context.options["verbose"] = 0 if several else verbose
    try:
        with Bar(len(todo), "part", verbose if several else 0) as progress:
            for part in todo:
                found[part] = piece.parts[part](name, prepared)
                kept.write(part, found[part])
                progress.add()
    finally:
        context.options["verbose"] = verbose
    return [found[part] for part in piece.parts]


def _check(measurement: Measurement, rows: list[Row], known: set[str]) -> None:
    """Refuses rows that a measurement has not declared."""
    for row in rows:
        value = row.get("value")
        wrong = None
        if row.get("measure") not in known:
            wrong = f"reports {row.get('measure')!r}, which is not among its `reports`"
        elif unknown := set(row) - {"measure", "value", "layer", "unit", "epsilon", "steps"}:
            named = ", ".join(sorted(unknown))
            wrong = f"has a row with {'columns of its piece' if unknown <= set(COLUMNS) else 'unknown columns'}: {named}"
        elif value is not None and not (isinstance(value, float) and math.isfinite(value)):
            wrong = f"reports {value!r} as {row['measure']}; values are finite floats, or None for what is undefined"
        if wrong:
            raise InputError(f"The measurement {measurement.name} breaks its contract: it {wrong}.")
    if not rows:
        raise InputError(f"The measurement {measurement.name} breaks its contract: a piece has no rows.")


def _prepared_ahead(todo: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yields `(item, what its piece prepares)`, preparing the next one while the caller works on this one."""
    if not todo:
        return
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(_prepare, todo[0][0])
        for number, item in enumerate(todo, 1):
            found = following.result()
            if number < len(todo):
                following = pool.submit(_prepare, todo[number][0])
            yield item, found


def _prepare(piece: Piece) -> Any:
    prepare: Callable[[], Any] | None = piece.prepare
    return None if prepare is None else prepare()
