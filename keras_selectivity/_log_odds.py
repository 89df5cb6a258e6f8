"""The loss that attacks drive up: cross-entropy without its cancellation."""

from keras_selectivity._types import Tensor


def log_odds(logits: Tensor, labels: Tensor) -> Tensor:
    """Log odds against a label, `logsumexp(other logits) - logit of the label`, in `keras.ops`.

    The cross-entropy is their softplus, so its gradient is theirs times the probability of the other classes: the same
    direction, but float32 rounds that probability to zero at a margin of about 17, and the label drops out of the
    gradient.

    Args:
        logits: `(n, classes)` floats, at least two classes.
        labels: `(n,)` integers.

    Returns:
        `(n,)`.
    """
    from keras import ops

    own = ops.arange(ops.shape(logits)[-1], dtype="int32") == ops.expand_dims(ops.cast(labels, "int32"), -1)
    others = ops.where(own, ops.cast(-float("inf"), logits.dtype), logits)
    return ops.logsumexp(others, axis=-1) - ops.sum(ops.where(own, logits, ops.zeros_like(logits)), axis=-1)
