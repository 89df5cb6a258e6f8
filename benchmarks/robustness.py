"""Time of PGD, an FGSM sweep, AutoAttack and each of its attacks, and the exact Jacobian: ours against the toolboxes.

The same reference ResNet20, the same CIFAR-10 test images and the same settings for all (FGSM and PGD along the
cross-entropy's gradient, as theirs); contestants take turns, each in a process of its own, and report how many images
stay correct.

    python benchmarks/robustness.py pgd --weights akamaster_resnet20.npz --data-dir tensorflow_datasets

Needs foolbox, adversarial-robustness-toolbox, torch and torchattacks; what is not installed is left out.
"""

import argparse
import importlib.util
import tempfile

import numpy as np
from _interleaved import answer
from _interleaved import run

EPSILONS = [n / 255 for n in (0.25, 0.5, 1, 2, 3, 4, 8, 16)]
STEPS, SIZE = 25, 1e-4
CONTESTANTS = {
    "ours": "keras_selectivity",
    "foolbox-keras": "Foolbox, Keras model",
    "art-keras": "ART, Keras model in a TensorFlowV2Classifier",
    "foolbox-saved": "Foolbox, SavedModel function",
    "art-saved": "ART, SavedModel function",
    "foolbox-torch": "Foolbox, PyTorch",
    "torchattacks": "torchattacks",
    "loop-tf": "one gradient per class, TensorFlow",
    "torch.func": "torch.func.jacrev under vmap",
}
ATTACKS = (
    "ours", "foolbox-keras", "art-keras", "foolbox-saved", "art-saved", "foolbox-torch", "torchattacks",
)  # fmt: skip
BALLS = (
    "apgd-ce",
    "apgd-t",
    "fab-t",
    "square",
    "standard",
)  # attacks within one, as `ks.autoattack` calls them
TASKS = {
    "pgd": ATTACKS,
    "fgsm": ATTACKS,
    **dict.fromkeys(BALLS, ("ours", "torchattacks")),
    "jacobian": ("ours", "loop-tf", "torch.func"),
}
NEEDS = {"foolbox": "foolbox", "art": "art", "torch": "torch", "torchattacks": "torchattacks",
         "torch.func": "torch"}  # fmt: skip


def keras_network(weights):
    import keras_selectivity as ks

    return ks.networks.load_reference_weights(ks.networks.resnet20(), weights)


def exported(weights):
    import keras_selectivity as ks

    path = tempfile.mkdtemp() + "/model"
    ks.export(keras_network(weights), path)
    return ks.load(path)


def torch_network(weights):
    import torch
    from _torch_resnet20 import ResNet20

    model = ResNet20()
    with np.load(weights, allow_pickle=False) as file:
        state = {name: torch.tensor(file[name]) for name in file.files}
    model.load_state_dict(state, strict=False)
    return model.eval()


def ours(task, images, labels, weights, ball):
    import keras_selectivity as ks

    model = exported(weights)
    if task == "jacobian":
        return lambda: f"mean norm {ks.jacobian_norm(model, images, verbose=0).mean():.4f}"
    options = {"loss": "cross_entropy", "verbose": 0}
    if task == "pgd":
        return lambda: percent(
            ks.robustness.pgd_accuracy(
                model, images, labels, steps=[STEPS], step_size=SIZE, **options
            ).accuracy
        )
    if task in BALLS:
        return lambda: percent(
            ks.robustness.autoattack_accuracy(
                model, images, labels, epsilon=ball.radius, norm=ball.norm, version=task,
                targets=ball.targets, queries=ball.queries, verbose=0,
            ).robust
        )  # fmt: skip
    return lambda: percent(ks.robustness.fgsm_accuracy(model, images, labels, EPSILONS, **options).accuracy)


def foolbox_tf(task, images, labels, network):
    import foolbox
    import tensorflow as tf

    model = foolbox.TensorFlowModel(network, bounds=(0, 1), device="cpu")
    return foolbox_step(foolbox, task, model, tf.constant(images), tf.constant(labels))


def without_training(logits):
    return lambda x, training=False: logits(x)


def foolbox_torch(task, images, labels, weights, _):
    import foolbox
    import torch

    model = foolbox.PyTorchModel(torch_network(weights), bounds=(0, 1), device="cpu")
    x = torch.tensor(images).permute(0, 3, 1, 2).contiguous()
    return foolbox_step(foolbox, task, model, x, torch.tensor(labels))


def foolbox_step(foolbox, task, model, x, y):
    if task == "pgd":
        attack = foolbox.attacks.LinfPGD(abs_stepsize=SIZE, steps=STEPS, random_start=False)
        return lambda: percent(1 - attack(model, x, y, epsilons=[1.0])[2].numpy().mean(axis=1))
    attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    return lambda: percent(1 - attack(model, x, y, epsilons=EPSILONS)[2].numpy().mean(axis=1))


def art_tf(task, images, labels, network):
    import keras
    from art.attacks.evasion import FastGradientMethod
    from art.attacks.evasion import ProjectedGradientDescentTensorFlowV2
    from art.estimators.classification import TensorFlowV2Classifier

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier = TensorFlowV2Classifier(network, 10, (32, 32, 3), loss, clip_values=(0, 1))

    def accuracy(attack):
        return (classifier.predict(attack.generate(images, labels)).argmax(axis=1) == labels).mean()

    size = len(images)
    if task == "pgd":
        attacks = [
            ProjectedGradientDescentTensorFlowV2(
                classifier, eps=1.0, eps_step=SIZE, max_iter=STEPS, batch_size=size, verbose=False
            )
        ]
    else:
        attacks = [FastGradientMethod(classifier, eps=epsilon, batch_size=size) for epsilon in EPSILONS]
    return lambda: percent([accuracy(attack) for attack in attacks])


def torchattacks_step(task, images, labels, weights, ball):
    import torch
    import torchattacks

    model = torch_network(weights).requires_grad_(False)
    x, y = torch.tensor(images).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)
    norm = {"linf": "Linf", "l2": "L2"}[ball.norm]
    options = {"norm": norm, "eps": ball.radius, "seed": 0}
    classes = {"n_classes": ball.targets + 1}
    # Its own AutoAttack gives the first three a tenth of the standard iterations
    within = {
        "apgd-ce": lambda: torchattacks.APGD(model, steps=100, **options),
        "apgd-t": lambda: torchattacks.APGDT(model, steps=100, **classes, **options),
        "fab-t": lambda: torchattacks.FAB(model, steps=100, multi_targeted=True, **classes, **options),
        "square": lambda: torchattacks.Square(model, n_queries=ball.queries, **options),
    }
    if task == "pgd":
        attacks = [torchattacks.PGD(model, eps=1.0, alpha=SIZE, steps=STEPS, random_start=False)]
    elif task == "fgsm":
        attacks = [torchattacks.FGSM(model, eps=epsilon) for epsilon in EPSILONS]
    elif task == "standard":
        attacks = [torchattacks.MultiAttack([make() for make in within.values()])]
    else:
        attacks = [within[task]()]

    def accuracy(attack):
        adversarial = attack(x, y)
        change = (adversarial - x).flatten(1)
        length = change.norm(dim=1) if ball.norm == "l2" else change.abs().amax(dim=1)
        outside = (length > ball.radius * (1 + 1e-4)) & (task in BALLS)
        with torch.no_grad():
            return ((model(adversarial).argmax(1) == y) | outside).float().mean().item()

    return lambda: percent([accuracy(attack) for attack in attacks])


def loop_tf(task, images, labels, weights, _):
    import tensorflow as tf

    model, x = exported(weights), tf.constant(images)

    def step():
        total = 0
        for label in range(10):
            with tf.GradientTape() as tape:
                tape.watch(x)
                logit = model.logits(x)[:, label]
            total += tf.reduce_sum(tape.gradient(logit, x) ** 2, axis=(1, 2, 3))
        return f"mean norm {tf.reduce_mean(tf.sqrt(total)).numpy():.4f}"

    return step


def torch_func(task, images, labels, weights, _):
    import torch

    model = torch_network(weights)
    x = torch.tensor(images).permute(0, 3, 1, 2).contiguous()
    jacobian = torch.func.vmap(torch.func.jacrev(lambda image: model(image[None])[0]))
    return lambda: f"mean norm {jacobian(x).detach().flatten(1).norm(dim=1).mean().item():.4f}"


def percent(shares):
    return "right: " + " ".join(f"{share:.1%}" for share in np.atleast_1d(shares))


STEP = {
    "ours": ours,
    "foolbox-keras": lambda *a: foolbox_tf(*a[:3], keras_network(a[3])),
    "art-keras": lambda *a: art_tf(*a[:3], keras_network(a[3])),
    "foolbox-saved": lambda *a: foolbox_tf(*a[:3], exported(a[3]).logits),
    "art-saved": lambda *a: art_tf(*a[:3], without_training(exported(a[3]).logits)),
    "foolbox-torch": foolbox_torch,
    "torchattacks": torchattacks_step,
    "loop-tf": loop_tf,
    "torch.func": torch_func,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--weights", required=True, help="akamaster_resnet20.npz")
    parser.add_argument("--data-dir", help="directory with prepared data sets")
    parser.add_argument(
        "--radius", type=float, default=0.002, help="the default leaves half of the images correct"
    )
    parser.add_argument("--norm", choices=("linf", "l2"), default="linf")
    parser.add_argument("--targets", type=int, default=9, help="of the targeted attacks alone")
    parser.add_argument("--queries", type=int, default=5000, help="of Square Attack alone")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        with np.load(options.images) as file:
            images, labels = file["images"], file["labels"]
        step = STEP[options.work](options.task, images, labels, options.weights, options)
        return answer(step, warm_up=1 if options.task in BALLS else 2)
    # Read here, so that the PyTorch contestants need not load TensorFlow.
    from keras_selectivity import datasets

    test = datasets.load("cifar10", options.data_dir).test
    file = tempfile.mkdtemp() + "/images.npz"
    images = (test.images[: options.samples] / 255).astype("float32")
    np.savez(file, images=images, labels=test.labels[: options.samples])
    there = [
        name
        for name in TASKS[options.task]
        if all(importlib.util.find_spec(NEEDS[part]) for part in (name, *name.split("-")) if part in NEEDS)
    ]
    arguments = [options.task, "--weights", options.weights, "--images", file]
    for name in ("radius", "norm", "targets", "queries"):
        arguments += [f"--{name}", str(getattr(options, name))]
    pairs = [("ours", name) for name in there[1:]]
    return run(__file__, {n: CONTESTANTS[n] for n in there}, pairs, options.rounds, arguments)


if __name__ == "__main__":
    main()
