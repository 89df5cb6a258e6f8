"""Size of the input-output Jacobian of every sample."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from keras_selectivity._checks import LARGEST_INT32
from keras_selectivity._checks import whole_number
from keras_selectivity._exported import Exported
from keras_selectivity._progress import batches
from keras_selectivity._types import Array
from keras_selectivity._types import Tensor
from keras_selectivity._wrap import measures
from keras_selectivity.robustness._pullback import squared_norms


@measures
def jacobian_norm(
    exported: Exported,
    images: ArrayLike,
    *,
    projections: int | None = None,
    seed: int = 0,
    batch_size: int = 100,
    verbose: int = 1,
) -> Array:
    """Frobenius norm of d logits / d input for every sample, at inference.

    Exact, from as many backward passes as there are classes; or estimated from `projections` random
    directions v of the logits, drawn for every sample and orthonormal as far as there are classes:
    `classes / projections * sum |J^T v|^2` is an unbiased estimate of the squared norm (its root is
    slightly too small on average), and exact with as many projections as classes. (Hoffman et al. 2019, "Robust
    learning with Jacobian regularization", section 2.3; "On the relationship between class selectivity, dimensionality,
    and robustness", section 3.2.)

    Args:
        exported: What `keras_selectivity.load` or `wrap` returns, or a Keras model.
        images: `(n, ...)` floats; of images uint8, or floats in [0, 1].
        projections: Number of random directions, at least 1, or `None` for the exact norm. 20 to 50 do for 200 classes.
            Defaults to `None`.
        seed: Seed of the directions; a sample's depend on it and on the sample's position.
        batch_size: Images at a time. Defaults to 100.
        verbose: 0 shows no progress bar.

    Returns:
        `(n,)` float64, in logits per unit of the input: of images, of pixels in [0, 1].

    Raises:
        InputError: An argument is out of its range, or the network has no gradient in its input.
    """
    images = exported.differentiable(images)
    classes = exported.classes
    if projections is not None:
        whole_number("projections", projections, 1, LARGEST_INT32)
        whole_number("seed", seed, 0)
    directions = classes if projections is None else projections
    function = exported.compiled(_squared_norms)
    found = np.empty(len(images))
    for part in batches(len(images), batch_size, verbose):
        positions = range(part.start, part.stop)
        if projections is None:
            vectors = np.broadcast_to(np.eye(classes)[:, None], [classes, len(positions), classes])
        else:
            vectors = np.stack([_orthonormal([seed, p], classes, directions) for p in positions], axis=1)
        sums = np.asarray(function(images[part], vectors.astype(np.float32)), np.float64).sum(axis=1)
        found[part] = np.sqrt(sums * classes / directions)
    return found


def _orthonormal(seed: list[int], size: int, count: int) -> Array:
    """`(count, size)` vectors, each uniform on the sphere, orthonormal in groups of `size`."""
    rng = np.random.default_rng(seed)
    counts = [min(size, count - start) for start in range(0, count, size)]
    return np.concatenate([np.linalg.qr(rng.standard_normal([size, n]))[0].T for n in counts])


def _squared_norms(exported: Exported) -> Any:
    @tf.function(
        input_signature=[*exported.inputs.specs(), tf.TensorSpec([None, None, exported.classes])],
        autograph=False,
    )
    def norms(images: Tensor, vectors: Tensor) -> Tensor:
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = exported.logits(images)

        def pulled_back(index: Tensor) -> Tensor | None:
            return tape.gradient(logits, images, output_gradients=vectors[index])

        return squared_norms(pulled_back, tf.range(tf.shape(vectors)[0]))

    return norms
