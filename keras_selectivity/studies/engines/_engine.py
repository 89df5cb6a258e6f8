"""What all engines have: a folder of runs, and a line about each run that has ended."""

import abc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import ClassVar

from keras_selectivity._progress import duration
from keras_selectivity.studies._join import clean_values
from keras_selectivity.studies._runs_folder import RunsFolder
from keras_selectivity.studies._runs_folder import time_left
from keras_selectivity.studies._study import Study


class Engine(abc.ABC):
    """Does runs of a study.

    Runs that are finished are left alone, interrupted ones resume after their last whole epoch, and one that fails is
    noted with its reason in the folder while the others continue. Several engines may work on the same folder at a
    time, on one machine or on many that share it: a run is done by one of them.

    Args:
        folder: Folder for the runs' folders: a path, or a `RunsFolder`.
        data_dir: Where prepared data sets lie.
        tensorboard: Folder for TensorBoard logs, in which every run gets a folder of its own.
        verbose: 0 shows nothing of what a run does.

    Attributes:
        measures: Whether its runs are measured, too.
        local: Whether all runs are done on this machine.
        accepts: Names of its arguments besides folder, data and progress.
    """

    measures: ClassVar[bool] = True
    local: ClassVar[bool] = True
    accepts: ClassVar[frozenset[str]]

    def __init__(
        self,
        folder: RunsFolder | Path | str,
        *,
        data_dir: str | Path | None = None,
        tensorboard: str | Path | None = None,
        verbose: int | str = 1,
    ) -> None:
        self.folder = folder if isinstance(folder, RunsFolder) else RunsFolder(folder)
        # Other processes, on other machines perhaps, start in other folders.
        self.data_dir = None if data_dir is None else os.path.abspath(data_dir)
        self.tensorboard = None if tensorboard is None else os.path.abspath(tensorboard)
        self.verbose = verbose

    @abc.abstractmethod
    def run(self, study: Study, names: Sequence[str]) -> None:
        """Does runs.

        Args:
            study: The study, which is registered in the folder.
            names: Names of the runs.

        Raises:
            InputError: The engine is not available here.
        """

    @property
    def options(self) -> dict[str, Any]:
        """What is handed on to whoever does a run; what is not given is left out."""
        given = {"data_dir": self.data_dir, "tensorboard": self.tensorboard}
        return {name: value for name, value in given.items() if value is not None}

    def report(self, study: Study, name: str) -> None:
        """Prints one line about a run that has ended, and about all."""
        status = self.folder.status(study)
        mine = next(row for row in status if row["name"] == name)
        done, failed = (sum(row["state"] == state for row in status) for state in ("done", "failed"))
        outcome = mine["state"]
        if outcome == "done":
            found = clean_values(self.folder, name)
            for measure, form in (("accuracy", ".2%"), ("mean_selectivity", ".4f")):
                if found.get(measure) is not None:
                    outcome += f", {measure.replace('_', ' ')} {found[measure]:{form}}"
        elif mine["reason"]:
            outcome += f": {mine['reason']}"
        seconds = time_left(status)
        left = f", about {duration(seconds)} left" if seconds and done < len(status) else ""
        also = f", {failed} failed" if failed else ""
        print(f"{name}: {outcome}  [{done}/{len(status)} done{also}{left}]", flush=True)
