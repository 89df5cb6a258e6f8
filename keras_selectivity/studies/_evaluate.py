"""Evaluation of trained networks on a test set, piece by piece into a table that can be continued."""

import contextlib
import functools
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np

from keras_selectivity import datasets
from keras_selectivity import representations
from keras_selectivity import robustness
from keras_selectivity._errors import InputError
from keras_selectivity.saved_model import load
from keras_selectivity.saved_model import versions
from keras_selectivity.studies import _pieces as pieces
from keras_selectivity.studies._evaluation import check
from keras_selectivity.studies._pieces import Test
from keras_selectivity.studies._results import PIECE
from keras_selectivity.studies._results import Results
from keras_selectivity.studies._results import sole_writer


def evaluate(models, evaluation, results=None, *, data_dir=None, verbose=1):
    """Measures trained networks on the test split of a named data set.

    A piece is one attack, one corruption at one severity, and so on, of one network. What the
    table holds already is not measured again.

    Args:
        models: Dict, name -> what `keras_selectivity.load` returns.
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
    data = datasets.load(evaluation.dataset, data_dir)
    for name, exported in models.items():
        if exported.classes != data.classes:
            raise InputError(
                f"{name} tells {exported.classes} classes apart, {evaluation.dataset} has {data.classes}."
            )
    session = _Session(models, evaluation, results, data, verbose)
    session.measure("clean", {}, pieces.clean_rows)
    if evaluation.units:
        session.measure("units", {}, pieces.unit_rows)
    if evaluation.attacks:
        _attack(session)
    if evaluation.corruptions:
        _corrupt(session, data_dir)
    if evaluation.jacobian:
        settings = {"projections": evaluation.projections}
        session.measure("jacobian", settings, pieces.jacobian_rows)
    if evaluation.unit_gradients:
        settings = {"units_per_layer": evaluation.units_per_layer}
        few = min(evaluation.gradient_samples, len(session.test.labels))
        session.measure("unit gradients", settings, pieces.unit_gradient_rows, test=session.subset(few))
    if evaluation.dimensionality:
        _dimensionality(session)
    if evaluation.pwcca:
        _compare(session)
    if evaluation.off_axis:
        settings = {"steps": evaluation.off_axis_steps, "layers": evaluation.layers}
        session.measure("off-axis", settings, pieces.off_axis_rows, validation=session.validation)
    return results


def evaluate_files(
    paths, evaluation, table=None, *, overwrite=False, pixel_range=(0, 1), data_dir=None, verbose=1
):
    """Measures trained networks on disk and keeps the rows in a file.

    Args:
        paths: SavedModel directories or `.keras` files, as `keras_selectivity.load` takes them.
        evaluation: An `Evaluation`.
        table: A `.csv` or `.parquet` file, continued if it exists; `None` keeps the rows in memory.
        overwrite: Start the file anew.
        pixel_range: What the networks expect for pixels 0 and 1.
        data_dir: Where prepared data sets lie.
        verbose: 0 shows no progress.

    Returns:
        The rows of these networks.

    Raises:
        InputError: As `evaluate`, or another process writes to the file.
    """
    models = {str(path): load(path, pixel_range=pixel_range) for path in paths}
    with sole_writer(table) if table else contextlib.nullcontext():
        if table and overwrite:
            Path(table).unlink(missing_ok=True)
        results = evaluate(models, evaluation, Results(table), data_dir=data_dir, verbose=verbose)
    return [row for row in results.rows if row["model"] in models]


class _Session:
    """What all pieces of an evaluation share."""

    def __init__(self, models, evaluation, results, data, verbose):
        self.models, self.evaluation, self.results = models, evaluation, results
        self.data, self.verbose, self.options = data, verbose, {"verbose": verbose}
        if evaluation.batch_size is not None:
            self.options["batch_size"] = evaluation.batch_size
        self.test = self.subset(evaluation.limit)

    def subset(self, samples):
        """The test split, or a class-balanced part of it."""
        split, protocol = self.data.test, {}
        if samples is not None and samples < len(split.labels):
            split = datasets.subset(split, samples, self.evaluation.seed)
            protocol = {"balanced_subset": samples, "of": len(self.data.test.labels)}
        return Test(split.images, split.labels, protocol)

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
                **_about(name, exported),
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


def _about(name, exported):
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


def _attack(session):
    evaluation, test, source = session.evaluation, session.test, _source(session)
    fgsm = {"epsilons": [round(e, 8) for e in evaluation.epsilons]}
    session.measure("fgsm", fgsm, pieces.fgsm_rows, perturbation="fgsm")
    pgd = {
        "steps": list(evaluation.pgd_steps),
        "step_size": evaluation.pgd_step_size,
        "epsilon": evaluation.pgd_epsilon,
        "norm": evaluation.pgd_norm,
        "random_start": False,
    }
    session.measure("pgd", pgd, pieces.pgd_rows, perturbation="pgd")
    images = []  # made once, when the first model needs them

    def transferred(name):
        if source is None or name == source:
            return None
        if not images:
            if session.verbose:
                print(f"{source}: adversarial images to attack the others with", flush=True)
            images.append(
                robustness.transfer_images(
                    session.models[source], test.images, test.labels, **session.options
                )
            )
        return images[0]

    controls = {"transfer_from": source}
    session.measure(
        "controls", controls, pieces.control_rows, perturbation="controls", transferred=transferred
    )


def _source(session):
    """The model whose adversarial images attack the others, or `None` if there is no candidate."""
    wanted = session.evaluation.transfer_from
    if wanted is not None:
        if wanted not in session.models:
            raise InputError(
                f"{wanted} is none of the models to evaluate, {', '.join(session.models)}; name one to transfer "
                "adversarial images from."
            )
        return wanted
    return next((n for n, e in session.models.items() if _about(n, e)["alpha"] == 0), None)


def _dimensionality(session):
    evaluation, test = session.evaluation, session.test
    settings = {
        "variance": evaluation.variance,
        "activations": "full maps" if evaluation.full_maps else "units",
        "layers": evaluation.layers,
    }
    corruption, severity = evaluation.perturbation
    corrupted, pgd = [], {"steps": 25, "step_size": evaluation.pgd_step_size}

    def corrupt(_):
        if not corrupted:
            corrupted.append(
                datasets.corrupt(
                    test.images, corruption, severity, seed=evaluation.seed, textures=evaluation.frost
                )
            )
        return corrupted[0]

    def attack(name):
        return robustness.pgd(session.models[name], test.images, test.labels, **pgd, **session.options)

    measure = functools.partial(session.measure, "dimensionality", function=pieces.dimensionality_rows)
    measure(settings, perturbed=lambda _: None)
    generated = {**settings, "source": f"generated, seed {evaluation.seed}"}
    measure(generated, perturbation=corruption, severity=severity, perturbed=corrupt)
    measure({**settings, **pgd}, perturbation="pgd", perturbed=attack)


def _compare(session):
    """Distances between all pairs of models; every model's activations are computed once."""
    test, layers = session.test, session.evaluation.layers
    settings = {"layers": layers, "symmetric": True, "variant": "paper"}
    activations = {}

    def collected(name):
        if name not in activations:
            activations[name] = representations.collect_units(
                session.models[name], test.images, test.labels, layers, **{**session.options, "verbose": 0}
            )[0]
        return activations[name]

    for first, second in itertools.combinations(session.models, 2):
        if session.models[first].units != session.models[second].units:
            raise InputError(f"{first} and {second} have different layers and cannot be compared.")
        for name, shared in session.missing("pwcca", settings, None, None, test, other=second):
            if name == first:
                if session.verbose:
                    print(f"PWCCA: {first} and {second}", flush=True)
                rows = pieces.pwcca_rows(collected(first), collected(second))
                session.results.add([{**shared, **row} for row in rows])


def _corrupt(session, data_dir):
    evaluation, test = session.evaluation, session.test
    if evaluation.corrupted_data is None:
        clean = datasets.Split(test.images, test.labels)
        corrupted = datasets.generated_corruptions(clean, seed=evaluation.seed, textures=evaluation.frost)
    else:
        corrupted = datasets.open_corrupted(
            evaluation.corrupted_data, session.data, data_dir=data_dir, verify=evaluation.verify
        )
    settings = {"source": corrupted.source}
    names = evaluation.only_corruptions or corrupted.corruptions
    todo = [
        (name, severity, lacking)
        for name in names
        for severity in datasets.SEVERITIES
        if (lacking := list(session.missing("corruption", settings, name, severity, test)))
    ]

    def read(item):
        split = corrupted.read(*item[:2])
        if evaluation.corrupted_data is not None and test.protocol:
            split = datasets.subset(split, len(test.labels), evaluation.seed)
        return split

    if todo and session.verbose:
        print(f"{len(names)} corruptions, {corrupted.source}, {len(test.labels):,} images", flush=True)
    steps = sum(len(lacking) for *_, lacking in todo)
    quiet = {**session.options, "verbose": 0}
    bar = keras.utils.Progbar(steps, verbose=session.verbose, unit_name="set")
    for (_, _, lacking), split in _read_ahead(read, todo):
        for model, shared in lacking:
            share = robustness.accuracy(session.models[model], split.images, split.labels, **quiet)
            session.results.add([{**shared, "measure": "accuracy", "value": share}])
            bar.add(1)
    _summarise(session, settings, names, corrupted.corruptions)


def _summarise(session, settings, names, available):
    """Means over corruptions and severities, and their ratio to clean accuracy."""
    groups = {f"all {len(available)} corruptions": available, "benchmark corruptions": datasets.BENCHMARK}
    for title, members in groups.items():
        if set(members) - set(names):
            continue  # a part is never called the whole
        for model, shared in session.missing("corruption", settings, title, None, session.test):
            mine = [r for r in session.results.rows if r["model"] == model and r["measure"] == "accuracy"]
            clean = next(r["value"] for r in mine if _is_clean(r, shared))
            values = [
                r["value"]
                for r in mine
                if r["perturbation"] in members and r["protocol"] == shared["protocol"]
            ]
            mean = float(np.mean(values))
            found = {"accuracy": mean, "relative_accuracy": mean / clean, "clean_accuracy": clean}
            session.results.add([{**shared, "measure": m, "value": v} for m, v in found.items()])


def _is_clean(row, shared):
    same = all(row[key] == shared[key] for key in ("dataset", "split", "samples"))
    return same and json.loads(row["protocol"])["evaluation"] == "clean"


def _read_ahead(read, items):
    """Yields `(item, read(item))`, reading the next one while the caller works on this one."""
    if not items:
        return
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(read, items[0])
        for number, item in enumerate(items, 1):
            found = following.result()
            if number < len(items):
                following = pool.submit(read, items[number])
            yield item, found
