"""The configuration of a run, and what is wrong with it."""

import re
from typing import Annotated
from typing import Any
from typing import Literal
from typing import Self

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import TypeAdapter
from pydantic import ValidationError
from pydantic import model_validator

from keras_selectivity._settings import Alpha
from keras_selectivity._settings import Positive
from keras_selectivity._settings import Rising
from keras_selectivity._settings import Seed
from keras_selectivity._settings import SettingError
from keras_selectivity._settings import Settings
from keras_selectivity._settings import Several
from keras_selectivity._settings import Text
from keras_selectivity._settings import Whole
from keras_selectivity._settings import one_of

_NAMES = TypeAdapter(Several[Text])
_SPAN = re.compile(r"(first|last)[ -]([1-9]\d*|one|two|three|four|five|six|seven|eight|nine|ten)")


def _data_sets() -> Any:
    from keras_selectivity import datasets

    return datasets.NAMES


def _networks() -> Any:
    from keras_selectivity import networks

    return networks.names()


def _layers(value: Any) -> Any:
    if value is None or (isinstance(value, str) and _SPAN.fullmatch(value)):
        return value
    try:
        return _NAMES.validate_python(value)
    except ValidationError:
        raise ValueError(
            f"layers must be text like 'first 3' or 'last 3', or a list of names, none twice. Received: {value!r:.90}."
        ) from None


DataSet = Annotated[str, one_of(_data_sets, "dataset")]


class RunConfig(Settings):
    """Everything that decides the result of one training."""

    dataset: DataSet
    """Name of a data set."""
    network: Annotated[str, one_of(_networks, "network")]
    """Name of a network."""
    alpha: Alpha
    """Scale of the regulariser; negative: less selective."""
    seed: Seed = 0
    """Seed of validation split, initialisation, order and augmentation."""
    negative_slope: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Slope of leaky ReLUs; 0 for plain ones."""
    metric: Literal["selectivity", "discriminability"] = "selectivity"
    """What is regularised: the selectivity index, or d'."""
    layers: Annotated[str | tuple[str, ...] | None, BeforeValidator(_layers)] = None
    """'first 3', 'last 3', or names of layers to regularise; all if left out."""
    warmup_epochs: Whole = 0
    """Epochs over which alpha grows from 0."""
    epochs: Positive = 200
    """Number of epochs."""
    batch_size: Annotated[int, Field(ge=2, le=2**31 - 1)] = 256
    """Samples per batch."""
    micro_batch: Positive | None = None
    """Samples at a time, for batches too large for the memory; the selectivity is that of the whole batch."""
    learning_rate: Annotated[float, Field(gt=0, le=1e6)] = 0.1
    """Initial learning rate."""
    milestones: Rising[Whole] | None = None
    """Epochs at which the learning rate drops to a tenth; at a half and three quarters if left out."""
    pad: Annotated[int, Field(ge=0, le=32)] = 4
    """Padding of the flip-and-crop augmentation in pixels; 0: no augmentation."""
    validation_per_class: Positive = 500
    """Training samples of each class held out to choose the epoch."""
    train_samples: Annotated[int, Field(ge=2, le=2**31 - 1)] | None = None
    """Size of a class-balanced subset of the remaining training samples; all if left out."""
    method: Literal["plain", "augmix", "pgd", "fgsm"] = "plain"
    """Training for robustness: AugMix, or adversarial with 7 steps of PGD or with one of FGSM, with their published
    settings."""
    epsilon: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Radius of adversarial training, in pixels of [0, 1]; the data set's own if left out."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the layers; weights, statistics, unit means and loss stay float32, as does the network that is
    kept."""
    deterministic: bool = False
    """Deterministic kernels: the same seed gives the same weights."""

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.micro_batch is not None:
            if self.batch_size % self.micro_batch:
                raise SettingError(
                    "micro_batch",
                    f"micro_batch = {self.micro_batch} does not divide batch_size = {self.batch_size}.",
                )
            if self.method != "plain":
                raise SettingError(
                    "micro_batch", f"micro_batch does not go together with method = {self.method}."
                )
        if self.epsilon is not None and self.method not in ("pgd", "fgsm"):
            raise SettingError("epsilon", f"epsilon is for the methods pgd and fgsm, not for {self.method}.")
        _check_sizes(self)
        return self


def _check_sizes(config: RunConfig) -> None:
    """Whether the training set has what is to be held out and trained on."""
    from keras_selectivity import datasets

    spec = datasets.spec(config.dataset)
    if spec.classes is None or spec.train_per_class is None:
        return
    classes, per_class = spec.classes, spec.train_per_class
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
