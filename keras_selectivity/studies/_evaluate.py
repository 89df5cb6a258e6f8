"""Evaluation of trained networks on a test set, piece by piece into a table that can be continued."""

import contextlib

from keras_selectivity import datasets
from keras_selectivity._errors import InputError
from keras_selectivity._wrap import as_exported
from keras_selectivity.saved_model import load
from keras_selectivity.studies import _pieces as pieces
from keras_selectivity.studies._evaluate_representations import compare
from keras_selectivity.studies._evaluate_representations import dimensionality
from keras_selectivity.studies._evaluate_robustness import attack
from keras_selectivity.studies._evaluate_robustness import corrupt
from keras_selectivity.studies._evaluation import check
from keras_selectivity.studies._results import Results
from keras_selectivity.studies._results import sole_writer
from keras_selectivity.studies._session import Session


def evaluate(models, evaluation, results=None, *, data_dir=None, verbose=1):
    """Measures trained networks on the test split of a named data set.

    A piece is one attack, one corruption at one severity, and so on, of one network. What the
    table holds already is not measured again.

    Args:
        models: Dict, name -> what `keras_selectivity.load` or `wrap` returns, or a Keras model.
        evaluation: An `Evaluation`.
        results: A `Results` to go on with. Defaults to a new one in memory.
        data_dir: Where prepared data sets lie.
        verbose: 0 shows no progress.

    Returns:
        The `Results`; every piece is on disk as soon as it is finished.

    Raises:
        InputError: A setting is out of its range, the data are absent or do not fit a network, or
            the table holds results of another network of the same name.
    """
    results = Results() if results is None else results
    check(evaluation)
    models = {name: as_exported(model) for name, model in models.items()}
    data = datasets.load(evaluation.dataset, data_dir)
    for name, exported in models.items():
        if exported.classes != data.classes:
            raise InputError(
                f"{name} tells {exported.classes} classes apart, {evaluation.dataset} has {data.classes}."
            )
        if evaluation.layers is not None:
            exported.layers(evaluation.layers)  # refused now rather than after hours
    session = Session(models, evaluation, results, data, verbose)
    session.measure("clean", {}, pieces.clean_rows)
    if evaluation.units:
        session.measure("units", {}, pieces.unit_rows)
    if evaluation.attacks:
        attack(session)
    if evaluation.corruptions:
        corrupt(session, data_dir)
    if evaluation.jacobian:
        settings = {"projections": evaluation.projections}
        session.measure("jacobian", settings, pieces.jacobian_rows)
    if evaluation.unit_gradients:
        settings = {"units_per_layer": evaluation.units_per_layer}
        few = min(evaluation.gradient_samples, len(session.test.labels))
        session.measure("unit gradients", settings, pieces.unit_gradient_rows, test=session.subset(few))
    if evaluation.dimensionality:
        dimensionality(session, data_dir)
    if evaluation.pwcca:
        compare(session)
    if evaluation.off_axis:
        settings = {"steps": evaluation.off_axis_steps, "layers": evaluation.layers}
        session.measure("off-axis", settings, pieces.off_axis_rows, validation=session.validation)
    return results


def evaluate_files(
    paths, evaluation, table=None, *, overwrite=False, pixel_range=None, data_dir=None, verbose=1
):
    """Measures trained networks on disk and keeps the rows in a file.

    Args:
        paths: SavedModel directories or `.keras` files, as `keras_selectivity.load` takes them.
        evaluation: An `Evaluation`.
        table: A `.csv` or `.parquet` file, continued if it exists; `None` keeps the rows in memory.
        overwrite: Start the file anew.
        pixel_range: What the networks expect for pixels 0 and 1, as `keras_selectivity.load` takes it.
        data_dir: Where prepared data sets lie.
        verbose: 0 shows no progress.

    Returns:
        The rows of these networks.

    Raises:
        InputError: As `evaluate`, or another process writes to the file.
    """
    models = {str(path): load(path, pixel_range=pixel_range) for path in paths}
    with sole_writer(table) if table else contextlib.nullcontext():
        results = Results(table, overwrite=overwrite)
        evaluate(models, evaluation, results, data_dir=data_dir, verbose=verbose)
    return [row for row in results.rows if row["model"] in models]
