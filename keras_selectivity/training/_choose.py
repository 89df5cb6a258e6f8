"""Which activations of a network are hidden units, and why the others are not."""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject
from keras_selectivity.training._layers import join
from keras_selectivity.training._nonlinearities import KNOWN
from keras_selectivity.training._nonlinearities import Nonlinearity
from keras_selectivity.training._nonlinearities import canonical
from keras_selectivity.training._observe import Observation
from keras_selectivity.training._observe import Site
from keras_selectivity.training._unit_means import RESPONSES
from keras_selectivity.training._unit_means import Reading
from keras_selectivity.training._unit_means import UnitMeans

CHOICES = ("rectifiers", "all")
# Layers of Keras that compute in loops, where no operation can be seen: they say themselves what they end in.
_LOOPS = (keras.layers.RNN, keras.layers.TimeDistributed, keras.layers.Bidirectional)
_OUTPUT = "the network's output"


@dataclass(frozen=True)
class Place:
    """Where an activation is to be tapped.

    Attributes:
        layer: Position of the layer in `walk(model, whole=True)`.
        site: Number of the non-linearity in the layer's call, or `None` for the layer's output.
        reading: How its units are read.
    """

    layer: int
    site: int | None
    reading: Reading


@dataclass(frozen=True)
class Candidate:
    """An activation that may be tapped.

    Attributes:
        key: Its name: the layer's path, and inside a layer's call the non-linearity besides.
        kind: The non-linearity, a key of `KNOWN`, or `None` for the output of a layer that ends in none.
        layer: As in `Place`.
        site: As in `Place`.
        data_format: Where its channels are, or `None`.
        never: Why it cannot be tapped, or `None`.
        unless_named: Why it is tapped only if it is named, or `None`.
    """

    key: str
    kind: str | None
    layer: int
    site: int | None
    data_format: str | None
    never: str | None = None
    unless_named: str | None = None

    @property
    def known(self) -> Nonlinearity:
        """What is known of its non-linearity; of none, that it can be anything."""
        return KNOWN[self.kind] if self.kind else Nonlinearity()


@dataclass(frozen=True)
class Choice:
    """What of a network is tapped.

    Attributes:
        places: Where.
        skipped: Name of an activation -> why it is not tapped.
        nonlinearities: `"rectifiers"` or `"all"`.
        candidates: What there was to choose from.
    """

    places: tuple[Place, ...]
    skipped: dict[str, str]
    nonlinearities: str
    candidates: tuple[Candidate, ...]


def candidates(layers: Iterable[tuple[str, KerasObject]], seen: Observation) -> list[Candidate]:
    """Every non-linearity of a network that is known by name.

    Args:
        layers: All layers with their paths, as `walk(model, whole=True)` gives them.
        seen: What they do when the model is called.
    """
    found: list[Candidate] = []
    visited: set[int] = set()
    for position, (path, layer) in enumerate(layers):
        if id(layer) in visited or isinstance(layer, UnitMeans):
            continue
        visited.add(id(layer))
        sites = seen.sites.get(id(layer), [])
        kind = _own_kind(layer, sites)
        if kind is not None:
            final = id(layer) in seen.final and seen.calls[id(layer)] == 1
            squeezed = any(site.squeezed and site.whole for site in sites)
            found.append(
                Candidate(
                    path,
                    kind,
                    position,
                    None,
                    seen.data_formats.get(id(layer)),
                    _OUTPUT if final else None,
                    _side_reason(kind, squeezed),
                )
            )
        if isinstance(layer, (*_LOOPS, keras.layers.PReLU)):
            continue
        counts, numbers = Counter(site.kind for site in sites), Counter[str]()
        for number, site in enumerate(sites):
            numbers[site.kind] += 1
            if site.whole and kind is not None:
                continue
            name = site.kind if counts[site.kind] == 1 else f"{site.kind}_{numbers[site.kind]}"
            found.append(
                Candidate(
                    join(path, name),
                    site.kind,
                    position,
                    number,
                    site.data_format,
                    _never(site, seen),
                    _side_reason(site.kind, site.squeezed),
                )
            )
    return found


def choose(
    layers: list[tuple[str, KerasObject]],
    seen: Observation,
    named: Iterable[str] | Mapping[str, str],
    nonlinearities: str | None,
    response: str | None,
    leading_tokens: int,
) -> Choice:
    """Decides what is tapped.

    Args:
        layers, seen: As in `candidates`.
        named: Names of layers or candidates to tap besides, whatever they compute; or a dict, name -> key.
        nonlinearities: `"rectifiers"`, `"all"`, or `None` for rectifiers if there are any and all if there are none.
        response: What a negative output counts as: `None` (its unit is shifted) or a key of `RESPONSES`.
        leading_tokens: As in `Reading`.

    Raises:
        InputError: A name is unknown, ambiguous or that of the output, or a setting has an unknown value.
    """
    if nonlinearities not in (None, *CHOICES):
        raise InputError(f"nonlinearities must be {' or '.join(CHOICES)}. Received: {nonlinearities!r}.")
    if response not in (None, *RESPONSES):
        raise InputError(f"response must be None, {' or '.join(RESPONSES)}. Received: {response!r}.")
    found = candidates(layers, seen)
    wanted = _wanted(named, layers, seen, found)
    free = [c for c in found if not c.never and not c.unless_named]
    if nonlinearities is None:
        tapped_already = any(isinstance(layer, UnitMeans) for _, layer in layers)
        rectified = tapped_already or any(c.known.rectifier for c in free)
        nonlinearities = "rectifiers" if rectified or not free else "all"
    places, skipped = [], {}
    for candidate in [*found, *(c for c in wanted if c.kind is None)]:
        reason = candidate.never or (None if candidate in wanted else candidate.unless_named)
        if reason is None and candidate not in wanted and nonlinearities == "rectifiers":
            if not candidate.known.rectifier:
                reason = f"{candidate.kind} is not a rectifier; name it in layers= or say nonlinearities='all' to include it"
        if reason is not None:
            skipped[candidate.key] = reason
            continue
        negative = candidate.known.negative
        reading = Reading(
            wanted.get(candidate) or candidate.key,
            negative and response is None,
            candidate.data_format or keras.config.image_data_format(),
            response if negative else None,
            leading_tokens,
        )
        places.append(Place(candidate.layer, candidate.site, reading))
    return Choice(tuple(places), skipped, nonlinearities, tuple(found))


def _wanted(
    named: Iterable[str] | Mapping[str, str],
    layers: list[tuple[str, KerasObject]],
    seen: Observation,
    found: list[Candidate],
) -> dict[Candidate, str | None]:
    """The candidates of these names, and their keys if they are to have others."""
    by_key = {candidate.key: candidate for candidate in found}
    for position, (path, layer) in enumerate(layers):
        if path and path not in by_key and not isinstance(layer, UnitMeans):
            final = _OUTPUT if id(layer) in seen.final and seen.calls[id(layer)] == 1 else None
            by_key[path] = Candidate(path, None, position, None, seen.data_formats.get(id(layer)), final)
    wanted = {}
    keys = named if isinstance(named, Mapping) else dict.fromkeys(named)
    tapped = {path for path, layer in layers if isinstance(layer, UnitMeans)}
    for name, key in keys.items():
        full = _resolve(name, [*by_key, *tapped])
        if full in tapped:
            continue
        if by_key[full].never == _OUTPUT:
            raise InputError(
                f"{full!r} is the network's output layer, which is never regularised. Leave it out of layers=."
            )
        if by_key[full].never:
            raise InputError(f"{full!r} cannot be regularised: {by_key[full].never}.")
        wanted[by_key[full]] = key
    return wanted


def _resolve(name: str, names: list[str]) -> str:
    """The full name of what is named by it or, if that is unique, by its last part."""
    if name in names:
        return name
    matches = [full for full in names if full.rpartition("/")[2] == name]
    if len(matches) == 1:
        return matches[0]
    what = "is ambiguous: it could be" if matches else "is not a layer of the model. Its layers are"
    raise InputError(f"{name!r} {what} {', '.join(matches or names)}.")


def _own_kind(layer: KerasObject, sites: list[Site]) -> str | None:
    """The non-linearity that a layer ends in, or `None`."""
    if isinstance(layer, keras.layers.PReLU):
        return "prelu"
    if isinstance(layer, keras.layers.TimeDistributed):
        return _own_kind(layer.layer, []) or _named_kind(layer.layer)
    if isinstance(layer, keras.layers.Bidirectional):
        return _named_kind(getattr(layer.forward_layer, "cell", layer.forward_layer))
    if isinstance(layer, keras.layers.RNN):
        return _named_kind(getattr(layer, "cell", layer))
    if isinstance(getattr(layer, "activation", None), keras.layers.PReLU):
        return "prelu"
    seen = next((site.kind for site in sites if site.whole), None)
    # A function that was imported by itself is not seen; Keras's own layers apply it last.
    return seen or (_named_kind(layer) if type(layer).__module__.startswith("keras.") else None)


def _named_kind(layer: KerasObject) -> str | None:
    """The non-linearity that a layer names as its activation."""
    if isinstance(layer, (keras.layers.ReLU, keras.layers.LeakyReLU)):
        return "leaky_relu" if layer.negative_slope else "relu"
    activation: Any = getattr(layer, "activation", None)
    if isinstance(activation, keras.layers.Layer):
        return _named_kind(activation)
    name = canonical(getattr(activation, "__name__", ""))
    return name if name in KNOWN else None


def _never(site: Site, seen: Observation) -> str | None:
    if id(site.value) in seen.final_values:
        return _OUTPUT
    if not site.reachable:
        return (
            f"{site.kind} inside a loop or a compiled function of its call; put a keras.layers.Activation there, or "
            "ks.UnitMeans, to include it"
        )
    if len(site.value.shape) < 2:
        return f"{site.kind} of a tensor without units"
    return None


def _side_reason(kind: str, squeezed: bool) -> str | None:
    if squeezed:
        return (
            f"{kind} of a squeeze-and-excite block, which weights channels; name it in layers= to include it"
        )
    if KNOWN[kind].gate:
        return f"{kind} is a gate; name it in layers= to include it"
    return None
