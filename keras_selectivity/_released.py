"""The corruptions that the releases hold, whatever `corrupt` can generate."""

BENCHMARK = (
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
)
"""The 15 corruptions of the benchmark, which both releases hold; CIFAR-10-C holds four more."""
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
# CIFAR-10-C in one archive, Tiny ImageNet-C in two
RELEASED = (*BENCHMARK, *EXTRA)
