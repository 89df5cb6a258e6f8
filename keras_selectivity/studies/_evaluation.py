"""The settings of an evaluation."""

from dataclasses import dataclass

import numpy as np

from keras_selectivity._errors import InputError

# 0 to 16/255 in octaves, and the range of the papers' PGD (25 steps of 0.0001) in tenths.
EPSILONS = tuple(sorted({n / 255 for n in (0, 0.25, 0.5, 1, 2, 4, 8, 16)} | {n / 4000 for n in range(1, 11)}))
PGD_STEPS = (0, 1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100)


@dataclass(frozen=True)
class Evaluation:
    """What to measure on the test split of a data set; selectivity and accuracy always.

    Attributes:
        dataset: Name of a data set.
        limit: Size of a class-balanced subset of the test split; `None` uses all.
        units: The measures of every single unit, and how they go together.
        attacks: FGSM, PGD and the controls for gradient masking.
        epsilons: Strengths of FGSM, in pixels of [0, 1].
        pgd_steps: Numbers of steps of PGD.
        pgd_step_size: Length of a step, in pixels of [0, 1].
        pgd_epsilon: Radius of the ball, or `None`.
        pgd_norm: `"linf"` or `"l2"`.
        transfer_from: Name of the model whose adversarial images attack the others; `None` takes
            the first with alpha = 0.
        corruptions: Accuracy by corruption and severity.
        only_corruptions: Names; `None` takes all there are.
        corrupted_data: Folder of CIFAR-10-C or Tiny ImageNet-C, or `"tfds"`; `None` generates.
        clean_data: Folder of the clean counterparts of Tiny ImageNet-C; `None` looks for them by content.
        verify: Compare checksums of released files.
        frost: Folder with photographs of frost for generated corruptions.
        jacobian: Norm of the input-output Jacobian.
        projections: Random projections of the Jacobian; `None` for the exact norm.
        unit_gradients: Variation of the input-unit gradients.
        units_per_layer: Most units of a layer to take into account.
        gradient_samples: Size of the class-balanced subset for the input-unit gradients.
        dimensionality: PCA dimensionality of the layers: clean, and of what `perturbation` and PGD
            of 25 steps change.
        variance: Share of the variance that the principal components explain.
        full_maps: Use the full maps for the dimensionality instead of spatial means.
        perturbation: `(corruption, severity)` for the dimensionality of the change.
        pwcca: Projection-weighted CCA distances between all pairs of models.
        off_axis: Upper bound of the off-axis selectivity, fitted on the validation samples of the
            model's training.
        off_axis_steps: Most steps of its search.
        layers: Names of layers for these three; `None` takes all.
        batch_size: Images at a time; `None` leaves it to each measurement. Changes the memory and the
            speed, not the results.
        seed: Seed of subsets, corruptions, controls, projections, ties and the bootstrap.
    """

    dataset: str
    limit: int | None = None
    units: bool = False
    attacks: bool = False
    epsilons: tuple = EPSILONS
    pgd_steps: tuple = PGD_STEPS
    pgd_step_size: float = 1e-4
    pgd_epsilon: float | None = None
    pgd_norm: str = "linf"
    transfer_from: str | None = None
    corruptions: bool = False
    only_corruptions: tuple | None = None
    corrupted_data: str | None = None
    clean_data: str | None = None
    verify: bool = True
    frost: str | None = None
    jacobian: bool = False
    projections: int | None = None
    unit_gradients: bool = False
    units_per_layer: int | None = 64
    gradient_samples: int = 1000
    dimensionality: bool = False
    variance: float = 0.9
    full_maps: bool = False
    perturbation: tuple = ("motion_blur", 3)
    pwcca: bool = False
    off_axis: bool = False
    off_axis_steps: int = 3500
    layers: tuple | None = None
    batch_size: int | None = None
    seed: int = 0


def check(evaluation):
    """Refuses settings that would fail only after others have been measured.

    Raises:
        InputError: Naming the first that will not do.
    """
    from keras_selectivity import datasets

    for name in evaluation.only_corruptions or ():
        datasets.check_corruption(name, 1)
    for value in (*evaluation.epsilons, evaluation.pgd_step_size, evaluation.pgd_epsilon or 0):
        if not (np.isfinite(value) and value >= 0):
            raise InputError(
                f"Epsilons and step sizes must be at least 0, in pixels of [0, 1]. Received: {value}."
            )
    if any(steps < 0 for steps in evaluation.pgd_steps) or not evaluation.pgd_steps:
        raise InputError(f"Numbers of steps must be at least 0. Received: {evaluation.pgd_steps}.")
    if evaluation.pgd_norm not in ("linf", "l2"):
        raise InputError(f"The norm must be linf or l2. Received: {evaluation.pgd_norm}.")
    datasets.check_corruption(*evaluation.perturbation)
    tiny = evaluation.dataset.startswith("tiny_imagenet")
    if evaluation.corrupted_data == "tfds" and not tiny and evaluation.dataset != "cifar10":
        raise InputError(
            f"corrupted_data = tfds is CIFAR-10-C or Tiny ImageNet-C, which does not go with {evaluation.dataset}."
        )
    if evaluation.clean_data is not None and (evaluation.corrupted_data is None or not tiny):
        raise InputError("clean_data holds the counterparts of corrupted_data of Tiny ImageNet-C; name both.")
    if not 0 < evaluation.variance <= 1:
        raise InputError(f"The share of the variance must lie in (0, 1]. Received: {evaluation.variance}.")
    for name in (
        "projections",
        "units_per_layer",
        "gradient_samples",
        "limit",
        "off_axis_steps",
        "batch_size",
    ):
        value = getattr(evaluation, name)
        if value is not None and value < 1:
            raise InputError(f"{name} must be at least 1. Received: {value}.")
