"""Which measurements there are: those of this package, and those that other packages offer."""

import functools
from importlib import import_module
from importlib.metadata import entry_points

from keras_selectivity._errors import InputError
from keras_selectivity.measurements._measurement import NEEDS
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.results import Column

# Where other packages name theirs: `NAME = "package.module:Class"`
GROUP = "keras_selectivity.measurements"
# Module -> class, in the order in which they are done
_OURS = {
    "_clean": "Clean",
    "_units": "Units",
    "_fgsm": "FGSM",
    "_pgd": "PGD",
    "_autoattack": "AutoAttack",
    "_masking": "Masking",
    "_corruptions": "Corruptions",
    "_jacobian": "Jacobian",
    "_unit_gradients": "UnitGradients",
    "_dimensionality": "Dimensionality",
    "_pwcca": "PWCCA",
    "_off_axis": "OffAxis",
    "_ablation": "Ablation",
}
_registered: dict[str, type[Measurement]] = {}


def register(measurement: type[Measurement]) -> type[Measurement]:
    """Makes a measurement known by its name, for study files and the command line; can be used as a decorator.

    Raises:
        InputError: It lacks a part of the contract, or there is another one of that name.
    """
    check_contract(measurement)
    known = _ours().get(measurement.name) or _registered.get(measurement.name)
    if known not in (None, measurement):
        raise InputError(
            f"There is a measurement called {measurement.name!r} already, {known}. Choose another name."
        )
    _registered[measurement.name] = measurement
    return measurement


def measurements() -> dict[str, type[Measurement]]:
    """All measurements by name: ours, what `register` was given, and the entry points of other packages.

    Raises:
        InputError: An entry point cannot be loaded, or is no measurement.
    """
    _load_entry_points()
    return {**_ours(), **_registered}


def columns() -> tuple[Column, ...]:
    """What all measurements add to the table of networks."""
    return tuple(column for measurement in measurements().values() for column in measurement.columns)


def find(name: str) -> type[Measurement]:
    """The measurement of a name.

    Raises:
        InputError: There is none.
    """
    known = measurements()
    if name not in known:
        raise InputError(f"Unknown measurement {name!r}. Choose one of {', '.join(known)}.")
    return known[name]


@functools.cache
def _ours() -> dict[str, type[Measurement]]:
    loaded = [getattr(import_module(f"{__package__}.{module}"), name) for module, name in _OURS.items()]
    return {measurement.name: measurement for measurement in loaded}


@functools.cache
def _load_entry_points() -> None:
    for entry in entry_points(group=GROUP):
        try:
            register(entry.load())
        except Exception as error:
            raise InputError(
                f"The measurement {entry.name!r} of {entry.value} cannot be used ({error}). Mend or uninstall it."
            ) from error


def check_contract(measurement: type[Measurement]) -> None:
    """Refuses a class that breaks the contract as far as can be told without running it.

    Raises:
        InputError: With its name, and what it lacks.
    """
    if not (isinstance(measurement, type) and issubclass(measurement, Measurement)):
        raise InputError(
            f"A measurement is a subclass of ks.measurements.Measurement. Received: {measurement!r}."
        )
    name = getattr(measurement, "name", None)
    if not isinstance(name, str) or not name.isidentifier():
        raise InputError(
            f"{measurement.__name__} needs a name that is an identifier, such as 'my_measure'. Received: {name!r}."
        )
    reports = getattr(measurement, "reports", None)
    if not isinstance(reports, tuple) or not reports or not all(isinstance(q, Quantity) for q in reports):
        raise InputError(f"{name}: `reports` must be a tuple of Quantity, one for each name in its rows.")
    unknown = measurement.needs - NEEDS
    if unknown:
        raise InputError(f"{name}: unknown needs {', '.join(sorted(unknown))}.")
    if getattr(measurement.pieces, "__isabstractmethod__", False):
        raise InputError(f"{name} lacks `pieces`.")
    missing = [field for field, declared in measurement.model_fields.items() if not declared.description]
    if missing:
        raise InputError(
            f"{name}: its settings {', '.join(missing)} lack documentation; write a docstring below each."
        )
    if any(declared.is_required() for declared in measurement.model_fields.values()):
        raise InputError(f"{name}: every setting needs a default.")
