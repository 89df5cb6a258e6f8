"""The part of an evaluation that needs several passes or several networks: dimensionality, PWCCA."""

import functools
import itertools

from keras_selectivity import datasets
from keras_selectivity import representations
from keras_selectivity import robustness
from keras_selectivity._errors import InputError
from keras_selectivity.studies import _pieces as pieces


def dimensionality(session):
    """Dimensionality of clean activations, and of what a corruption and PGD change."""
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
