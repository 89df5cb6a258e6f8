"""The configuration of a run, and what is wrong with it."""

from dataclasses import asdict
from dataclasses import dataclass

import numpy as np

from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError

METHODS = ("plain", "augmix", "pgd", "fgsm")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides the result of one training.

    Attributes:
        dataset: Name of a data set.
        network: Name of a function of `keras_selectivity.networks`.
        alpha: Scale of the regulariser.
        seed: Seed of validation split, initialisation, order and augmentation.
        negative_slope: Slope of leaky ReLUs; 0 for plain ones.
        metric: `"selectivity"` or `"discriminability"`.
        layers: `None`, `"first 3"`, `"last 3"`, or a list of layer names.
        warmup_epochs: Epochs over which alpha grows from 0.
        epochs: Number of epochs.
        batch_size: Samples a batch.
        micro_batch: Samples that pass through the network at a time, for batches too large for the memory;
            the selectivity is that of the whole batch. `None` for the whole batch.
        learning_rate: Initial learning rate.
        milestones: Epoch indices at which the learning rate drops to a tenth; `None` puts them, as the
            papers do, at a half and three quarters of the epochs.
        pad: Padding of the flip-and-crop augmentation; 0 trains without augmentation.
        validation_per_class: Training samples of each class held out to choose the epoch.
        train_samples: Size of a class-balanced subset of the remaining training samples; `None`
            uses all.
        method: `"plain"`; `"augmix"` (AugMix with the Jensen-Shannon consistency loss of weight 12); `"pgd"`
            (adversarial training with 7 steps) or `"fgsm"` (one step of 1.25 epsilon from a random start).
            These are the methods' own published settings; those of the papers are not known.
        epsilon: Radius of adversarial training, in pixels of [0, 1]; `None` is 8/255 for images of 32
            pixels, 4/255 for Tiny ImageNet.
        precision: `"float32"`, or `"bfloat16"` for the arithmetic of the layers; weights, batch-norm statistics,
            unit means and the loss stay float32, and so is the network that is kept.
        deterministic: Use deterministic kernels, so that the same seed gives the same weights.
    """

    dataset: str
    network: str
    alpha: float
    seed: int = 0
    negative_slope: float = 0.0
    metric: str = "selectivity"
    layers: object = None
    warmup_epochs: int = 0
    epochs: int = 200
    batch_size: int = 256
    micro_batch: int | None = None
    learning_rate: float = 0.1
    milestones: tuple | None = None
    pad: int = 4
    validation_per_class: int = 500
    train_samples: int | None = None
    method: str = "plain"
    epsilon: float | None = None
    precision: str = "float32"
    deterministic: bool = False

    def to_dict(self):
        """The configuration as plain JSON values."""
        return {**asdict(self), "milestones": None if self.milestones is None else list(self.milestones)}


def check_config(config):
    """Refuses what would fail only once the training starts.

    Raises:
        InputError: Naming the first value that will not do, and the allowed ones.
    """
    from keras_selectivity import datasets
    from keras_selectivity import networks
    from keras_selectivity.selectivity import METRICS

    for name, allowed in (
        ("dataset", datasets.NAMES),
        ("network", networks.NETWORKS),
        ("metric", METRICS),
        ("method", METHODS),
        ("precision", PRECISIONS),
    ):
        if getattr(config, name) not in allowed:
            raise InputError(f"Unknown {name} {getattr(config, name)!r}. Choose one of {', '.join(allowed)}.")
    for name, least in (("epochs", 1), ("batch_size", 2), ("seed", 0), ("pad", 0), ("warmup_epochs", 0),
                        ("validation_per_class", 1)):  # fmt: skip
        whole_number(name, getattr(config, name), least)
    if config.train_samples is not None:
        whole_number("train_samples", config.train_samples, 1)
    if config.micro_batch is not None:
        whole_number("micro_batch", config.micro_batch, 1)
        if config.batch_size % config.micro_batch:
            raise InputError(
                f"Micro-batches of {config.micro_batch} do not divide batch_size = {config.batch_size}."
            )
        if config.method != "plain":
            raise InputError(f"micro_batch does not go together with method = {config.method}.")
    for milestone in config.milestones or ():
        whole_number("milestones", milestone, 0)
    for name in ("alpha", "learning_rate", "negative_slope"):
        value = getattr(config, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise InputError(f"{name} must be a finite number. Received: {value!r}.")
    if config.epsilon is not None:
        if config.method not in ("pgd", "fgsm"):
            raise InputError(f"epsilon is for the methods pgd and fgsm, not for {config.method}.")
        if not 0 < config.epsilon < 1:
            raise InputError(f"epsilon must lie in (0, 1). Received: {config.epsilon!r}.")
    if not 0 <= config.negative_slope < 1:
        raise InputError(f"negative_slope must lie in [0, 1). Received: {config.negative_slope!r}.")
    if config.learning_rate <= 0:
        raise InputError(f"learning_rate must be positive. Received: {config.learning_rate!r}.")
