"""What the papers declare of trainings and measurements: the settings that rows are compared with."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """What is asked of a setting.

    Attributes:
        theirs: The papers' value, in words; where they state none, ours.
        fits: Whether a value is it.
        form: Format of another value.
        minor: Whether it matters less than what is measured, and how.
        unsaid: What rows that do not have it depart in, if in anything.
    """

    theirs: str
    fits: Callable[[Any], bool]
    form: str = "{name} = {value}"
    minor: bool = False
    unsaid: str = ""

    def departure(self, name: str, value: Any) -> str:
        """The departure of another value."""
        shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else value
        return f"{self.form.format(name=name, value=shown)} instead of {self.theirs}"


def _is(
    value: Any, form: str = "{name} = {value}", theirs: str | None = None, minor: bool = False
) -> Setting:
    shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return Setting(shown if theirs is None else theirs, lambda found: found == value, form, minor)


def _free() -> Setting:
    """What follows from another setting, or makes no difference."""
    return Setting("", lambda _: True)


def _holds(least: set[float], form: str) -> Setting:
    wanted = " and ".join(f"{value:g}" for value in sorted(least))
    return Setting(f"some with {wanted}", lambda found: isinstance(found, list) and least <= set(found), form)


@dataclass(frozen=True)
class Paper:
    """A network of the papers.

    Attributes:
        dataset: What it is trained on.
        seeds: Replicates.
        training: Its settings, the most important first.
    """

    dataset: str
    seeds: int
    training: Mapping[str, Setting]


# Settings that an arm of a study may be about
OF_ARMS = ("method", "epsilon", "metric", "layers", "negative_slope", "warmup_epochs", "precision")


def _training(
    epochs: int,
    milestones: list[int],
    batch: int,
    rate: float,
    samples: int,
    validation: int,
    pad: Setting,
) -> dict[str, Setting]:
    return {
        "epochs": _is(epochs, "{value} epochs"),
        "samples_trained_on": _is(samples, "{value} training samples"),
        "method": _is("plain", "trained by {value}", "plain training"),
        "epsilon": _is(None, "adversarial training with a radius of {value}", "none"),
        "metric": _is("selectivity", "{value} regularised", "the selectivity index"),
        "layers": _is(None, "layers {value} regularised", "all"),
        "negative_slope": _is(0.0, "ReLUs of slope {value}", "plain ones"),
        "warmup_epochs": _is(0, "a warm-up of {value} epochs", "none"),
        "learning_rate": _is(rate, "a learning rate of {value}"),
        "milestones": _is(milestones, "drops of the learning rate at {value}"),
        "batch_size": _is(batch, "{value} samples per batch"),
        "samples_validated_on": _is(validation, "{value} validation samples", minor=True),
        "micro_batch": _is(None, "batches in parts of {value}", "whole ones", minor=True),
        "pad": pad,
        "precision": _is("float32", "trained in {value}", "float32", minor=True),
        "momentum": _is(0.9, "a momentum of {value}", minor=True),
        "l2": _is(1e-4, "a weight decay of {value}", minor=True),
        "selection": _is("highest validation accuracy, earliest epoch", "the epoch of {value}", minor=True),
        **dict.fromkeys(
            (
                "network",
                "dataset",
                "validation_per_class",
                "train_samples",
                "deterministic",
                "trained_on_backend",
            ),
            _free(),
        ),
    }


# "Selectivity considered harmful", appendices A.1 and A.18. How Tiny ImageNet was augmented is not said there.
_CIFAR = (200, [100, 150], 256)
_FLIPS_AND_CROPS = _is(4, "augmentation that pads by {value}", minor=True)
_TINY = ([35, 50, 65, 80], 0.1, 90_000, 10_000, _free())
PAPERS: dict[str | None, Paper] = {
    "resnet20": Paper("cifar10", 20, _training(*_CIFAR, 0.1, 45_000, 5_000, _FLIPS_AND_CROPS)),
    "vgg16": Paper("cifar10", 20, _training(*_CIFAR, 0.01, 45_000, 5_000, _FLIPS_AND_CROPS)),
    "resnet18": Paper("tiny_imagenet", 20, _training(90, _TINY[0], 4096, *_TINY[1:])),
    "resnet50": Paper("tiny_imagenet", 5, _training(90, _TINY[0], 1400, *_TINY[1:])),
}
TEST_SAMPLES = 10_000
# What stands for all corruptions ("On the relationship ...", appendix A.1.5)
CORRUPTION = {"cifar10": ("motion_blur", 3), "tiny_imagenet": ("brightness", 3)}

_RELEASED = Setting(
    "the released ones",
    # Those whose checksums are compared; "Tiny ImageNet-C, released files" of older rows was any folder
    lambda found: (
        found
        in (
            "CIFAR-10-C, released files",
            "CIFAR-10-C, tensorflow-datasets",
            "Tiny ImageNet-C, tensorflow-datasets",
        )
    ),
    "versions that are {value},",
)
_PAIRS = Setting(
    "the authors' clean images",
    lambda found: str(found) == "the clean test set" or str(found).endswith("by file name"),
    "clean images {value},",
)
# The papers' gradient, and the exact one of the same direction that float32 does not lose
_LOSS = Setting(
    "cross_entropy or log_odds", lambda found: found in ("cross_entropy", "log_odds"), "loss {value}"
)
_OURS = "our protocol's "
_LAYERS = _is(None, "layers {value}", "all")
_SUBSET = {"balanced_subset": _is(1000, "{value} samples", f"{_OURS}1,000"), "of": _free()}
# Settings of the measurements. Those of the dimensionality and of PGD's steps are the papers' ("On the relationship
# ...", section 2 and appendix A.1), those of the search for axes and of distances too ("Selectivity considered
# harmful", sections 3 and 4.2); where they state none, what this package takes for it.
MEASURED: dict[str, Mapping[str, Setting]] = {
    "clean": {},
    "corruptions": {
        "source": _RELEASED,
        "pairs": _PAIRS,
        "relative_to": _is("accuracy on the clean test images", "accuracy relative to {value}"),
    },
    "fgsm": {"epsilons": _holds({0.0, 0.0025}, "strengths {value}"), "loss": _LOSS},
    "pgd": {
        "steps": _holds({0, 25}, "steps {value}"),
        "step_size": _is(1e-4, "steps of {value}"),
        "epsilon": _is(None, "a ball of {value}", "none"),
        "norm": _is("linf", "norm {value}"),
        "random_start": _is(False, "random start {value}"),
        "loss": _LOSS,
    },
    "dimensionality": {
        "source": _RELEASED,
        "pairs": _PAIRS,
        "variance": _is(0.9, "a share of variance of {value}"),
        "activations": _is("units", "{value}"),
        "layers": _LAYERS,
        "steps": _is(25, "{value} steps of PGD"),
        "step_size": _is(1e-4, "steps of {value}"),
        "loss": _LOSS,
    },
    "jacobian": {
        "projections": Setting(
            "all classes or 20 projections", lambda found: found is None or found >= 20, "{value} projections"
        )
    },
    "unit_gradients": {
        "units_per_layer": Setting(
            f"{_OURS}64", lambda found: found is None or found >= 64, "{value} units of a layer"
        ),
        **_SUBSET,
    },
    "pwcca": {
        "layers": _LAYERS,
        "symmetric": _is(True, "symmetric = {value}"),
        "variant": _is("paper", "variant {value}"),
    },
    "off_axis": {"steps": _is(3500, "{value} steps"), "layers": _LAYERS},
    "units": {
        "bins": Setting(
            f"{_OURS}100, or 10 of Tiny ImageNet",
            lambda found: found in (10, 100),
            "{value} bins of activations",
            unsaid="mutual information is not corrected for chance",
        ),
        "shuffles": _is(5, "{value} shuffles of labels", f"{_OURS}5"),
    },
    "autoattack": {
        "epsilons": _holds({0.0025}, "radii {value}"),
        "version": Setting(
            "apgd or standard", lambda found: found in ("apgd", "standard"), "version {value}"
        ),
        "norm": _is("linf", "norm {value}"),
        "iterations": _is(100, "{value} iterations"),
        "targets": _is(9, "{value} targets"),
        "queries": _is(5000, "{value} queries"),
    },
    "masking": {
        "epsilon": _is(round(8 / 255, 8), "a ball of {value}"),
        "steps": _is(20, "{value} steps"),
        "step_size": _is(round(2 / 255, 8), "steps of {value}"),
        "loss": _LOSS,
        "transfer_from": _is("alpha 0, same seed", "images transferred from {value}"),
    },
    "ablation": {
        "fractions": _is([0.1, 0.25, 0.5, 0.75, 0.9, 1.0], "parts {value}"),
        "fill": _is("zero", "{value} in place of units"),
        "cumulative": _is(True, "cumulative = {value}"),
        "layers": _LAYERS,
        **_SUBSET,
    },
}
