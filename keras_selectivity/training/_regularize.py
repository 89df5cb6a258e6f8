"""`regularize`: from any Keras classifier to a `SelectivityModel` in one call."""

import re
from typing import Any

import keras

from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._types import KerasObject
from keras_selectivity.selectivity import Metric
from keras_selectivity.training._instrument import instrument
from keras_selectivity.training._outputs import classifier_of
from keras_selectivity.training._schedules import AlphaSchedule
from keras_selectivity.training._schedules import LinearWarmup
from keras_selectivity.training._schedules import checked_alpha
from keras_selectivity.training._selectivity_model import SelectivityModel

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def regularize(
    model: KerasObject,
    alpha: float | AlphaSchedule,
    *,
    metric: Metric = "selectivity",
    layers: Any = None,
    output: str | int | None = None,
    warmup_epochs: int = 0,
    method: Any = None,
    micro_batch: int | None = None,
    fused_batch_norm: bool = False,
    nonlinearities: str | None = None,
    response: str | None = None,
    leading_tokens: int = 0,
    copy: bool | None = None,
) -> SelectivityModel:
    """Puts class-selectivity regularisation on a Keras classifier.

    The result starts from the model's weights and is compiled and trained like any Keras model.
    The model itself is not changed, unless it is tapped in place. ("Selectivity considered harmful", section 3.3: the
    loss is cross-entropy - alpha * mean class selectivity of the hidden units.)

    Args:
        model: A built functional, Sequential or subclassed classifier, nested or from
            `keras.applications`: inputs to `(batch, classes)` logits or probabilities.
        alpha: Scale of the regulariser: a finite number, or an `AlphaSchedule`. Negative values
            make units less class-selective, positive ones more; 0 trains as the plain model does.
        metric: `"selectivity"` (the class selectivity index), `"discriminability"` (d'), or a function of your own:
            from the mean of every unit in every class of the batch, `(classes, units)` float32, and the number of
            samples of each class, `(classes,)` float32, to `(units,)` float32 values, by `keras.ops`, so that they have
            a gradient. Units that can be negative are shifted by their minimum before. Classes without samples have
            means of 0 and a number of 0. The name of the function is that of its logs; decorate it with
            `keras.saving.register_keras_serializable()` if the model is to be loaded again.
        layers: Which layers to regularise: `None` for every tapped one; a list of names, which may be those of
            any layers but the output, and of whatever `nonlinearities` lists; a slice, or `"first 3"` /
            `"last 3"`, of the tapped ones in the order in which they are called; or a function from a
            layer's name to whether it is wanted.
        output: Which output holds the scores of the classes, by name or position, of a model that has several. The
            result returns this one alone.
        warmup_epochs: Let alpha grow linearly from 0 over the first epochs. Defaults to 0.
        method: `None` for plain training; `keras_selectivity.training.Adversarial` or `AugMixConsistency`
            to train for robustness besides. Loss and selectivity are then those of the adversarial, or of
            the clean, images.
        micro_batch: Samples that pass through the network at a time, for batches too large for the
            memory; `None` for the whole batch. Loss and selectivity are those of the whole batch all the
            same; batch norm normalises each micro-batch by itself.
        fused_batch_norm: Train with this package's `BatchNormalization` in place of Keras's: the same
            results in less time on TensorFlow. `strip()` puts Keras's back.
        nonlinearities: What counts as hidden units: `"rectifiers"` (ReLU, leaky ReLU, PReLU), `"all"` (GELU, SiLU,
            tanh and others besides; gates and squeeze-and-excite blocks never), or `None` for rectifiers if the
            model has any and all if it has none.
        response: What of an output that can be negative is averaged over space or tokens: `None` for the output
            itself, whose unit is then shifted by its minimum in the batch ("Selectivity considered harmful",
            section A.10); `"rectified"` for its positive part; `"absolute"` for its size.
        leading_tokens: Tokens at the start of a sequence that do not count, such as a class token. Tokens that a
            mask leaves out never count.
        copy: True to train a copy; False to tap the model in place, so that it is itself trained; `None` for a copy
            where one can be made, and else in place, which the report says.

    Returns:
        A `SelectivityModel`. Its `report` says which layers were found and which were skipped.

    Raises:
        InputError: alpha is not finite, the metric is none, the model is not a classifier or regularised already,
            nothing is there to regularise, `layers` matches nothing, or a part of the model cannot be copied.

    Example:

        model = ks.regularize(ks.networks.resnet20(), alpha=-1.0)
        model.compile(optimizer, loss)
        model.fit(images, labels)
    """
    if isinstance(model, SelectivityModel):
        raise InputError(
            f"{model.name!r} is regularised already. Change its alpha with model.alpha = {alpha!r}; for other "
            "layers, another metric or method, regularise model.strip(), the plain classifier with its weights."
        )
    if whole_number("warmup_epochs", warmup_epochs, 0):
        if isinstance(alpha, AlphaSchedule):
            raise InputError("Pass either an alpha schedule or warmup_epochs, not both.")
        alpha = LinearWarmup(alpha, warmup_epochs)
    elif not isinstance(alpha, AlphaSchedule):
        alpha = checked_alpha(alpha)
    layers = _checked_layers(layers)
    named = layers if isinstance(layers, list) else ()
    model = classifier_of(model, output)
    instrumented = instrument(
        model,
        [name.partition("#")[0] for name in named],
        fused_batch_norm,
        nonlinearities=nonlinearities,
        response=response,
        leading_tokens=whole_number("leading_tokens", leading_tokens, 0),
        copy=copy,
    )
    report = instrumented.report
    if not report.found:
        skipped = "".join(f" {name}: {reason}." for name, reason in report.skipped.items())
        raise InputError(
            f"The model {model.name!r} has no non-linearity to regularise: none that is known was found. "
            f"Name the layers to regularise with layers=[...].{skipped}"
        )
    return SelectivityModel(
        instrumented.network,
        alpha,
        metric=metric,
        layers=_select([tap.name for tap in report.found], layers),
        instrumented=instrumented,
        method=method,
        micro_batch=micro_batch,
    )


def _checked_layers(layers: Any) -> Any:
    """`None`, a slice, a function or a list of names."""
    if isinstance(layers, str):
        return _span(layers) or [layers]
    if isinstance(layers, slice):
        bounds = (layers.start, layers.stop, layers.step)
        known = all(bound is None or isinstance(bound, int) for bound in bounds) and layers.step != 0
    elif isinstance(layers, (list, tuple)):
        known, layers = all(isinstance(name, str) for name in layers), list(layers)
    else:
        known = layers is None or (callable(layers) and not isinstance(layers, keras.layers.Layer))
    if not known:
        raise InputError(
            "layers must be None, a list of layer names, 'first 3' or 'last 3', a slice, or a function of a layer's "
            f"name. Received: {layers!r}."
        )
    return layers


def _select(names: list[str], layers: Any) -> list[str]:
    """The wanted names, in the order of the calls."""
    if layers is None:
        return names
    if isinstance(layers, slice):
        selected = names[layers]
    elif callable(layers):
        selected = [name for name in names if layers(name)]
    else:
        selected = [name for name in names if any(_matches(name, wanted) for wanted in layers)]
    if not selected:
        raise InputError(f"layers={layers!r} matches nothing. The layers are {', '.join(names)}.")
    return selected


def _matches(name: str, wanted: str) -> bool:
    """Whether a tapped layer goes by this name: its path, its last part, or one of its calls."""
    plain = name.partition("#")[0]
    return wanted in (name, plain, plain.rpartition("/")[2])


def _span(text: str) -> slice | None:
    """`"first 3"` or `"last three"` as a slice, or `None`."""
    match = re.fullmatch(r"(first|last)[ -](\w+)", text)
    if match is None:
        return None
    number = match[2]
    count = _NUMBERS.index(number) + 1 if number in _NUMBERS else int(number) if number.isdigit() else 0
    if not count:
        return None
    return slice(None, count) if match[1] == "first" else slice(-count, None)
