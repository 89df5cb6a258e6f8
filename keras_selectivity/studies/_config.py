"""The configuration of a run, and what is wrong with it."""

from dataclasses import asdict
from dataclasses import dataclass

from keras_selectivity._settings import AnyOf
from keras_selectivity._settings import Choice
from keras_selectivity._settings import Flag
from keras_selectivity._settings import Items
from keras_selectivity._settings import Number
from keras_selectivity._settings import SettingError
from keras_selectivity._settings import Text
from keras_selectivity._settings import Whole
from keras_selectivity._settings import check_settings
from keras_selectivity._settings import setting
from keras_selectivity.networks import NETWORKS

METHODS = ("plain", "augmix", "pgd", "fgsm")
PRECISIONS = ("float32", "bfloat16")
_SPAN = Text(
    r"(first|last)[ -]([1-9]\d*|one|two|three|four|five|six|seven|eight|nine|ten)",
    "text like 'first 3' or 'last 3'",
)
ALPHA, SEED = Number("[-1e6, 1e6]"), Whole(0, 2**32 - 1)


def data_sets():
    """Names of the data sets."""
    from keras_selectivity import datasets

    return datasets.NAMES


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
        epsilon: Radius of adversarial training, in pixels of [0, 1]; `None` is the data set's own: 4/255
            for Tiny ImageNet, 8/255 for the others.
        precision: `"float32"`, or `"bfloat16"` for the arithmetic of the layers; weights, batch-norm statistics,
            unit means and the loss stay float32, and so is the network that is kept.
        deterministic: Use deterministic kernels, so that the same seed gives the same weights.
    """

    dataset: str = setting(Choice(data_sets))
    network: str = setting(Choice(NETWORKS))
    alpha: float = setting(ALPHA)
    seed: int = setting(SEED, 0)
    negative_slope: float = setting(Number("[0, 1)"), 0.0)
    metric: str = setting(Choice(("selectivity", "discriminability")), "selectivity")
    layers: object = setting(AnyOf(_SPAN, Items(Text(), "names")), None)
    warmup_epochs: int = setting(Whole(0), 0)
    epochs: int = setting(Whole(1), 200)
    batch_size: int = setting(Whole(2), 256)
    micro_batch: int | None = setting(Whole(1), None)
    learning_rate: float = setting(Number("(0, 1e6]"), 0.1)
    milestones: tuple | None = setting(Items(Whole(0), "epochs", rising=True, empty=True), None)
    pad: int = setting(Whole(0, 32), 4)
    validation_per_class: int = setting(Whole(1), 500)
    train_samples: int | None = setting(Whole(2), None)
    method: str = setting(Choice(METHODS), "plain")
    epsilon: float | None = setting(Number("(0, 1)"), None)
    precision: str = setting(Choice(PRECISIONS), "float32")
    deterministic: bool = setting(Flag(), False)

    def to_dict(self):
        """The configuration as plain JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }


def check_config(config):
    """Refuses what would fail only once the training starts.

    Raises:
        SettingError: Naming the first value that will not do, and the allowed ones.
    """
    from keras_selectivity import datasets

    check_settings(config)
    if config.micro_batch is not None:
        if config.batch_size % config.micro_batch:
            raise SettingError(
                "micro_batch",
                f"micro_batch = {config.micro_batch} does not divide batch_size = {config.batch_size}.",
            )
        if config.method != "plain":
            raise SettingError(
                "micro_batch", f"micro_batch does not go together with method = {config.method}."
            )
    if config.epsilon is not None and config.method not in ("pgd", "fgsm"):
        raise SettingError("epsilon", f"epsilon is for the methods pgd and fgsm, not for {config.method}.")
    spec = datasets.spec(config.dataset)
    if spec.classes is not None and spec.train_per_class is not None:
        _check_sizes(config, spec.classes, spec.train_per_class)


def _check_sizes(config, classes, per_class):
    """Whether the training set has what is to be held out and trained on."""
    left = per_class - config.validation_per_class
    if left < 1:
        raise SettingError(
            "validation_per_class",
            f"A class of {config.dataset} has {per_class} samples; validation_per_class = "
            f"{config.validation_per_class} cannot be drawn from it and leave any.",
        )
    samples = config.train_samples or left * classes
    if samples % classes or samples > left * classes:
        raise SettingError(
            "train_samples",
            f"A balanced subset of {classes} classes with at most {left} samples each cannot have train_samples = "
            f"{samples}. Choose a multiple of {classes} up to {left * classes}.",
        )
    if samples < config.batch_size:
        raise SettingError(
            "batch_size",
            f"batch_size is too large: {samples} training samples do not fill one batch of {config.batch_size}.",
        )
