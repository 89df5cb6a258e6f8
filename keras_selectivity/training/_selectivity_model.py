"""`SelectivityModel`: a Keras model whose loss is cross-entropy - alpha * mean class selectivity."""

from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._keras_private import ChoosesExample
from keras_selectivity._types import KerasObject
from keras_selectivity._types import StrPath
from keras_selectivity._types import Tensor
from keras_selectivity.selectivity import Metric
from keras_selectivity.selectivity import Reduction
from keras_selectivity.selectivity import batch_selectivity
from keras_selectivity.selectivity import class_weights
from keras_selectivity.training._checks import check_built
from keras_selectivity.training._checks import metric_name
from keras_selectivity.training._data_checks import check_data
from keras_selectivity.training._data_checks import check_optimizer
from keras_selectivity.training._instrument import Instrumented
from keras_selectivity.training._instrument import instrument
from keras_selectivity.training._instrument import probe
from keras_selectivity.training._instrument import restore_taps
from keras_selectivity.training._instrument import strip
from keras_selectivity.training._layers import walk
from keras_selectivity.training._methods import checked_method
from keras_selectivity.training._replicas import check_fit
from keras_selectivity.training._replicas import check_parts
from keras_selectivity.training._replicas import several_workers
from keras_selectivity.training._schedules import AlphaSchedule
from keras_selectivity.training._schedules import ApplySchedule
from keras_selectivity.training._schedules import checked_alpha
from keras_selectivity.training._unit_means import collecting
from keras_selectivity.training._unit_means import spatial_mean_in_training

_WHOLE = Reduction()
_SLACK = 1e-3  # for rounding


@keras.saving.register_keras_serializable(package="keras_selectivity", name="SelectivityModel")
class SelectivityModel(ChoosesExample):
    """Trains an instrumented classifier with `loss - alpha * selectivity`.

    `loss` is whatever `compile` was given (cross-entropy in the papers), `selectivity` the class
    selectivity index of the batch, averaged over the units of a layer and then over layers
    ("Selectivity considered harmful", section 3.3). It is computed from the class sums of the
    global batch, so replicas of a `tf.distribute` strategy take the step that one device would
    take. The step runs on TensorFlow or JAX, whichever Keras runs on. Losses added with `add_loss` belong
    to `loss`.

    Usually made by `keras_selectivity.regularize`. Logs hold `loss`, `cross_entropy` (the compiled
    loss alone), `selectivity` (or `discriminability`) and `alpha`; in `evaluate` and validation the
    selectivity is that of the evaluation batches in inference mode.

    Args:
        network: A built classifier that holds `UnitMeans` layers: `(batch, ...)` inputs to
            `(batch, classes)` outputs.
        alpha: A finite number or an `AlphaSchedule`. Negative makes units less selective.
        metric: `"selectivity"`, `"discriminability"` (d'), or a function, see `regularize`.
        layers: Names of the regularised layers; `None` for all that are tapped.
        instrumented: What `instrument` says of the network, if that has tapped it.
        method: `None`, an `Adversarial` or an `AugMixConsistency`: what a training step does besides.
        micro_batch: Samples that pass through the network at a time, `None` for the whole batch. The
            selectivity is that of the whole batch all the same.

    Attributes:
        network: The instrumented classifier.
        taps: All tapped layers (`Tapped`), in the order of the calls.
        classes: Number of classes.
        metric: Name of the metric, also in the logs.
        regularized: Names of the layers that the regulariser sees.
        report: What was found in the model and what was skipped.
        hooks: Opens the taps that no layer of the network is, or `None`; see `training.collecting`.
        alpha_variable: The current alpha, a non-trainable float32 scalar.

    Raises:
        InputError: A bad alpha or metric, or nothing to regularise.
    """

    def __init__(
        self,
        network: KerasObject,
        alpha: float | AlphaSchedule = 0.0,
        *,
        metric: Metric = "selectivity",
        layers: Iterable[str] | None = None,
        instrumented: Instrumented | None = None,
        method: Any = None,
        micro_batch: int | None = None,
        **kwargs: Any,
    ) -> None:
        # TensorFlow orders operations by name: under another one, sums are rounded otherwise than in the network.
        super().__init__(**{"name": getattr(network, "name", None), **kwargs})
        check_built(network)
        self.network = network
        self._instrumented = instrumented
        self.hooks = instrumented.hooks if instrumented else None
        self.taps, _, outputs = probe(network, self.hooks)
        # A single output is the probability of the second of two classes.
        self.classes = max(outputs, 2)
        self.metric, self._metric = metric_name(metric, self.classes), metric
        self.report = instrumented.report if instrumented else None
        self.method = checked_method(method)
        self.micro_batch = None if micro_batch is None else whole_number("micro_batch", micro_batch, 1)
        if method is not None and micro_batch is not None:
            raise InputError(f"micro_batch does not go together with {type(method).__name__}.")
        self.noise = keras.random.SeedGenerator() if method is not None else None
        if not self.taps:
            raise InputError(
                f"The model {network.name!r} has no non-linearity to regularise: none that is known was found. "
                "Name the layers to regularise with layers=[...]."
            )
        self.regularized = [t.name for t in self.taps] if layers is None else list(layers)
        missing = set(self.regularized) - {t.name for t in self.taps}
        if missing or not self.regularized:
            raise InputError(
                f"{sorted(missing) or 'An empty selection'} matches no tapped layer. The tapped "
                f"layers are {', '.join(t.name for t in self.taps)}."
            )
        self.alpha_variable = self.add_weight(
            name="alpha", shape=(), initializer="zeros", trainable=False, dtype="float32"
        )
        self.alpha = alpha
        self._logged = [keras.metrics.Mean(name=name) for name in ("cross_entropy", self.metric, "alpha")]
        self.built = True

    @property
    def alpha(self) -> Any:
        """The number or schedule that the model was given; setting it recompiles the step."""
        return self._alpha

    @alpha.setter
    def alpha(self, alpha: float | AlphaSchedule) -> None:
        self._alpha = alpha if isinstance(alpha, AlphaSchedule) else checked_alpha(alpha)
        start = checked_alpha(alpha(0)) if isinstance(alpha, AlphaSchedule) else self._alpha
        self.alpha_variable.assign(start)
        self.train_function = None

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        return self.network(inputs, training=training)

    def strip(self) -> KerasObject:
        """The plain classifier with the current weights, of Keras's own layers: a copy, or the very model if it was
        tapped in place.

        Batch normalization is Keras's too: trained further, its running variance is biased. A functional model of a
        class with a constructor of its own, as those of Keras Hub, comes back as a plain `keras.Model` of the same
        graph, as from `keras.models.clone_model`: hand its weights to a new one with `set_weights`.
        """
        return self.network if self.in_place else strip(self.network)

    @property
    def in_place(self) -> bool:
        """Whether `network` is the very model that `regularize` was given, tapped without a copy."""
        return self._instrumented is not None and not self._instrumented.plan["copied"]

    # What Keras offers of a model with a graph, for whoever makes other models of it.

    @property
    def inputs(self) -> Any:
        """As `keras.Model.inputs` of the network."""
        return self.network.inputs

    @property
    def outputs(self) -> Any:
        """As `keras.Model.outputs` of the network."""
        return self.network.outputs

    @property
    def input(self) -> Any:
        """As `keras.Model.input` of the network."""
        return self.network.input

    @property
    def output(self) -> Any:
        """As `keras.Model.output` of the network."""
        return self.network.output

    @property
    def input_shape(self) -> Any:
        """As `keras.Model.input_shape` of the network."""
        return self.network.input_shape

    @property
    def output_shape(self) -> Any:
        """As `keras.Model.output_shape` of the network."""
        return self.network.output_shape

    def get_layer(self, name: str | None = None, index: int | None = None) -> KerasObject:
        """As `keras.Model.get_layer`; a name may be that of a layer of the network."""
        inside = name is not None and name in {layer.name for layer in self.network.layers}
        return self.network.get_layer(name) if inside else super().get_layer(name, index)

    def save(self, filepath: StrPath, *args: Any, **kwargs: Any) -> None:
        """As `keras.Model.save`, to a `.keras` file.

        Raises:
            InputError: A legacy HDF5 file, which Keras would write but not load again.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise InputError(
                f"Save to a .keras file instead of {filepath}: the legacy format does not load models of "
                "registered classes. Plain networks it does: model.strip().save(...)."
            )
        super().save(filepath, *args, **kwargs)

    def export(self, filepath: StrPath, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.export`: the classifier for serving. `keras_selectivity.export` keeps its units too."""
        return self.network.export(filepath, *args, **kwargs)

    def train_step(self, *state_and_data: Any) -> Any:
        return self._steps.train_step(self, *state_and_data)

    def test_step(self, *state_and_data: Any) -> Any:
        return self._steps.test_step(self, *state_and_data)

    @property
    def _steps(self) -> Any:
        if keras.backend.backend() == "tensorflow":
            from keras_selectivity.training import _tensorflow_step

            return _tensorflow_step
        from keras_selectivity.training import _jax_step

        return _jax_step

    def objective(
        self, x: Tensor, y: Tensor, sample_weight: Tensor, *, training: bool, reduction: Reduction = _WHOLE
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor | None]]:
        """The loss of a batch and what it is made of.

        Args:
            x: A batch of inputs, as `method` prepares it.
            y: Labels.
            sample_weight: `(batch,)` weights, or `None`.
            training: Whether layers run in training mode and `method` adds its term.
            reduction: The `Reduction` over the shards of the batch.

        Returns:
            `(loss, outputs, (cross_entropy, selectivity, penalty))`: scalars, but for the outputs of the
            samples that labels belong to, and a penalty of `None` without a `method` that has one.
        """
        weights = class_weights(y, self.classes, sample_weight)
        outputs, means = self.forward(x, training)
        penalty = None
        if training and self.method is not None:
            outputs, means, penalty = self.method.split(outputs, means)
        loss = cross_entropy = self.compute_loss(x, y, outputs, sample_weight, training=training)
        selectivity = self.selectivity_of(means, weights, reduction)
        if penalty is not None:
            loss = loss + penalty / reduction.shards
        # Alpha = 0 must train exactly as the plain model does: not even a zero is added.
        if self._alpha != 0:
            loss = ops.subtract(loss, self.alpha_variable * selectivity / reduction.shards)
        return loss, outputs, (cross_entropy, selectivity, penalty)

    def fit(
        self,
        x: Any = None,
        y: Tensor = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        **kwargs: Any,
    ) -> Any:
        """As `keras.Model.fit`; follows alpha's schedule and checks labels and replicas first.

        Raises:
            InputError: Labels outside [0, classes) or of the wrong rank, weights or a learning rate that are
                negative or no numbers, inputs of text or complex numbers, a batch that does not divide among
                the replicas, or a combination of compile options that Keras itself does not support on
                replicas. With `jit_compile=True` and on JAX, labels are checked only
                if they come as an array.
        """
        backend = keras.backend.backend()
        if backend not in ("tensorflow", "jax"):
            raise InputError(
                f"Training with the regulariser needs TensorFlow or JAX; Keras runs on {backend}. Set KERAS_BACKEND."
            )
        if backend == "jax" and self.micro_batch is not None:
            raise InputError("micro_batch needs the TensorFlow backend; Keras runs on jax.")
        check_fit(self, x, y, batch_size)
        check_parts(self, x, y, batch_size)
        check_optimizer(self)
        check_data(self, x, y, kwargs.get("sample_weight"), kwargs.get("class_weight"))
        if self.method is not None and hasattr(x, "__array__"):
            self.method.check(x)
        if isinstance(kwargs.get("validation_data"), tuple):
            check_data(self, *kwargs["validation_data"][:3])
        schedule = [ApplySchedule(self._alpha)] if isinstance(self._alpha, AlphaSchedule) else []
        callbacks = [_CheckRange(), *schedule, *keras.tree.flatten(callbacks or [])]
        return self._with_label_errors(super().fit, x, y, batch_size, epochs, verbose, callbacks, **kwargs)

    def evaluate(self, x: Tensor = None, y: Tensor = None, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.evaluate`; checks labels as `fit` does."""
        check_data(self, x, y, args[2] if len(args) > 2 else kwargs.get("sample_weight"))
        return self._with_label_errors(super().evaluate, x, y, *args, **kwargs)

    def unit_means(self, x: Tensor) -> dict[str, Tensor]:
        """Unit means of all tapped layers in inference mode.

        Args:
            x: A batch of inputs.

        Returns:
            A dict, layer name -> `(batch, units)` float32 tensor.
        """
        with self.collecting() as means:
            self.network(x, training=False)
        return means

    def collecting(self, only: Any = None, read: Any = None) -> Any:
        """The scope in which calls of the network hand over its units, see `training.collecting`."""
        return collecting(only=only, read=read, hooks=self.hooks)

    def compiled_unit_means(self) -> Callable[[Tensor], dict[str, Tensor]]:
        """`unit_means` as a function that the backend compiles; it follows the weights."""
        return self._steps.compiled_unit_means(self)

    def get_config(self) -> dict[str, Any]:
        config = {"network": self.network, "alpha": self._alpha, "name": self.name}
        config |= {"method": self.method, "metric": self._metric}
        config = {key: keras.saving.serialize_keras_object(value) for key, value in config.items()}
        return {
            **config,
            "layers": self.regularized,
            "micro_batch": self.micro_batch,
            "taps": self._instrumented.plan if self._instrumented else None,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> "SelectivityModel":
        config = dict(config)
        for key in ("network", "alpha", "method", "metric"):
            config[key] = keras.saving.deserialize_keras_object(config[key], custom_objects)
        network, plan = config.pop("network"), config.pop("taps", None)
        if plan is not None:
            instrumented = restore_taps(network, plan)
        else:
            instrumented = instrument(
                network, _as_before(network, config), state=False, nonlinearities="rectifiers"
            )
        return cls(instrumented.network, instrumented=instrumented, **config)

    def example(self, first: Callable[[], Any], strategy: Any) -> Any:
        """A batch such as the network takes: of one worker, and of the samples rather than of views of them."""
        if self.method is None and (strategy is None or not several_workers(strategy)):
            return None
        x, *others = first()
        return (x if self.method is None else self.method.example(x), *others)

    def forward(self, x: Tensor, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """Outputs, and the unit means of the regularised layers as a dict."""
        # Without a term there is no gradient of the means to save on, and none may be in the step's way.
        read = spatial_mean_in_training if training and self._alpha != 0 else None
        with self.collecting(only=self._collected(), read=read) as means:
            outputs = self(x, training=training)
        return outputs, means

    def _with_label_errors(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if keras.backend.backend() != "tensorflow":
            return function(*args, **kwargs)
        return self._steps.with_label_errors(self, function, *args, **kwargs)

    def label_error(self, found: str = "others") -> InputError:
        """The error for labels that name no class."""
        return InputError(
            f"Labels must be integers in [0, {self.classes - 1}], since the network tells {self.classes} "
            f"classes apart; the data hold {found}. Renumber them from 0."
        )

    def _collected(self) -> set[str]:
        return {name.partition("#")[0] for name in self.regularized}

    def selectivity_of(
        self, means: dict[str, Tensor], weights: Tensor, reduction: Reduction = _WHOLE
    ) -> Tensor:
        """Mean selectivity of the regularised layers, from their unit means and `class_weights`."""
        taps = [t for t in self.taps if t.name in self.regularized]
        return batch_selectivity(
            ops.concatenate([means[t.name] for t in taps], axis=1),
            weights,
            [t.units for t in taps],
            metric=self._metric,
            shifted=[t.shift for t in taps],
            reduction=reduction,
        )

    def log(
        self,
        x: Tensor,
        cross_entropy: Tensor,
        selectivity: Tensor,
        penalty: Tensor,
        reduction: Reduction = _WHOLE,
    ) -> None:
        """Updates the means that `fit` shows."""
        # compute_loss has divided by the number of replicas; the logs are those of one device.
        cross_entropy = cross_entropy * reduction.shards
        loss = ops.subtract(cross_entropy, self.alpha_variable * selectivity)
        loss = loss if penalty is None else loss + penalty
        size = ops.shape(keras.tree.flatten(x)[0])[0]
        next(m for m in self.metrics if m.name == "loss").update_state(loss, sample_weight=size)
        values = (cross_entropy, selectivity, self.alpha_variable)
        for tracker, value in zip(self._logged, values, strict=True):
            tracker.update_state(value, sample_weight=size)


class _CheckRange(keras.callbacks.Callback):
    """Refuses a selectivity that no index is: of outputs that were taken for rectified and are not."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        value = (logs or {}).get("selectivity")
        if value is not None and (value < -_SLACK or value > 1 + _SLACK):
            raise InputError(
                f"The selectivity {value:.4g} lies outside [0, 1], so some layer's outputs are negative although its "
                "units are not shifted. Give the ks.UnitMeans around it shift=True."
            )


def _as_before(network: KerasObject, config: dict[str, Any]) -> Any:
    """What names the taps in files of earlier versions, and of networks that were wrapped by hand."""
    tapped = config.pop("tapped", ())
    if not isinstance(tapped, dict):
        return tapped
    # Positions of layers: a subclassed network may give its layers other names when it is made again.
    paths = [path for path, _ in walk(network)]
    return {paths[place]: key for key, place in tapped.items()}
