"""The papers' networks, and their numbers by alpha."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

# Alpha -> value; whole alphas are written as such
Curve = Mapping[Any, float]


@dataclass(frozen=True)
class Population:
    """Networks that a paper speaks of.

    Attributes:
        title: What to call them.
        dataset: Data set that they are trained on.
        study: Folder of the study by the papers' protocol, in `experiments/`.
    """

    title: str
    dataset: str
    study: str


POPULATIONS = {
    "resnet18": Population("ResNet18 on Tiny ImageNet", "tiny_imagenet", "resnet18_tiny_imagenet"),
    "resnet20": Population("ResNet20 on CIFAR-10", "cifar10", "resnet20_cifar10"),
    "vgg16": Population("VGG16 on CIFAR-10", "cifar10", "vgg16_cifar10"),
    "resnet50": Population("ResNet50 on Tiny ImageNet", "tiny_imagenet", "resnet50_tiny_imagenet"),
}

# Accuracy in per cent by alpha. ResNet18 up to |2|: the authors' figure (digitised, within 0.1 to 0.3 points). Else
# what S prints (sections 4.1, 4.3, appendices A.9, A.12), and between and beyond that a guess that no claim uses.
ACCURACY: dict[str, Curve] = {
    "resnet18": {
        **{
            -100: 15,
            -30: 30,
            -10: 43,
            -5: 49.5,
            -3.5: 51.2,
            -3: 51.6,
            -2.5: 52.4,
            -2: 53.0,
            -1: 53.6,
            -0.7: 53.4,
        },
        **{
            -0.4: 53.4,
            -0.3: 53.0,
            -0.2: 52.6,
            -0.1: 52.3,
            0: 51.6,
            0.1: 50.8,
            0.2: 50.4,
            0.3: 49.7,
            0.4: 49.5,
        },
        **{0.7: 49.4, 1: 49.3, 2: 47.1, 5: 25, 10: 12, 30: 5, 100: 2},
    },
    "resnet20": {
        **{
            -100: 80,
            -30: 89,
            -10: 89,
            -5: 89.8,
            -2: 90.2,
            -1: 90.5,
            -0.7: 91,
            0: 91,
            0.1: 90.2,
            0.4: 88,
            0.7: 86,
        },
        **{1: 83, 2: 75, 5: 50, 10: 30, 30: 15, 100: 10},
    },
    "vgg16": {
        **{-100: 80, -10: 91, -2: 92, -0.7: 92.5, -0.1: 92.7, 0: 93},
        **{0.1: 92.7, 0.3: 92.1, 1: 90, 2: 87, 10: 40, 100: 10},
    },
    "resnet50": {-100: 15, -10: 45, -2: 55.5, -1: 56, 0: 55, 0.4: 54, 1: 53, 2: 50, 10: 15, 100: 3},
}
# Mean selectivity by alpha, from the same sources.
SELECTIVITY: dict[str, Curve] = {
    "resnet18": {
        **{
            -100: 0.01,
            -10: 0.05,
            -3.5: 0.10,
            -3: 0.12,
            -2: 0.155,
            -1: 0.22,
            -0.7: 0.25,
            -0.4: 0.283,
            -0.1: 0.328,
        },
        **{0: 0.35, 0.1: 0.394, 0.2: 0.462, 0.4: 0.582, 0.7: 0.704, 1: 0.776, 2: 0.879, 100: 0.95},
    },
    "resnet20": {
        **{-100: 0.002, -30: 0.003, -10: 0.009, -2: 0.045, -1: 0.07, -0.7: 0.085, 0: 0.22},
        **{0.7: 0.5, 2: 0.75, 100: 0.8},
    },
    "vgg16": {-100: 0.002, -10: 0.01, -2: 0.035, -0.7: 0.06, 0: 0.35, 0.7: 0.6, 2: 0.8, 100: 0.85},
    "resnet50": {-100: 0.01, -2: 0.15, -1: 0.2, 0: 0.35, 1: 0.75, 2: 0.85, 100: 0.9},
}


def at(curve: Curve, alphas: ArrayLike) -> NDArray[np.float64]:
    """Values of a curve at some alphas: joined by lines, constant beyond its ends."""
    known = sorted(curve)
    return np.interp(np.asarray(alphas, float), known, [curve[alpha] for alpha in known])
