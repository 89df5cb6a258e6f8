"""Class-selectivity regularisation and analysis for Keras classifiers."""

from . import claims as claims
from . import datasets as datasets
from . import measurements as measurements
from . import networks as networks
from . import representations as representations
from . import results as results
from . import robustness as robustness
from . import studies as studies
from . import testing as testing
from . import training as training
from ._errors import InputError as InputError
from ._wrap import wrap as wrap
from .datasets import corrupt as corrupt
from .representations import ablate as ablate
from .representations import dimensionality as dimensionality
from .representations import layer_spectra as layer_spectra
from .representations import measure_selectivity as measure_selectivity
from .representations import measure_units as measure_units
from .representations import off_axis_selectivity as off_axis_selectivity
from .representations import pwcca_distance as pwcca_distance
from .robustness import autoattack as autoattack
from .robustness import fgsm as fgsm
from .robustness import input_unit_gradients as input_unit_gradients
from .robustness import jacobian_norm as jacobian_norm
from .robustness import pgd as pgd
from .saved_model import export as export
from .saved_model import load as load
from .selectivity import ClassStatistics as ClassStatistics
from .selectivity import class_discriminability as class_discriminability
from .selectivity import selectivity_index as selectivity_index
from .training import BatchNormalization as BatchNormalization
from .training import CoupledSGD as CoupledSGD
from .training import EpochProgress as EpochProgress
from .training import EpochWindow as EpochWindow
from .training import LinearWarmup as LinearWarmup
from .training import SelectivityModel as SelectivityModel
from .training import SelectivityMonitor as SelectivityMonitor
from .training import UnitMeans as UnitMeans
from .training import nonlinearities as nonlinearities
from .training import preferred_class_changes as preferred_class_changes
from .training import regularize as regularize

__version__: str
