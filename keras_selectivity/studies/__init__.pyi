"""Runs and studies: from a declaration to trained networks and tidy results."""

from ._config import RunConfig as RunConfig
from ._join import clean_values as clean_values
from ._join import join as join
from ._networks import adopt_networks as adopt_networks
from ._networks import publish_networks as publish_networks
from ._networks import published_runs as published_runs
from ._run import execute as execute
from ._runner import run_study as run_study
from ._runs_folder import RunsFolder as RunsFolder
from ._runs_folder import time_left as time_left
from ._study import Study as Study
from ._study import make_study as make_study
from ._study import read_study as read_study
from ._tune import SelectivityHyperModel as SelectivityHyperModel
from ._tune import tune as tune
