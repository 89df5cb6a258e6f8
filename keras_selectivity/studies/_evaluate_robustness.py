"""The part of an evaluation that perturbs images: attacks and corruptions."""

import json
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from keras_selectivity import datasets
from keras_selectivity import robustness
from keras_selectivity._errors import InputError
from keras_selectivity.studies import _pieces as pieces
from keras_selectivity.studies._session import about


def attack(session):
    """FGSM, PGD, and the controls for gradient masking."""
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
    if len(session.models) == 1:
        return None
    return next((n for n, e in session.models.items() if about(n, e)["alpha"] == 0), None)


def corrupt(session, data_dir):
    """Accuracy by corruption and severity, and the means; what is generated is generated once for all."""
    evaluation, test = session.evaluation, session.test
    if evaluation.corrupted_data is None:
        clean = datasets.Split(test.images, test.labels)
        corrupted = datasets.generated_corruptions(clean, seed=evaluation.seed, textures=evaluation.frost)
    else:
        corrupted = session.released(data_dir)
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
            share = robustness.accuracy(
                session.models[model], split.images, split.labels, perturbed=True, **quiet
            )
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
            found = {
                "accuracy": mean,
                "relative_accuracy": mean / clean if clean else None,
                "clean_accuracy": clean,
            }
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
