"""Corrupting a batch of images: checked arguments, reproducible draws, all cores."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike

from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity._types import Array
from keras_selectivity._types import StrPath
from keras_selectivity.datasets.corruptions import _blur
from keras_selectivity.datasets.corruptions import _digital
from keras_selectivity.datasets.corruptions import _noise
from keras_selectivity.datasets.corruptions import _weather
from keras_selectivity.datasets.corruptions._frost import check_textures
from keras_selectivity.datasets.corruptions._frost import generated_textures
from keras_selectivity.datasets.corruptions._frost import textures_in
from keras_selectivity.datasets.corruptions._parameters import CORRUPTIONS
from keras_selectivity.datasets.corruptions._parameters import MEANINGS
from keras_selectivity.datasets.corruptions._parameters import check_corruption
from keras_selectivity.datasets.corruptions._parameters import parameters_for

_FUNCTIONS = {
    name: next(getattr(m, name) for m in (_noise, _blur, _digital, _weather) if hasattr(m, name))
    for name in CORRUPTIONS
}
_PIXELS_AT_A_TIME = 2**19


def corrupt(
    images: ArrayLike,
    corruption: str,
    severity: int,
    *,
    seed: int,
    parameters: tuple[float, ...] | None = None,
    textures: StrPath | None = None,
) -> Array:
    """Corrupts images as in CIFAR-10-C (32 pixels) and Tiny ImageNet-C (64 pixels).

    What happens to an image depends on the seed, the corruption, the severity and the image's
    position only. Blurs and noise follow the published functions, in today's libraries; frost uses
    generated textures unless a folder of photographs is named. For numbers to compare with
    published ones, read the released archives instead. (Hendrycks and Dietterich 2019, "Benchmarking
    neural network robustness to common corruptions and perturbations".)

    Args:
        images: `(n, height, width, 3)` uint8.
        corruption: One of `keras_selectivity.datasets.CORRUPTIONS`.
        severity: 1 to 5.
        seed: Seed of the random draws.
        parameters: The corruption's own parameters in place of the published ones; needed for
            other image sizes.
        textures: Folder with photographs of frost (PNG or JPEG), all of which are used. Defaults to
            None.

    Returns:
        `(n, height, width, 3)` uint8.

    Raises:
        InputError: Unknown corruption or severity; images of another kind, or of a size without
            published constants; unreadable textures.
    """
    check_corruption(corruption, severity)
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
        raise InputError(
            f"Images to corrupt must be uint8 of shape (n, height, width, 3). Received: {images.dtype} of shape "
            f"{images.shape}. Multiply floats in [0, 1] by 255, round, and convert."
        )
    seed = whole_number("seed", seed, 0)
    if parameters is None:
        parameters = parameters_for(corruption, severity, images.shape[1:3])
    wanted = len(parameters_for(corruption, severity, (32, 32)))
    if len(parameters) != wanted:
        raise InputError(f"parameters of {corruption} are {wanted}: {MEANINGS[corruption]}.")
    if not len(images):
        return images.copy()
    options: dict[str, list[Array]] = {}
    if corruption == "frost":
        options["textures"] = generated_textures() if textures is None else textures_in(os.fspath(textures))
        check_textures(options["textures"], parameters[2], images.shape[1:3])
    stream = (seed, CORRUPTIONS.index(corruption), int(severity))
    function, found = _FUNCTIONS[corruption], np.empty_like(images)

    def work(part: slice) -> None:
        rngs = [np.random.default_rng([*stream, position]) for position in range(part.start, part.stop)]
        found[part] = function(images[part], rngs, *parameters, **options)

    size = max(1, _PIXELS_AT_A_TIME // (images.shape[1] * images.shape[2]))
    parts = [slice(i, min(i + size, len(images))) for i in range(0, len(images), size)]
    # Threads do: NumPy, SciPy, OpenCV and Pillow release the interpreter while they compute.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(work, parts))
    return found
