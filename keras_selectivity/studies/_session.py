"""What all pieces of an evaluation share: networks, samples, and the table that lacks or has them."""

import json

import numpy as np

from keras_selectivity import datasets
from keras_selectivity.saved_model import versions
from keras_selectivity.studies._columns import PIECE
from keras_selectivity.studies._pieces import Test


class Session:
    """What all pieces of an evaluation share."""

    def __init__(self, models, evaluation, results, data, verbose):
        self.models, self.evaluation, self.results = models, evaluation, results
        self.data, self.verbose, self.options = data, verbose, {"verbose": verbose}
        if evaluation.batch_size is not None:
            self.options["batch_size"] = evaluation.batch_size
        self.test = self.subset(evaluation.limit)

    def subset(self, samples):
        """The test split, or a class-balanced part of it."""
        return self.subset_of(self.data.test, samples)

    def subset_of(self, split, samples):
        """A split, or a class-balanced part of it."""
        protocol, whole = {}, len(split.labels)
        if samples is not None and samples < whole:
            split = datasets.subset(split, samples, self.evaluation.seed)
            protocol = {"balanced_subset": samples, "of": whole}
        return Test(np.asarray(split.images), split.labels, protocol)

    def released(self, data_dir):
        """The corrupted versions that the evaluation names, a `CorruptedImages`."""
        evaluation = self.evaluation
        return datasets.open_corrupted(
            evaluation.corrupted_data,
            self.data,
            data_dir=data_dir,
            verify=evaluation.verify,
            clean=evaluation.clean_data,
        )

    def validation(self, name):
        """Images and labels that the network's training held out, by the protocol of its `run.json`.

        A tenth of the training samples for a network without one.
        """
        exported = self.models[name]
        tenth = len(self.data.train.labels) // self.data.classes // 10
        per_class = (exported.run.get("protocol") or {}).get("validation_per_class", tenth)
        held_out = datasets.hold_out(self.data.train, per_class, exported.run.get("seed") or 0)[1]
        return held_out.images, held_out.labels

    def measure(self, what, settings, function, *, perturbation=None, severity=None, test=None, **arguments):
        """Runs `function` for every model that lacks the piece, and adds its rows.

        `arguments` are functions of the model's name.
        """
        test = self.test if test is None else test
        for name, shared in self.missing(what, settings, perturbation, severity, test):
            if self.verbose:
                print(f"{name}: {what}, {len(test.labels):,} images", flush=True)
            values = {key: value(name) for key, value in arguments.items()}
            rows = function(self.models[name], test, self.evaluation, options=self.options, **values)
            self.results.add([{**shared, **row} for row in rows])

    def missing(self, what, settings, perturbation, severity, test, other=None):
        """Names of the models that lack a piece, each with the columns its rows share."""
        protocol = {"evaluation": what, "seed": self.evaluation.seed, **test.protocol, **settings}
        for name, exported in self.models.items():
            shared = {
                **about(name, exported),
                "other": other,
                "dataset": self.evaluation.dataset,
                "split": "test",
                "samples": len(test.labels),
                "perturbation": perturbation,
                "severity": severity,
                "protocol": json.dumps(protocol, sort_keys=True),
            }
            if not self.results.has(tuple(shared[key] for key in PIECE), exported.fingerprint):
                yield name, shared


def about(name, exported):
    """Columns that tell which network was measured, and with what."""
    trained = exported.run.get("protocol") or {}
    alpha = trained.get("alpha", exported.run.get("alpha"))
    return {
        "model": name,
        "fingerprint": exported.fingerprint,
        "network": trained.get("network"),
        "alpha": alpha.get("alpha") if isinstance(alpha, dict) else alpha,
        "seed": exported.run.get("seed"),
        "epochs": trained.get("epochs"),
        "samples_trained_on": trained.get("samples_trained_on"),
        "batch_size": trained.get("batch_size"),
        **{key: value for key, value in versions().items() if key != "numpy"},
    }
