"""Evaluation of a trained network on a test set, with the protocol that belongs to the numbers."""

from keras_selectivity import datasets
from keras_selectivity.representations import measure_selectivity
from keras_selectivity.saved_model import versions


def evaluate(exported, dataset, *, samples=None, data_dir=None, verbose=1):
    """Measures a trained network on the test split of a named data set.

    Args:
        exported: What `keras_selectivity.load` returns.
        dataset: Name of the data set.
        samples: Size of a class-balanced subset of the test split; `None` uses all.
        data_dir: Where prepared data sets lie.
        verbose: 0 shows no progress bar.

    Returns:
        `(measurement, protocol)`: a `SelectivityMeasurement` and a dict of what its numbers rest
        on, for the columns of a table.

    Raises:
        InputError: The data are absent, or do not fit the network.
    """
    test = datasets.load(dataset, data_dir).test
    if samples is not None:
        test = datasets.subset(test, samples, seed=0)
    measured = measure_selectivity(exported, (test.images, test.labels), verbose=verbose)
    trained = exported.run.get("protocol") or {}
    return measured, {
        "dataset": dataset,
        "split": "test",
        "samples": measured.samples,
        "network": trained.get("network", ""),
        "alpha": trained.get("alpha", exported.run.get("alpha")),
        "seed": exported.run.get("seed"),
        "epochs": trained.get("epochs", ""),
        "samples_trained_on": trained.get("samples_trained_on", ""),
        "batch_size": trained.get("batch_size", ""),
        **{name: value for name, value in versions().items() if name != "numpy"},
    }
