"""What a study asks of the layers of its networks, checked before the first of them is trained."""

import functools
from collections.abc import Iterable

from keras_selectivity._errors import InputError
from keras_selectivity._settings import SettingError
from keras_selectivity.measurements import Evaluation
from keras_selectivity.studies._config import RunConfig

# Units of the widest layer, of networks that need not be built to know
WIDEST = {
    "resnet8": 32,
    "resnet20": 64,
    "resnet18": 512,
    "resnet50": 2048,
    "vgg16": 512,
    "vit": 192,
    "convnext": 512,
}


@functools.cache
def layers_of(network: str, dataset: str, named: tuple[str, ...] = ()) -> dict[str, int]:
    """The layers with units of a network, and how many each has.

    Args:
        network: Name of a network.
        dataset: Name of the data set that it is trained on.
        named: Names of layers to regularise.

    Raises:
        InputError: A name is not that of a layer, or the network cannot be built.
    """
    from keras_selectivity import datasets
    from keras_selectivity import networks
    from keras_selectivity.training import regularize

    spec = datasets.spec(dataset)
    model = regularize(
        networks.build(network, spec.classes or 10, spec.image_shape), 0.0, layers=list(named) or None
    )
    return {tap.name: tap.units for tap in model.taps}


def check_layers(config: RunConfig) -> None:
    """Refuses a `RunConfig` that regularises layers that its network does not have.

    Raises:
        SettingError: With the layers there are.
    """
    named = _named(config)
    try:
        if named:
            layers_of(config.network, config.dataset, named)
    except InputError as error:
        raise SettingError("layers", f"layers of {config.network}: {error}") from error


def check_measured_layers(
    evaluation: Evaluation, configs: Iterable[RunConfig], compared: tuple[str, str]
) -> None:
    """Refuses an `Evaluation` of layers that a network does not have, or of too few samples to compare them.

    Args:
        evaluation: An `Evaluation`.
        configs: Every `RunConfig` of the study.
        compared: Names of the network that PWCCA compares, and of its data set.

    Raises:
        SettingError: With the layers there are, or the samples that are needed.
    """
    from keras_selectivity.measurements import PWCCA

    for each in evaluation.measure:
        wanted = getattr(each, "layers", None) or ()
        for network, dataset, named in {(c.network, c.dataset, _named(c)) for c in configs if wanted}:
            found = layers_of(network, dataset, named)
            unknown = [name for name in wanted if name not in found]
            if unknown:
                raise SettingError(
                    f"{each.name}.layers",
                    f"Unknown layers {', '.join(unknown)}. Those of {network} are {', '.join(found)}.",
                )
        samples = evaluation.limit
        if isinstance(each, PWCCA) and samples and each.layers is None:
            network = compared[0]
            widest = WIDEST.get(network) or max(layers_of(*compared).values())
            if samples <= widest:
                raise SettingError(
                    "limit",
                    f"pwcca needs more samples than the {widest} units of the widest layer of {network}. "
                    f"Received: limit = {samples}.",
                )


def _named(config: RunConfig) -> tuple[str, ...]:
    return tuple(config.layers) if isinstance(config.layers, list | tuple) else ()
