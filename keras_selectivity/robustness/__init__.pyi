"""Attacks, corruption, and gradients of a trained network with respect to its input."""

from ._accuracy import accuracy as accuracy
from ._autoattack import AutoAttackAccuracy as AutoAttackAccuracy
from ._autoattack import autoattack as autoattack
from ._autoattack import autoattack_accuracy as autoattack_accuracy
from ._fgsm import FGSMAccuracy as FGSMAccuracy
from ._fgsm import fgsm as fgsm
from ._fgsm import fgsm_accuracy as fgsm_accuracy
from ._jacobian import jacobian_norm as jacobian_norm
from ._masking import GradientMasking as GradientMasking
from ._masking import gradient_masking as gradient_masking
from ._masking import transfer_images as transfer_images
from ._pgd import PGDAccuracy as PGDAccuracy
from ._pgd import distances as distances
from ._pgd import pgd as pgd
from ._pgd import pgd_accuracy as pgd_accuracy
from ._pgd import surviving as surviving
from ._unit_gradients import LayerUnitGradients as LayerUnitGradients
from ._unit_gradients import input_unit_gradients as input_unit_gradients
