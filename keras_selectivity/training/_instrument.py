"""Taps the hidden units of a Keras classifier: in a copy whose layers are wrapped in `UnitMeans`, or in place."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.training._batch_normalization import BatchNormalization
from keras_selectivity.training._checks import check_built
from keras_selectivity.training._checks import check_classifier
from keras_selectivity.training._checks import check_equal
from keras_selectivity.training._choose import Candidate
from keras_selectivity.training._choose import Choice
from keras_selectivity.training._choose import Place
from keras_selectivity.training._choose import candidates
from keras_selectivity.training._choose import choose
from keras_selectivity.training._coverage import uncovered
from keras_selectivity.training._hooks import Hooks
from keras_selectivity.training._layers import is_container
from keras_selectivity.training._layers import is_graph
from keras_selectivity.training._layers import walk
from keras_selectivity.training._observe import observe
from keras_selectivity.training._rebuild import example_inputs
from keras_selectivity.training._rebuild import random_inputs
from keras_selectivity.training._rebuild import rebuild
from keras_selectivity.training._unit_means import Reading
from keras_selectivity.training._unit_means import UnitMeans
from keras_selectivity.training._unit_means import collecting
from keras_selectivity.training._unit_means import full_output


@dataclass(frozen=True)
class Tapped:
    """A layer whose unit means are collected.

    Attributes:
        name: Key of the layer, with the path of the nested model it lies in (`"stem/relu"`).
        units: Number of units (channels or features).
        shift: Whether each unit's minimum is subtracted before its selectivity is computed.
    """

    name: str
    units: int
    shift: bool


@dataclass(frozen=True)
class Report:
    """What `regularize` found in a model.

    Attributes:
        found: The tapped layers in the order in which the network calls them.
        skipped: Layer name -> why its units are not collected.
        notes: What else there is to know: which non-linearities count, and whether the model is copied.
    """

    found: tuple["Tapped", ...]
    skipped: dict[str, str]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{len(self.found)} layers, {sum(t.units for t in self.found)} units:"]
        lines += [f"  {t.name}  {t.units}{'  shifted by its minimum' if t.shift else ''}" for t in self.found]
        if self.skipped:
            lines.append("skipped:")
            lines += [f"  {name}  {reason}" for name, reason in self.skipped.items()]
        return "\n".join([*lines, *self.notes])


class Listing(tuple[Candidate, ...]):
    """The non-linearities of a model, as a tuple of `Candidate` that prints as a table."""

    def __str__(self) -> str:
        width = max((len(c.key) for c in self), default=0)
        kinds = max((len(c.kind or "") for c in self), default=0)
        return "\n".join(
            f"{c.key:{width}}  {c.kind or '':{kinds}}  {c.never or c.unless_named or _counts(c)}"
            for c in self
        )


def _counts(candidate: Candidate) -> str:
    return "rectifier" if candidate.known.rectifier else "with nonlinearities='all'"


def nonlinearities(model: KerasObject) -> Listing:
    """Lists the non-linearities of a classifier: what `regularize` taps, what can be named besides, and what cannot.

    Args:
        model: A built `keras.Model`.

    Returns:
        A tuple that prints as a table, of objects with `key` (what `regularize(layers=...)` takes), `kind` (the
        non-linearity), `never` (why it cannot be tapped, or `None`) and `unless_named` (why it is tapped only if it is
        named, or `None`). What is computed by no known function comes last, with its reason.

    Raises:
        InputError: This is not a classifier.
    """
    check_built(model)
    layers, inputs = list(walk(model, whole=True)), random_inputs(model)
    seen = observe(model, [layer for _, layer in layers], inputs)
    check_classifier(model, seen.outputs)
    found = candidates(layers, seen)
    hidden = _uncovered(model, layers, found, inputs)
    return Listing(
        [*found, *(Candidate(path, None, -1, None, None, reason) for path, reason in hidden.items())]
    )


@dataclass(frozen=True)
class Instrumented:
    """A network whose units are tapped.

    Attributes:
        network: The copy with `UnitMeans` in it; the very model if it is tapped in place.
        hooks: Opens the taps that no `UnitMeans` layer is, or `None`.
        report: What was found and what was skipped.
        plan: Where the taps are, as JSON values, for `restore_taps`.
    """

    network: KerasObject
    hooks: Hooks | None
    report: Report
    plan: dict[str, Any]


def instrument(
    model: KerasObject,
    named: Iterable[str] | Mapping[str, str] = (),
    fused_batch_norm: bool = False,
    state: bool = True,
    *,
    nonlinearities: str | None = None,
    response: str | None = None,
    leading_tokens: int = 0,
    copy: bool | None = None,
) -> Instrumented:
    """Taps every hidden non-linearity of a classifier.

    Found is whatever computes one of the known non-linearities when the model is called: layers, activations of other
    layers (`Conv2D(..., activation="relu")`), operations of a functional graph, and functions of `keras.ops`,
    `keras.activations`, `tf.nn` and `jax.nn` inside the `call` of somebody's own layer, in nested models too. The
    network's output, gates and parts of squeeze-and-excite blocks are left out. Layers that are wrapped already stay
    as they are.

    Args:
        model: A built `keras.Model`. Not changed.
        named: Names of further layers to tap, whatever they compute; or a dict, path -> key of its tap.
        fused_batch_norm: Whether the copy has `BatchNormalization` of this package in place of Keras's.
        state: Whether the copy gets the model's weights, and is compared with it; else they follow later.
        nonlinearities: `"rectifiers"`, `"all"`, or `None` for rectifiers if there are any and all if there are none.
        response: What of an output that can be negative is averaged: `None` for itself (the unit is shifted by its
            minimum), `"rectified"` or `"absolute"`.
        leading_tokens: Tokens at the start of sequences that do not count.
        copy: False to tap the model in place, True to copy it, `None` to copy it if that is possible.

    Raises:
        InputError: A name is unknown, or this is not a classifier, or one that cannot be copied although it must.
    """
    check_built(model)
    layers = list(walk(model, whole=True))
    inputs = random_inputs(model)
    seen = observe(model, [layer for _, layer in layers], inputs)
    check_classifier(model, seen.outputs)
    choice = choose(layers, seen, named, nonlinearities, response, leading_tokens)
    if copy is False and fused_batch_norm:
        raise InputError("fused_batch_norm swaps layers, which takes a copy. Leave out copy=False.")
    # Inside a tapped call, layers that compute others must not lend theirs; and masks are seen where they are given.
    inside = any(place.site is not None for place in choice.places)
    silent = [
        number
        for number, (_, layer) in enumerate(layers)
        if id(layer) in seen.masked or (inside and seen.sites.get(id(layer)))
    ]
    notes = [f"counted are {choice.nonlinearities}"] if choice.nonlinearities == "all" else []
    network, copied = model, False
    if copy is not False:
        try:
            network, copied = _copied(model, choice.places, fused_batch_norm, state, inputs), True
        except Exception as error:  # the code of the layers' authors
            if copy or fused_batch_norm:
                raise
            notes.append(f"tapped in place, since no copy can be made: {_brief(error)}")
    else:
        notes.append("tapped in place")
    hooks = _hooks(network, choice.places, silent)
    taps, output, _ = _called(network, inputs, hooks)
    skipped = dict(choice.skipped)
    if output is not None:  # one of several calls of its layer
        skipped[output] = "the network's output"
        taps = tuple(tap for tap in taps if tap.name != output)
    skipped |= _uncovered(model, layers, choice.candidates, inputs)
    report = Report(taps, skipped, tuple(notes))
    return Instrumented(network, hooks, report, _plan(choice, silent, copied, report))


def restore_taps(network: KerasObject, plan: dict[str, Any]) -> Instrumented:
    """Taps a network of a file where it was tapped when it was saved; its weights may follow.

    Args:
        network: What Keras has made of the configuration of `Instrumented.network`.
        plan: `Instrumented.plan`.
    """
    places = [Place(place["layer"], place["site"], Reading(**place["reading"])) for place in plan["places"]]
    if plan["copied"]:
        # A subclassed network is rebuilt by its own constructor, without the wrappers.
        layers = [layer for _, layer in walk(network, whole=True)]
        bare = [p for p in places if _is_wrapped(p, layers) and not isinstance(layers[p.layer], UnitMeans)]
        network = _copied(network, bare, False, False, None) if bare else network
    hooks = _hooks(network, places, plan["silent"])
    taps, output, _ = _called(network, example_inputs(network), hooks)
    report = Report(tuple(t for t in taps if t.name != output), plan["skipped"], tuple(plan["notes"]))
    return Instrumented(network, hooks, report, plan)


def strip(network: KerasObject) -> KerasObject:
    """Copies an instrumented network without what this package put into it.

    The copy holds Keras's own layers, without `UnitMeans` and with Keras's batch normalization.
    """
    plain = rebuild(network, lambda path, original, fresh: _plain(_inner(fresh)))
    check_equal(network, plain, random_inputs(network))
    return plain


def probe(network: KerasObject, hooks: Hooks | None = None) -> tuple[tuple[Tapped, ...], str | None, int]:
    """Traces a built network to see what its taps hand over.

    Returns:
        `(taps, output, width)`: a tuple of `Tapped` in the order of the calls, the name of the
        layer whose output is the network's own, or `None`, and the number of network outputs.

    Raises:
        InputError: It is not a classifier.
    """
    taps, output, outputs = _called(network, example_inputs(network), hooks)
    check_classifier(network, outputs)
    return taps, output, int(outputs.shape[-1])


def _copied(
    model: KerasObject, places: Iterable[Place], fused_batch_norm: bool, state: bool, inputs: Any
) -> KerasObject:
    """A copy of a model in which layers whose output is tapped are wrapped."""
    layers = [layer for _, layer in walk(model, whole=True)]
    readings = {id(layers[p.layer]): p.reading for p in places if _is_wrapped(p, layers)}

    def swap(path: str, original: KerasObject, copy: KerasObject) -> KerasObject:
        if isinstance(original, UnitMeans):
            return copy if isinstance(copy, UnitMeans) else _wrap(copy, original.reading)
        if fused_batch_norm and type(original) is keras.layers.BatchNormalization:
            copy = BatchNormalization.from_config(copy.get_config())
        return _wrap(copy, readings[id(original)]) if id(original) in readings else copy

    copy = rebuild(model, swap, state)
    if state:
        check_equal(model, copy, inputs)
    return copy


def _is_wrapped(place: Place, layers: list[KerasObject]) -> bool:
    """Whether a copy has a `UnitMeans` layer in this place: around layers that hold no others."""
    layer = layers[place.layer]
    alone = isinstance(layer, keras.layers.Layer) and not is_graph(layer) and not is_container(layer)
    return place.site is None and alone


def _hooks(network: KerasObject, places: Iterable[Place], silent: Iterable[int]) -> Hooks | None:
    layers = [layer for _, layer in walk(network, whole=True)]
    readings: dict[int, dict[int | None, Reading]] = {}
    for place in places:
        if not isinstance(layers[place.layer], UnitMeans):
            readings.setdefault(place.layer, {})[place.site] = place.reading
    for number in silent:
        readings.setdefault(number, {})
    return Hooks((layers[n], found) for n, found in readings.items()) if readings else None


def _plan(choice: Choice, silent: list[int], copied: bool, report: Report) -> dict[str, Any]:
    return {
        "places": [dataclasses.asdict(place) for place in choice.places],
        "silent": silent,
        "copied": copied,
        "skipped": report.skipped,
        "notes": list(report.notes),
    }


def _called(
    network: KerasObject, inputs: Tensor, hooks: Hooks | None
) -> tuple[tuple[Tapped, ...], str | None, Tensor]:
    with collecting(read=full_output, hooks=hooks) as found:
        outputs = observe(network, (), inputs).outputs
    wrappers = (layer for _, layer in walk(network) if isinstance(layer, UnitMeans))
    known = {wrapper.key: wrapper.reading for wrapper in wrappers}
    known |= {
        each.key: each for _, readings in (hooks.readings if hooks else ()) for each in readings.values()
    }
    taps, output = [], None
    for name, value in found.items():
        reading = known.get(name) or known[name.rpartition("#")[0]]
        axis = -1 if reading.data_format == "channels_last" else 1
        taps.append(Tapped(name, int(value.shape[axis]), reading.shift))
        if value is outputs:
            output = name
    return tuple(taps), output, outputs


def _uncovered(
    model: KerasObject, layers: list[tuple[str, KerasObject]], found: Iterable[Candidate], inputs: Any
) -> dict[str, str]:
    """Why non-linearities are skipped that are computed by no function that is known by name."""
    known = {layers[candidate.layer][0] for candidate in found if candidate.site is None}
    return {
        path or model.name: f"{', '.join(f'{n} {kind}' for kind, n in kinds.items())} inside its call; "
        "put a keras.layers.ReLU there, or ks.UnitMeans, to include it"
        for path, kinds in uncovered(model, inputs).items()
        if path not in known
    }


def _brief(error: Exception) -> str:
    """What is wrong, without what to do about it."""
    text = str(error).partition("\n")[0].partition(" (Error when")[0].partition(". ")[0]
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"


def _wrap(layer: KerasObject, reading: Reading) -> KerasObject:
    return UnitMeans(layer, **dataclasses.asdict(reading), dtype=layer.dtype_policy)


def _plain(layer: KerasObject) -> KerasObject:
    return layer.as_keras() if isinstance(layer, BatchNormalization) else layer


def _inner(layer: KerasObject) -> KerasObject:
    return layer.layer if isinstance(layer, UnitMeans) else layer
