"""The 19 natural corruptions of CIFAR-10-C and Tiny ImageNet-C."""

from ._corrupt import corrupt as corrupt
from ._parameters import CORRUPTIONS as CORRUPTIONS
from ._parameters import SEVERITIES as SEVERITIES
from ._parameters import check_corruption as check_corruption
