"""Controls that tell robustness from gradients that merely fail the attacker."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._types import Array
from keras_selectivity._wrap import measures
from keras_selectivity.robustness._accuracy import accuracy
from keras_selectivity.robustness._attack import BATCH_SIZE
from keras_selectivity.robustness._attack import strength
from keras_selectivity.robustness._fgsm import fgsm_accuracy
from keras_selectivity.robustness._pgd import pgd
from keras_selectivity.robustness._pgd import surviving


@dataclass(frozen=True)
class GradientMasking:
    """What `gradient_masking` found, all shares of the images.

    Attributes:
        zero_gradients: Images whose loss has a zero gradient in every pixel.
        single_step_accuracy: Accuracy under one FGSM step of the controls' epsilon.
        random_start_accuracy: Images that a random-start PGD of the same epsilon never fools.
        transfer_accuracy: Accuracy on adversarial images made with another network at the same
            epsilon, or `None`.
        epsilon: Radius of the controls, in pixels of [0, 1].
        steps: Steps of the random-start attack.
        step_size: Length of such a step.
        seed: Seed of the random start.
        samples: Number of images.
    """

    zero_gradients: float
    single_step_accuracy: float
    random_start_accuracy: float
    transfer_accuracy: float | None
    epsilon: float
    steps: int
    step_size: float
    seed: int
    samples: int

    @property
    def warnings(self) -> list[str]:
        """Sentences on what suggests that the network resists gradients rather than attacks."""
        found = []
        if self.zero_gradients > 0.01:
            found.append(f"{self.zero_gradients:.1%} of the images have a zero input gradient")
        if self.random_start_accuracy > self.single_step_accuracy:
            found.append(
                f"{self.steps} random-start steps fool fewer images than one step of the same epsilon "
                f"({self.random_start_accuracy:.1%} against {self.single_step_accuracy:.1%} right)"
            )
        if self.transfer_accuracy is not None and self.transfer_accuracy < self.random_start_accuracy:
            found.append(
                f"another network's adversarial images fool it more often than its own "
                f"({self.transfer_accuracy:.1%} against {self.random_start_accuracy:.1%} right)"
            )
        return found

    def __str__(self) -> str:
        text = "; ".join(self.warnings)
        return f"Gradient masking is likely: {text}." if text else "No sign of gradient masking."


@measures
def gradient_masking(
    exported: Exported,
    images: ArrayLike,
    labels: ArrayLike,
    *,
    epsilon: float = 8 / 255,
    steps: int = 20,
    step_size: float = 2 / 255,
    seed: int = 0,
    transferred: ArrayLike | None = None,
    batch_size: int = BATCH_SIZE,
    verbose: int = 1,
) -> GradientMasking:
    """Checks that an attack's failures are not the attacker's.

    A network can look robust because its gradients vanish. Such a network betrays itself: zero
    gradients, many steps from a random start that do worse than one step, adversarial images of
    another network that do better than its own. (Athalye, Carlini and Wagner 2018, section 3.1.)

    Args:
        exported: What `keras_selectivity.load` or `wrap` returns, or a Keras model.
        images: `(n, ...)` floats; of images uint8, or floats in [0, 1].
        labels: `(n,)` true labels, integers.
        epsilon: Radius of the L-infinity ball of all controls. Defaults to 8/255.
        steps: Steps of the random-start attack. Defaults to 20.
        step_size: Length of its steps. Defaults to 2/255.
        seed: Seed of its start.
        transferred: `(n, ...)` adversarial images for the same clean images
            from another network, as `transfer_images` makes them. Defaults to None.
        batch_size: Images at a time. Defaults to 250.
        verbose: 0 shows no progress bar.

    Returns:
        A `GradientMasking`.

    Raises:
        InputError: As `pgd`; the transferred images are not as many, or are farther away than
            epsilon.
    """
    epsilon, step_size = strength("epsilon", epsilon), strength("step_size", step_size)
    settings: dict[str, Any] = {"batch_size": batch_size, "verbose": verbose}
    single = fgsm_accuracy(exported, images, labels, [epsilon], **settings)
    left = surviving(
        exported, images, labels, steps=steps, step_size=step_size, epsilon=epsilon, seed=seed, **settings
    )
    transfer = None
    if transferred is not None:
        clean, moved = exported.prepared(images), exported.prepared(transferred)
        if clean.shape != moved.shape or np.abs(clean - moved).max() > epsilon + 1e-6:
            raise InputError(
                f"The transferred images must be the {len(clean)} images, changed by at most {epsilon:g}."
            )
        transfer = accuracy(exported, moved, labels, perturbed=True, batch_size=batch_size, verbose=0)
    return GradientMasking(
        single.zero_gradients,
        float(single.accuracy[0]),
        float(left.mean()),
        transfer,
        epsilon,
        steps,
        step_size,
        seed,
        len(left),
    )


@measures
def transfer_images(
    exported: Exported,
    images: ArrayLike,
    labels: ArrayLike,
    *,
    epsilon: float = 8 / 255,
    batch_size: int = BATCH_SIZE,
    verbose: int = 1,
) -> Array:
    """Adversarial images of one network, with which to attack others.

    PGD in the L-infinity ball, ten steps of a quarter of its radius.

    Returns:
        `(n, ...)` float32, of images in [0, 1].
    """
    epsilon = strength("epsilon", epsilon)
    return pgd(
        exported,
        images,
        labels,
        steps=10,
        step_size=epsilon / 4,
        epsilon=epsilon,
        batch_size=batch_size,
        verbose=verbose,
    )
