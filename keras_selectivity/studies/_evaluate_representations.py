"""The part of an evaluation that needs several passes or several networks: dimensionality, PWCCA."""

import functools
import itertools

from keras_selectivity import datasets
from keras_selectivity import representations
from keras_selectivity import robustness
from keras_selectivity._errors import InputError
from keras_selectivity.studies import _pieces as pieces


def dimensionality(session, data_dir):
    """Dimensionality of clean activations, and of what a corruption and PGD change."""
    evaluation, test = session.evaluation, session.test
    settings = {
        "variance": evaluation.variance,
        "activations": "full maps" if evaluation.full_maps else "units",
        "layers": evaluation.layers,
    }
    corruption, severity = evaluation.perturbation
    pgd = {"steps": 25, "step_size": evaluation.pgd_step_size}

    def attack(name):
        return robustness.pgd(session.models[name], test.images, test.labels, **pgd, **session.options)

    measure = functools.partial(session.measure, "dimensionality", function=pieces.dimensionality_rows)
    measure(settings, perturbed=lambda _: None)
    changed, source, corrupted = _corrupted(session, data_dir)
    measure(
        {**settings, **source},
        perturbation=corruption,
        severity=severity,
        test=changed,
        perturbed=lambda _: corrupted(),
    )
    measure({**settings, **pgd}, perturbation="pgd", perturbed=attack)


def _corrupted(session, data_dir):
    """Clean images, what tells where their corrupted versions come from, and a function that returns these.

    Released versions are taken if their clean counterparts are at hand; else the test images are corrupted here, and
    the reason is recorded.
    """
    evaluation, test = session.evaluation, session.test
    corruption, severity = evaluation.perturbation
    source = {"source": f"generated, seed {evaluation.seed}"}
    if evaluation.corrupted_data is not None:
        released = session.released(data_dir)
        try:
            pairs = released.pairs()
        except datasets.NoPairsError as error:
            source["pairs"] = f"own corruptions of the test set: {error}"
            if session.verbose:
                print(f"Dimensionality of the change by corruption: {source['pairs']}", flush=True)
        else:
            labels = released.read(corruption, severity).labels[pairs.positions]
            chosen = session.subset_of(datasets.Split(pairs.images, labels), evaluation.limit)
            positions = session.subset_of(datasets.Split(pairs.positions, labels), evaluation.limit).images
            source = {"source": released.source, "pairs": pairs.source}
            return chosen, source, lambda: released.read(corruption, severity).images[positions]
    return (
        test,
        source,
        functools.cache(
            lambda: datasets.corrupt(
                test.images, corruption, severity, seed=evaluation.seed, textures=evaluation.frost
            )
        ),
    )


def compare(session, wanted=lambda first, second: True):
    """Distances between all pairs of models that are wanted; a model's activations are computed once."""
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
        if not wanted(first, second):
            continue
        if session.models[first].units != session.models[second].units:
            raise InputError(f"{first} and {second} have different layers and cannot be compared.")
        for name, shared in session.missing("pwcca", settings, None, None, test, other=second):
            if name == first:
                if session.verbose:
                    print(f"PWCCA: {first} and {second}", flush=True)
                rows = pieces.pwcca_rows(collected(first), collected(second))
                session.results.add([{**shared, **row} for row in rows])
