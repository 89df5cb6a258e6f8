"""The papers' claims, checked on tables of results: verdicts, and in what a study departs from the papers' protocol."""

from ._check import check as check
from ._claim import Claim as Claim
from ._protocol import departures as departures
from ._reportable import reportable as reportable
from ._similarity import distance_ratios as distance_ratios
from ._similarity import distances as distances
from ._verdicts import AGREES as AGREES
from ._verdicts import DISAGREES as DISAGREES
from ._verdicts import UNDECIDED as UNDECIDED
from ._verdicts import Finding as Finding
