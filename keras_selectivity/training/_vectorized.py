"""Many runs of a network trained in one program: `vmap` over seeds and alphas. JAX only."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from keras_selectivity._keras_private import build_on
from keras_selectivity._types import Array
from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor
from keras_selectivity.training import _jax_step


class VectorizedTraining:
    """Runs of one compiled `SelectivityModel`, each with its own weights, alpha, order and augmentation.

    What a run learns is what it would learn alone, up to the rounding of differently ordered sums.
    The images lie on the device once for all runs and are cropped there.

    Args:
        models: A compiled `SelectivityModel` for each run, equal but for weights and alpha. The first
            is the program; of all of them the weights are read.
        images: `(n, height, width, 3)` uint8: all images that any run trains on.
        labels: `(n,)` integers.
        pad: Padding of the crops, in pixels.

    Attributes:
        state: `(trainable, non-trainable, optimizer)`, lists of arrays with a leading axis of runs.
        no_metrics: The metrics' arrays before anything is measured.
        images, labels: What lies on the device.
    """

    def __init__(self, models: Any, images: Any, labels: Any, pad: int) -> None:
        model = models[0]
        for each in models:
            build_on(each, (images[:2] / np.float32(255), labels[:2]))
        # A program without the regulariser would not do for the others; an alpha of 0 times it is nothing.
        model.alpha = model.alpha or 1.0
        self._model = model
        self._count = len(models)
        self.images, self.labels, self._pad = jnp.asarray(images), jnp.asarray(labels), pad
        parts = [(m.trainable_variables, m.non_trainable_variables, m.optimizer.variables) for m in models]
        self.state = tuple(
            [jnp.stack([jnp.asarray(v) for v in same]) for same in zip(*part, strict=True)]
            for part in zip(*parts, strict=True)
        )
        model.reset_metrics()
        self.no_metrics = [jnp.stack([jnp.asarray(v)] * self._count) for v in model.metrics_variables]
        self._train = jax.jit(self.train_steps, donate_argnums=0)
        self._test = jax.jit(jax.vmap(self._test_step, in_axes=(0, 0, None, None, 0)))
        self._unit_means = jax.jit(jax.vmap(self._means, in_axes=(0, 0, None, 0)))

    def train_epoch(self, plans: Any, alphas: Any, learning_rate: Any) -> dict[str, Array]:
        """Trains all runs for an epoch.

        Args:
            plans: For each run what `Batches.plans` yields, as a list, with positions among `images`.
            alphas: Alpha of each run.
            learning_rate: Learning rate of all.

        Returns:
            Dict, log -> `(runs,)` array.
        """
        trainable, fixed, optimizer = self.state
        self._set(fixed, self._model.non_trainable_variables, self._model.alpha_variable, alphas)
        rate = np.full(self._count, learning_rate)
        self._set(optimizer, self._model.optimizer.variables, self._model.optimizer.learning_rate, rate)
        state = (trainable, fixed, optimizer, self.no_metrics)
        steps = [_stacked(step) for step in zip(*plans, strict=True)]
        whole = [step for step in steps if step[0].shape == steps[0][0].shape]
        logs: dict[str, Any] = {}
        for part in (whole, steps[len(whole) :]):  # all batches of the same size, then a smaller last one
            if part:
                state, logs = self._train(_copied(state), _stacked(part), self.images, self.labels)
        self.state = state[:3]
        return {name: np.asarray(value) for name, value in logs.items()}

    def evaluate(
        self, positions: Any = None, images: Any = None, labels: Any = None, batch_size: int = 500
    ) -> dict[str, Array]:
        """Logs of all runs in inference mode.

        Args:
            positions: `(runs, m)`: which images each run is evaluated on. Defaults to all.
            images: Other images than those of the constructor.
            labels: Other labels than those of the constructor.
            batch_size: Images at a time, of every run.

        Returns:
            Dict, log -> `(runs,)` array.
        """
        images = self.images if images is None else jnp.asarray(images)
        labels = self.labels if labels is None else jnp.asarray(labels)
        if positions is None:
            positions = np.broadcast_to(np.arange(len(labels)), (self._count, len(labels)))
        metrics, logs = self.no_metrics, {}
        for start in range(0, positions.shape[1], batch_size):
            part = positions[:, start : start + batch_size]
            logs, metrics = self._test(self.state[:2], metrics, images, labels, part)
        return {name: np.asarray(value) for name, value in logs.items()}

    def unit_means(self, positions: Any, batch_size: int = 500) -> Array:
        """Unit means in inference mode: `(runs, m, units)` float32, the units of all layers in order.

        Args:
            positions: `(runs, m)` positions among `images`.
            batch_size: Images at a time, of every run.
        """
        starts = range(0, positions.shape[1], batch_size)
        found = [
            self._unit_means(*self.state[:2], self.images, positions[:, s : s + batch_size]) for s in starts
        ]
        return np.concatenate([np.asarray(part) for part in found], axis=1)

    def weights(self) -> list[list[Array]]:
        """Copies of trainable and non-trainable arrays, each with a leading axis of runs."""
        return [[np.array(value) for value in part] for part in self.state[:2]]

    def put(self, weights: Any, run: int) -> KerasObject:
        """Puts what `weights` returned for one run into the program's model, and returns that model."""
        variables = (self._model.trainable_variables, self._model.non_trainable_variables)
        for part, values in zip(variables, weights, strict=True):
            for variable, value in zip(part, values, strict=True):
                variable.assign(value[run])
        return self._model

    def train_steps(self, state: Any, plan: Any, images: Any, labels: Any) -> tuple[Any, Any]:
        """Some steps of all runs, as a function of `(*state, metrics)` and stacked plans: what is compiled."""
        one = jax.vmap(self._train_step, in_axes=(0, 0, None, None))

        def step(state: Any, plan: Any) -> tuple[Any, Any]:
            logs, state = one(state, plan, images, labels)
            return state, logs

        state, logs = jax.lax.scan(step, state, plan)
        return state, {name: value[-1] for name, value in logs.items()}

    def _train_step(self, state: Any, plan: Any, images: Any, labels: Any) -> tuple[Any, Any]:
        positions, *crops = plan
        drawn = images[positions]
        if crops:
            drawn = jax.vmap(functools.partial(_crop, pad=self._pad))(drawn, *crops)
        data = (drawn.astype(jnp.float32) / 255, labels[positions])
        return _jax_step.train_step(self._model, state, data)

    def _test_step(
        self, weights: Any, metrics: Any, images: Any, labels: Any, positions: Any
    ) -> tuple[Any, Any]:
        data = (images[positions].astype(jnp.float32) / 255, labels[positions])
        logs, state = _jax_step.test_step(self._model, (*weights, metrics), data)
        return logs, state[2]

    def _means(self, trainable: Any, fixed: Any, images: Any, positions: Any) -> Tensor:
        pixels = images[positions].astype(jnp.float32) / 255
        means = _jax_step.unit_means(self._model, trainable, fixed, pixels)
        return jnp.concatenate([means[tap.name] for tap in self._model.taps], axis=1)

    @staticmethod
    def _set(values: Any, variables: Any, variable: Any, value: Any) -> None:
        """Replaces the values of one variable in a list of those of all."""
        index = next(i for i, other in enumerate(variables) if other is variable)
        values[index] = jnp.asarray(value, values[index].dtype)


def _stacked(items: Any) -> Any:
    return jax.tree.map(lambda *values: np.stack(values), *items)


def _copied(state: Any) -> Any:
    """A state whose arrays may be overwritten; those of the metrics are needed again."""
    *rest, metrics = state
    return (*rest, [jnp.array(value) for value in metrics])


def _crop(image: Tensor, top: Tensor, left: Tensor, flipped: Tensor, pad: int) -> Tensor:
    padded = jnp.pad(image, ((pad, pad), (pad, pad), (0, 0)))
    crop = jax.lax.dynamic_slice(padded, (top, left, 0), image.shape)
    return jnp.where(flipped, crop[:, ::-1], crop)
