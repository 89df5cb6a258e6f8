"""Batch normalization that TensorFlow computes in one operation."""

from typing import Any

import keras
from keras import ops

from keras_selectivity._types import KerasObject
from keras_selectivity._types import Tensor

_FUSED_DTYPES = ("float32", "bfloat16", "float16")


@keras.saving.register_keras_serializable(package="keras_selectivity", name="BatchNormalization")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalization, in one fused operation where TensorFlow has one.

    Weights, options and results are those of `keras.layers.BatchNormalization`, which passes over its
    inputs once for the moments and once more to normalise them; on a CPU that is a third of the time of
    a residual network's training step. Feature maps `(batch, height, width, channels)` on TensorFlow are
    normalised by the fused operation, which keeps its statistics in float32 under every dtype policy.
    Anything else (JAX, other ranks or axes, float64, masks, `renorm`, `synchronized`) is computed as Keras
    does.

    Args:
        unbiased_variance: Whether the running variance is the unbiased estimate, with the divisor n - 1, as
            PyTorch keeps it, rather than with n, as Keras does. Defaults to False.
        **kwargs: As for `keras.layers.BatchNormalization`.

    Raises:
        ValueError: `unbiased_variance` together with `renorm` or `synchronized`.
    """

    renorm = False  # which Keras 3.12 does not offer

    def __init__(self, *args: Any, unbiased_variance: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unbiased_variance = bool(unbiased_variance)
        if self.unbiased_variance and (self.renorm or self.synchronized):
            raise ValueError("unbiased_variance goes together with neither renorm nor synchronized.")

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:
        updated = bool(training and self.trainable)
        if mask is None and self._has_fused_operation(inputs):
            return self._fused(inputs, updated)
        if not (updated and self.unbiased_variance):
            return super().call(inputs, training=training, mask=mask)
        if mask is not None:
            raise ValueError("unbiased_variance does not go together with a mask.")
        return self._unbiased(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "unbiased_variance": self.unbiased_variance}

    def as_keras(self) -> KerasObject:
        """Keras's own layer with the same options and no weights yet; its running variance is biased."""
        config = self.get_config()
        del config["unbiased_variance"]
        return keras.layers.BatchNormalization.from_config(config)

    def _has_fused_operation(self, inputs: Tensor) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and keras.backend.standardize_dtype(inputs.dtype) in _FUSED_DTYPES
            and not (self.renorm or self.synchronized)
        )

    def _fused(self, inputs: Tensor, updated: bool) -> Tensor:
        import tensorflow as tf

        channels = self.moving_mean.shape
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(channels),
            offset=tf.convert_to_tensor(self.beta) if self.center else tf.zeros(channels),
            # In training the operation takes its own and wants empty ones.
            mean=tf.constant([]) if updated else tf.convert_to_tensor(self.moving_mean),
            variance=tf.constant([]) if updated else tf.convert_to_tensor(self.moving_variance),
            epsilon=self.epsilon,
            is_training=updated,
        )
        if updated:
            count = tf.cast(tf.size(inputs) / channels[0], tf.float32)
            # The operation returns the unbiased variance, but normalises by the biased one.
            self._update(mean, variance if self.unbiased_variance else variance * ((count - 1) / count))
        return ops.cast(outputs, self.compute_dtype)

    def _unbiased(self, inputs: Tensor) -> Tensor:
        values = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        rank = len(values.shape)
        axes = [axis for axis in range(rank) if axis != self.axis % rank]
        mean, variance = ops.moments(values, axes=axes)
        count = ops.cast(ops.size(values) / self.moving_mean.shape[0], variance.dtype)
        self._update(mean, variance * (count / ops.maximum(count - 1, 1)))
        outputs = ops.batch_normalization(
            values,
            mean,
            variance,
            axis=self.axis,
            offset=ops.cast(self.beta, values.dtype) if self.center else None,
            scale=ops.cast(self.gamma, values.dtype) if self.scale else None,
            epsilon=self.epsilon,
        )
        return ops.cast(outputs, self.compute_dtype)

    def _update(self, mean: Tensor, variance: Tensor) -> None:
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            value = ops.cast(ops.stop_gradient(value), moving.dtype)
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
