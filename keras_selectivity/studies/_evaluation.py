"""The settings of an evaluation."""

import os
from dataclasses import dataclass

from keras_selectivity._settings import Choice
from keras_selectivity._settings import Fields
from keras_selectivity._settings import Flag
from keras_selectivity._settings import Folder
from keras_selectivity._settings import Items
from keras_selectivity._settings import Number
from keras_selectivity._settings import SettingError
from keras_selectivity._settings import Text
from keras_selectivity._settings import Whole
from keras_selectivity._settings import check_settings
from keras_selectivity._settings import setting
from keras_selectivity.studies._config import SEED
from keras_selectivity.studies._config import data_sets

# 0 to 16/255 in octaves, and the range of the papers' PGD (25 steps of 0.0001) in tenths.
EPSILONS = tuple(sorted({n / 255 for n in (0, 0.25, 0.5, 1, 2, 4, 8, 16)} | {n / 4000 for n in range(1, 11)}))
PGD_STEPS = (0, 1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100)


def _corruptions():
    from keras_selectivity import datasets

    return datasets.CORRUPTIONS


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

    dataset: str = setting(Choice(data_sets))
    limit: int | None = setting(Whole(1), None)
    units: bool = setting(Flag(), False)
    attacks: bool = setting(Flag(), False)
    epsilons: tuple = setting(Items(Number("[0, 1]"), "numbers"), EPSILONS)
    pgd_steps: tuple = setting(Items(Whole(0, 1_000_000), "whole numbers"), PGD_STEPS)
    pgd_step_size: float = setting(Number("(0, 1000]"), 1e-4)
    pgd_epsilon: float | None = setting(Number("[0, 1000]"), None)
    pgd_norm: str = setting(Choice(("linf", "l2")), "linf")
    transfer_from: str | None = setting(Text(), None)
    corruptions: bool = setting(Flag(), False)
    only_corruptions: tuple | None = setting(Items(Choice(_corruptions), "corruptions"), None)
    corrupted_data: str | None = setting(Folder(), None)
    clean_data: str | None = setting(Folder(), None)
    verify: bool = setting(Flag(), True)
    frost: str | None = setting(Folder(), None)
    jacobian: bool = setting(Flag(), False)
    projections: int | None = setting(Whole(1), None)
    unit_gradients: bool = setting(Flag(), False)
    units_per_layer: int | None = setting(Whole(1), 64, optional=True)
    gradient_samples: int = setting(Whole(1), 1000)
    dimensionality: bool = setting(Flag(), False)
    variance: float = setting(Number("(0, 1]"), 0.9)
    full_maps: bool = setting(Flag(), False)
    perturbation: tuple = setting(Fields(Choice(_corruptions), Whole(1, 5)), ("motion_blur", 3))
    pwcca: bool = setting(Flag(), False)
    off_axis: bool = setting(Flag(), False)
    off_axis_steps: int = setting(Whole(1), 3500)
    layers: tuple | None = setting(Items(Text(), "names"), None)
    batch_size: int | None = setting(Whole(1), None)
    seed: int = setting(SEED, 0)


def check(evaluation):
    """Refuses settings that would fail only after others have been measured.

    Raises:
        SettingError: Naming the first that will not do.
    """
    from keras_selectivity import datasets

    check_settings(evaluation)
    spec = datasets.spec(evaluation.dataset)
    if evaluation.corrupted_data == "tfds" and spec.open_prepared is None:
        raise SettingError(
            "corrupted_data",
            f"corrupted_data = tfds does not go with {evaluation.dataset}, of which there is no release of "
            "corrupted versions.",
        )
    if evaluation.clean_data is not None and (
        evaluation.corrupted_data is None or spec.clean_candidates is None
    ):
        raise SettingError(
            "clean_data",
            f"clean_data holds the counterparts of corrupted_data of Tiny ImageNet-C; name both. Received: "
            f"clean_data = {evaluation.clean_data!r}, corrupted_data = {evaluation.corrupted_data!r}.",
        )
    classes, per_class = spec.classes, spec.test_per_class
    if classes is not None and per_class is not None:
        for name in ("limit", "gradient_samples") if evaluation.unit_gradients else ("limit",):
            samples = getattr(evaluation, name)
            if samples is not None and samples < classes * per_class and samples % classes:
                raise SettingError(
                    name, f"A balanced subset of {classes} classes cannot have {name} = {samples} samples."
                )


def check_folders(evaluation):
    """Refuses folders that are not there, on the machine that is to measure.

    Raises:
        SettingError: Naming the first.
    """
    for name in ("corrupted_data", "clean_data", "frost"):
        folder = getattr(evaluation, name)
        if folder is not None and (name, folder) != ("corrupted_data", "tfds") and not os.path.isdir(folder):
            also = ", or 'tfds'" if name == "corrupted_data" else ""
            raise SettingError(name, f"{name}: {folder!r} is no folder. Name one that is there{also}.")
