"""What a trained network's units and layers represent."""

from ._ablation import Ablation as Ablation
from ._ablation import ablate as ablate
from ._dimensionality import RunningCovariance as RunningCovariance
from ._dimensionality import Spectrum as Spectrum
from ._dimensionality import dimensionality as dimensionality
from ._dimensionality import spectrum as spectrum
from ._layer_spectra import layer_spectra as layer_spectra
from ._off_axis import OffAxisSelectivity as OffAxisSelectivity
from ._off_axis import off_axis_selectivity as off_axis_selectivity
from ._pwcca import pwcca_baseline as pwcca_baseline
from ._pwcca import pwcca_distance as pwcca_distance
from ._unit_selectivity import LayerSelectivity as LayerSelectivity
from ._unit_selectivity import SelectivityMeasurement as SelectivityMeasurement
from ._unit_selectivity import measure_selectivity as measure_selectivity
from ._units import MEASURES as MEASURES
from ._units import LayerUnits as LayerUnits
from ._units import collect_units as collect_units
from ._units import measure_units as measure_units
from ._units import rank_correlations as rank_correlations
