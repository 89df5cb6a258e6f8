"""Names of the corruptions and their constants by image size and severity.

The constants are those of the released CIFAR-10-C and Tiny ImageNet-C (Hendrycks and Dietterich
2019, "Benchmarking neural network robustness to common corruptions and perturbations").
"""

from collections.abc import Sequence

from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError

# A name's position is part of the seed of its draws: new ones come last.
CORRUPTIONS = (
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "frost",
    "fog",
    "brightness",
    "contrast",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
    "speckle_noise",
    "gaussian_blur",
    "spatter",
    "saturate",
)
"""Names of the 19 corruptions."""
SEVERITIES = (1, 2, 3, 4, 5)
"""Severities, from mild to strong."""

# The largest zooms of the first two severities are meant to be 1.05 and 1.10; rounding in the published
# code adds one more step, so these are what the released images were made with.

# What the numbers of a corruption mean, in their order.
MEANINGS = {
    "gaussian_noise": "standard deviation",
    "shot_noise": "photons at full brightness",
    "impulse_noise": "share of values replaced",
    "speckle_noise": "standard deviation relative to the value",
    "gaussian_blur": "standard deviation in pixels",
    "glass_blur": "standard deviation of the blur, largest displacement, repetitions",
    "defocus_blur": "radius of the disk, standard deviation that smooths it",
    "motion_blur": "radius, standard deviation",
    "zoom_blur": "largest zoom",
    "fog": "amount, decay of the detail",
    "frost": "weight of the image, weight of the frost, scale of the textures",
    "snow": "mean, standard deviation, zoom, threshold, radius and standard deviation of the motion blur, "
    "weight of the image",
    "spatter": "mean, standard deviation, blur, threshold, strength, mud instead of water",
    "contrast": "factor",
    "brightness": "amount added",
    "saturate": "factor, amount added",
    "jpeg_compression": "quality",
    "pixelate": "share of the size",
    "elastic_transform": "strength, smoothness and affine displacement as shares of the size",
}

_BY_SIZE: dict[int, dict[str, list[tuple[float, ...]]]] = {
    32: {
        "gaussian_noise": [(0.04,), (0.06,), (0.08,), (0.09,), (0.10,)],
        "shot_noise": [(500,), (250,), (100,), (75,), (50,)],
        "impulse_noise": [(0.01,), (0.02,), (0.03,), (0.05,), (0.07,)],
        "speckle_noise": [(0.06,), (0.1,), (0.12,), (0.16,), (0.2,)],
        "gaussian_blur": [(0.4,), (0.6,), (0.7,), (0.8,), (1,)],
        "glass_blur": [(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)],
        "defocus_blur": [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
        "motion_blur": [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
        "zoom_blur": [(1.06,), (1.11,), (1.15,), (1.20,), (1.25,)],
        "fog": [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)],
        "frost": [(1, 0.2, 0.2), (1, 0.3, 0.2), (0.9, 0.4, 0.2), (0.85, 0.4, 0.2), (0.75, 0.45, 0.2)],
        "snow": [
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ],
        "spatter": [
            (0.62, 0.1, 0.7, 0.7, 0.5, 0),
            (0.65, 0.1, 0.8, 0.7, 0.5, 0),
            (0.65, 0.3, 1, 0.69, 0.5, 0),
            (0.65, 0.1, 0.7, 0.69, 0.6, 1),
            (0.65, 0.1, 0.5, 0.68, 0.6, 1),
        ],
        "contrast": [(0.75,), (0.5,), (0.4,), (0.3,), (0.15,)],
        "brightness": [(0.05,), (0.1,), (0.15,), (0.2,), (0.3,)],
        "saturate": [(0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)],
        "jpeg_compression": [(80,), (65,), (58,), (50,), (40,)],
        "pixelate": [(0.95,), (0.9,), (0.85,), (0.75,), (0.65,)],
        "elastic_transform": [
            (0, 0, 0.08),
            (0.05, 0.2, 0.07),
            (0.08, 0.06, 0.06),
            (0.1, 0.04, 0.05),
            (0.1, 0.03, 0.03),
        ],
    },
    64: {
        "gaussian_noise": [(0.04,), (0.08,), (0.12,), (0.15,), (0.18,)],
        "shot_noise": [(250,), (100,), (50,), (30,), (15,)],
        "impulse_noise": [(0.01,), (0.02,), (0.05,), (0.08,), (0.14,)],
        "speckle_noise": [(0.15,), (0.2,), (0.25,), (0.3,), (0.35,)],
        "gaussian_blur": [(0.5,), (0.75,), (1,), (1.25,), (1.5,)],
        "glass_blur": [(0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)],
        "defocus_blur": [(0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)],
        "motion_blur": [(10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)],
        "zoom_blur": [(1.06,), (1.11,), (1.15,), (1.20,), (1.25,)],
        "fog": [(0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)],
        "frost": [(1, 0.3, 0.3), (0.9, 0.4, 0.3), (0.8, 0.45, 0.3), (0.75, 0.5, 0.3), (0.7, 0.55, 0.3)],
        "snow": [
            (0.1, 0.2, 1, 0.6, 8, 3, 0.8),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.8),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
        ],
        "spatter": [
            (0.62, 0.1, 0.7, 0.7, 0.6, 0),
            (0.65, 0.1, 0.8, 0.7, 0.6, 0),
            (0.65, 0.3, 1, 0.69, 0.6, 0),
            (0.65, 0.1, 0.7, 0.68, 0.6, 1),
            (0.65, 0.1, 0.5, 0.67, 0.6, 1),
        ],
        "contrast": [(0.4,), (0.3,), (0.2,), (0.1,), (0.05,)],
        "brightness": [(0.1,), (0.2,), (0.3,), (0.4,), (0.5,)],
        "saturate": [(0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (30, 0.2)],
        "jpeg_compression": [(65,), (58,), (50,), (40,), (25,)],
        "pixelate": [(0.9,), (0.8,), (0.7,), (0.6,), (0.5,)],
        "elastic_transform": [
            (0, 0, 0.08),
            (0.05, 0.3, 0.06),
            (0.1, 0.08, 0.06),
            (0.1, 0.03, 0.03),
            (0.16, 0.03, 0.02),
        ],
    },
}


def check_corruption(corruption: str, severity: int, known: Sequence[str] = CORRUPTIONS) -> None:
    """Refuses an unknown corruption or severity.

    Args:
        corruption: A name.
        severity: A number.
        known: The names there are: those of a release, or by default those that can be generated.

    Raises:
        InputError: With the names there are.
    """
    if not isinstance(corruption, str) or corruption not in known:
        raise InputError(f"Unknown corruption {corruption!r}. Choose one of {', '.join(known)}.")
    whole_number("severity", severity, SEVERITIES[0], SEVERITIES[-1])


def parameters_for(corruption: str, severity: int, size: tuple[int, ...]) -> tuple[float, ...]:
    """The published constants for images of `size` = (height, width).

    Raises:
        InputError: There are none for this size.
    """
    check_corruption(corruption, severity)
    if size[0] != size[1] or size[0] not in _BY_SIZE:
        raise InputError(
            f"There are published constants for images of {' and '.join(f'{n}x{n}' for n in _BY_SIZE)} pixels, "
            f"none for {size[0]}x{size[1]}. Resize the images, or pass parameters=({MEANINGS[corruption]})."
        )
    return _BY_SIZE[size[0]][corruption][severity - 1]
