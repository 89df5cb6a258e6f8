"""The papers' claims, checked on tables of results: verdicts, and in what a study departs from the papers' protocol."""

from ._absent import absent_runs as absent_runs
from ._check import AGREES as AGREES
from ._check import CLAIMS as CLAIMS
from ._check import DISAGREES as DISAGREES
from ._check import UNDECIDED as UNDECIDED
from ._check import UNTESTED as UNTESTED
from ._check import check as check
from ._check import verdicts as verdicts
from ._claim import Claim as Claim
from ._mediation import mediation as mediation
from ._outline import outline as outline
from ._protocol import departures as departures
from ._reportable import reportable as reportable
from ._similarity import distance_ratios as distance_ratios
from ._similarity import distances as distances
from ._similarity import ratio_by_seed as ratio_by_seed
from ._simulate import PAPERS_GRID as PAPERS_GRID
from ._simulate import SHORT_GRID as SHORT_GRID
from ._simulate import simulate as simulate
