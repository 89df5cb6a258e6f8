"""Class-conditional statistics and selectivity metrics: arithmetic only, no models or files."""

from ._batch import METRICS as METRICS
from ._batch import Metric as Metric
from ._batch import Reduction as Reduction
from ._batch import batch_selectivity as batch_selectivity
from ._batch import class_weights as class_weights
from ._index import EPSILON as EPSILON
from ._index import class_discriminability as class_discriminability
from ._index import mean_over_layers as mean_over_layers
from ._index import selectivity_index as selectivity_index
from ._streaming import ClassStatistics as ClassStatistics
from ._unit_measures import active_share as active_share
from ._unit_measures import information_bins as information_bins
from ._unit_measures import mutual_information as mutual_information
from ._unit_measures import precision as precision
