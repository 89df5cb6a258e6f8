"""AutoAttack: four attacks in turn, each on the images that the others left."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from keras_selectivity._checks import any_array
from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._exported import Exported
from keras_selectivity._progress import Bar
from keras_selectivity._types import Array
from keras_selectivity._wrap import measures
from keras_selectivity.robustness._apgd import apgd
from keras_selectivity.robustness._attack import BATCH_SIZE
from keras_selectivity.robustness._attack import checked_samples
from keras_selectivity.robustness._attack import is_correct
from keras_selectivity.robustness._attack import other_logits
from keras_selectivity.robustness._attack import signature
from keras_selectivity.robustness._attack import strength
from keras_selectivity.robustness._ball import check_norm
from keras_selectivity.robustness._ball import random_points
from keras_selectivity.robustness._fab import fab
from keras_selectivity.robustness._square import bump
from keras_selectivity.robustness._square import first_images
from keras_selectivity.robustness._square import side
from keras_selectivity.robustness._square import signs
from keras_selectivity.robustness._square import spans
from keras_selectivity.robustness._square import square

ATTACKS = ("apgd-ce", "apgd-t", "fab-t", "square")
VERSIONS = {"standard": ATTACKS, "apgd": ATTACKS[:2], **{name: (name,) for name in ATTACKS}}
_LEAST_CLASSES = 4  # of the difference-of-logits ratio


@dataclass(frozen=True)
class AutoAttackAccuracy:
    """What `autoattack_accuracy` found.

    Attributes:
        clean: Share of images classified correctly before any attack.
        after: Attack that was run -> share of images classified correctly after it and those before it.
        robust: Share that none fooled.
        of_correct: The same share of the images that were classified correctly at first; `None` if none was.
        correct: `(n,)` bool, which images none fooled.
        epsilon: Radius of the ball.
        norm: Its norm.
        samples: Number of images.
    """

    clean: float
    after: dict[str, float]
    robust: float
    of_correct: float | None
    correct: np.ndarray
    epsilon: float
    norm: str
    samples: int


@measures
def autoattack(
    exported: Exported,
    images: ArrayLike,
    labels: ArrayLike,
    *,
    epsilon: float,
    norm: str = "linf",
    seed: int = 0,
    version: str = "standard",
    iterations: int = 100,
    targets: int = 9,
    queries: int = 5000,
    positions: ArrayLike | None = None,
    batch_size: int = BATCH_SIZE,
    verbose: int = 1,
) -> Array:
    """Adversarial images of AutoAttack, the standard ensemble of attacks without parameters to choose.

    APGD on the cross-entropy (by its exact gradient), APGD on the targeted difference-of-logits ratio, FAB and Square
    Attack, in this order; an image that one fools is done with. Left out, with a warning, are Square Attack where
    inputs are no images, and targeted APGD with fewer than four classes. (Croce and Hein 2020, "Reliable evaluation of
    adversarial robustness with an ensemble of diverse parameter-free attacks".) An image's random numbers depend
    on the seed and on its position: parts of a data set, attacked one by one, give the same images as the whole.

    Args:
        exported: What `keras_selectivity.load` or `wrap` returns, or a Keras model.
        images: `(n, ...)` floats; of images uint8, or floats in [0, 1].
        labels: `(n,)` true labels, integers.
        epsilon: Radius of the ball, above 0, in units of the input: pixels of [0, 1].
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        seed: Seed of all attacks. Defaults to 0.
        version: `"standard"` for all four; `"apgd"` for the first two, which find nearly as much for a fraction of the
            time; or one alone: `"apgd-ce"`, `"apgd-t"`, `"fab-t"`, `"square"`. Defaults to `"standard"`.
        iterations: Of APGD and FAB, per target. Defaults to 100.
        targets: Classes that APGD and FAB aim at, the likeliest first; at most as many as there are others. With fewer
            than four classes there is no targeted APGD. Defaults to 9.
        queries: Of Square Attack. Defaults to 5,000.
        positions: `(n,)` whole numbers: where the images stand in the whole of which they are a part. Defaults to 0 to
            n - 1.
        batch_size: Images at a time. Defaults to 250.
        verbose: 0 shows no progress bar.

    Returns:
        `(n, ...)` float32, of images in [0, 1]: within the ball; the clean image where no attack succeeds, or
        where it was misclassified at first.

    Raises:
        InputError: An argument is out of its range, the network has no gradient in its input, or logits are not finite.
    """
    settings = _Settings(version, norm, epsilon, seed, iterations, targets, queries)
    return _attacked(exported, images, labels, settings, positions, batch_size, verbose)[0]


@measures
def autoattack_accuracy(
    exported: Exported,
    images: ArrayLike,
    labels: ArrayLike,
    *,
    epsilon: float,
    norm: str = "linf",
    seed: int = 0,
    version: str = "standard",
    iterations: int = 100,
    targets: int = 9,
    queries: int = 5000,
    positions: ArrayLike | None = None,
    batch_size: int = BATCH_SIZE,
    verbose: int = 1,
) -> AutoAttackAccuracy:
    """Accuracy under AutoAttack, after each of its attacks.

    Args: as for `autoattack`.

    Returns:
        An `AutoAttackAccuracy`.

    Raises:
        InputError: As `autoattack`, or there are no images.
    """
    settings = _Settings(version, norm, epsilon, seed, iterations, targets, queries)
    _, clean, names, fooled_by = _attacked(exported, images, labels, settings, positions, batch_size, verbose)
    if not len(clean):
        raise InputError("There are no images to attack.")
    after = {
        name: float(np.mean(clean & ~((fooled_by >= 0) & (fooled_by <= number))))
        for number, name in enumerate(names)
    }
    correct = clean & (fooled_by < 0)
    of_correct = float(correct.sum() / clean.sum()) if clean.any() else None
    robust = float(correct.mean())
    return AutoAttackAccuracy(
        float(clean.mean()), after, robust, of_correct, correct, settings.epsilon, norm, len(clean)
    )


@dataclass(frozen=True)
class _Settings:
    """The arguments of an ensemble, checked."""

    version: str
    norm: str
    epsilon: float
    seed: int
    iterations: int
    targets: int
    queries: int

    def __post_init__(self) -> None:
        if not isinstance(self.version, str) or self.version not in VERSIONS:
            raise InputError(
                f"version must be {' or '.join(map(repr, VERSIONS))}. Received: {self.version!r}."
            )
        check_norm(self.norm)
        if not strength("epsilon", self.epsilon):
            raise InputError("epsilon must be greater than 0: name the radius of the ball, such as 8 / 255.")
        whole_number("seed", self.seed, 0, 2**30)
        for name in ("iterations", "targets", "queries"):
            whole_number(name, getattr(self, name), 1, 2**30)


def _attacks_for(exported: Exported, version: str) -> tuple[str, ...]:
    """The attacks of a version that a network allows, in order; warns of those that are left out.

    Raises:
        InputError: It allows none.
    """
    reasons = {}
    if not (exported.input_shape and len(exported.input_shape) == 3):
        reasons["square"] = "Square Attack, which needs images"
    if exported.classes < _LEAST_CLASSES:
        reasons["apgd-t"] = (
            f"targeted APGD, which needs {_LEAST_CLASSES} classes (there are {exported.classes})"
        )
    names = tuple(name for name in VERSIONS[version] if name not in reasons)
    lacking = [reasons[name] for name in VERSIONS[version] if name in reasons]
    if not names:
        raise InputError(f"The network does not allow {lacking[0]}. Choose another version than {version!r}.")
    if lacking:
        warnings.warn(f"AutoAttack leaves out {' and '.join(lacking)}.", stacklevel=5)
    return names


def _attacked(
    exported: Exported,
    images: ArrayLike,
    labels: ArrayLike,
    settings: _Settings,
    positions: ArrayLike | None,
    batch_size: int,
    verbose: int,
) -> tuple[Array, Array, Sequence[str], Array]:
    """Adversarial images; which were classified correctly at first; the attacks; the number of that which fooled each,
    or -1."""
    images, labels = checked_samples(exported, images, labels)
    names = _attacks_for(exported, settings.version)
    positions = np.arange(len(images)) if positions is None else _positions(positions, len(images))
    whole_number("batch_size", batch_size, 1)
    found, clean, fooled_by = images.copy(), np.zeros(len(images), bool), np.full(len(images), -1)
    predict = exported.compiled(_prediction)
    with Bar(len(names) * -(-len(images) // batch_size), "attack", verbose) as progress:
        for first in range(0, len(images), batch_size):
            part = slice(first, min(first + batch_size, len(images)))
            right, order = (np.asarray(value) for value in predict(images[part], labels[part]))
            clean[part] = right
            left = np.flatnonzero(right) + first
            for number, name in enumerate(names):
                if len(left):
                    adversarial = _ATTACKS[name](
                        exported, images[left], labels[left], order[left - first], positions[left], settings
                    )
                    # What an attack says it has found is looked at once more
                    wrong = ~np.asarray(predict(adversarial, labels[left])[0])
                    gone = left[wrong]
                    found[gone], fooled_by[gone] = adversarial[wrong], number
                    left = left[~wrong]
                progress.add()
    return found, clean, names, fooled_by


def _positions(positions: ArrayLike, samples: int) -> Array:
    found = any_array("positions", positions)
    if found.shape != (samples,) or (samples and (found.dtype.kind not in "iu" or found.min() < 0)):
        raise InputError(
            f"positions must be {samples} whole numbers of at least 0, one per image. Received: shape {found.shape}, "
            f"dtype {found.dtype}."
        )
    return found


def _prediction(exported: Exported) -> Any:
    @tf.function(input_signature=signature(exported), autograph=False)
    def predict(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Whether images are classified correctly, and the other classes, the likeliest first."""
        logits = tf.cast(exported.logits(images), tf.float32)
        others = other_logits(logits, labels)
        return is_correct(logits, labels), tf.argsort(others, direction="DESCENDING", stable=True)[:, :-1]

    return predict


def _starts(exported: Exported, images: Array, positions: Array, settings: _Settings, salt: int) -> Array:
    """Random points on the surfaces of the balls."""
    seed = [settings.seed, salt]
    points = [
        random_points(image[None], int(at), settings.epsilon, settings.norm, seed, True, exported.bounds)
        for image, at in zip(images, positions, strict=True)
    ]
    return np.concatenate(points)


def _apgd_ce(
    exported: Exported, images: Array, labels: Array, order: Array, positions: Array, settings: _Settings
) -> Array:
    attack = exported.compiled(apgd, settings.norm, False)
    start = _starts(exported, images, positions, settings, 0)
    found, _ = attack(start, labels, labels, images, settings.iterations, settings.epsilon)
    return np.asarray(found)


def _apgd_t(
    exported: Exported, images: Array, labels: Array, order: Array, positions: Array, settings: _Settings
) -> Array:
    attack = exported.compiled(apgd, settings.norm, True)

    def aim(at: Array, targets: Array, number: int) -> Any:
        start = _starts(exported, images[at], positions[at], settings, 1 + number)
        return attack(start, labels[at], targets, images[at], settings.iterations, settings.epsilon)

    return _by_target(images, order, settings, aim)


def _fab_t(
    exported: Exported, images: Array, labels: Array, order: Array, positions: Array, settings: _Settings
) -> Array:
    attack = exported.compiled(fab, settings.norm)

    def aim(at: Array, targets: Array, number: int) -> Any:
        return attack(images[at], labels[at], targets, settings.iterations, settings.epsilon)

    return _by_target(images, order, settings, aim)


def _by_target(clean: Array, order: Array, settings: _Settings, aim: Any) -> Array:
    """An attack towards one class after the other, on the images that are left."""
    found, left = clean.copy(), np.arange(len(clean))
    for number in range(min(settings.targets, order.shape[1])):
        if len(left):
            images, fooled = (
                np.asarray(value) for value in aim(left, order[left, number].astype(np.int64), number)
            )
            found[left[fooled]] = images[fooled]
            left = left[~fooled]
    return found


def _square(
    exported: Exported, images: Array, labels: Array, order: Array, positions: Array, settings: _Settings
) -> Array:
    search = exported.compiled(square, settings.norm)
    seed, shape = [settings.seed, 2**20], images.shape[1:]
    best = first_images(images, settings.epsilon, settings.norm, seed, positions, exported.bounds)
    margins = search.margin(best, labels)
    for first, end, share in spans(settings.queries):
        size = side(share, shape, settings.norm)
        pattern = bump(size) if size > 1 else np.ones((1, 1), np.float32)
        drawn = signs([*seed, first], positions, (end - first, shape[-1]))
        best, margins = search(
            best, margins, labels, images, drawn, first, size, pattern, settings.epsilon, settings.seed
        )
    return np.asarray(best)


_ATTACKS = {"apgd-ce": _apgd_ce, "apgd-t": _apgd_t, "fab-t": _fab_t, "square": _square}
