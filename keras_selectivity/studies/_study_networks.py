"""What a study asks of the layers of its networks, checked before the first of them is trained."""

import functools
from collections.abc import Iterable

from keras_selectivity._errors import InputError
from keras_selectivity._settings import SettingError
from keras_selectivity.measurements import Evaluation
from keras_selectivity.studies._config import RunConfig

# Units of the widest layer
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
def layer_names(network: str, named: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names of the layers with units of a network.

    Args:
        network: Name of a function of `keras_selectivity.networks`.
        named: Names of layers to regularise.

    Raises:
        InputError: A name is not that of a layer.
    """
    from keras_selectivity import networks
    from keras_selectivity.training import regularize

    model = regularize(getattr(networks, network)(), 0.0, layers=list(named) or None)
    return tuple(tap.name for tap in model.taps)


def check_layers(config: RunConfig) -> None:
    """Refuses a `RunConfig` that regularises layers that its network does not have.

    Raises:
        SettingError: With the layers there are.
    """
    named = _named(config)
    try:
        if named:
            layer_names(config.network, named)
    except InputError as error:
        raise SettingError("layers", f"layers of {config.network}: {error}") from error


def check_measured_layers(evaluation: Evaluation, configs: Iterable[RunConfig], compared: str) -> None:
    """Refuses an `Evaluation` of layers that a network does not have, or of too few samples to compare them.

    Args:
        evaluation: An `Evaluation`.
        configs: Every `RunConfig` of the study.
        compared: Name of the network that PWCCA compares.

    Raises:
        SettingError: With the layers there are, or the samples that are needed.
    """
    from keras_selectivity.measurements import PWCCA

    for each in evaluation.measure:
        wanted = getattr(each, "layers", None) or ()
        for network, named in {(c.network, _named(c)) for c in configs if wanted}:
            found = layer_names(network, named)
            unknown = [name for name in wanted if name not in found]
            if unknown:
                raise SettingError(
                    f"{each.name}.layers",
                    f"Unknown layers {', '.join(unknown)}. Those of {network} are {', '.join(found)}.",
                )
        samples = evaluation.limit
        if isinstance(each, PWCCA) and samples and each.layers is None and samples <= WIDEST[compared]:
            raise SettingError(
                "limit",
                f"pwcca needs more samples than the {WIDEST[compared]} units of the widest layer of {compared}. "
                f"Received: limit = {samples}.",
            )


def _named(config: RunConfig) -> tuple[str, ...]:
    return tuple(config.layers) if isinstance(config.layers, list | tuple) else ()
