"""Runs of a study on a Ray cluster."""

import os
from collections.abc import Sequence
from typing import Any

from keras_selectivity import __version__
from keras_selectivity._checks import whole_number
from keras_selectivity._errors import InputError
from keras_selectivity.studies._runs_folder import RunsFolder
from keras_selectivity.studies._study import Study
from keras_selectivity.studies._study import make_study
from keras_selectivity.studies._worker import attempt
from keras_selectivity.studies.engines._engine import Engine


class Ray(Engine):
    """Does runs as Ray tasks, each in a process of its own.

    Ray starts a task again, on another node if need be, whose process or node died; the run then resumes after its last
    whole epoch. The folder of the runs and the data must lie at the same paths on all nodes.

    Args:
        folder: As in `Engine`.
        address: Address of a cluster, as in `ray.init`; empty to start one on this machine, which no other can reach.
        retries: How often a run is started again whose process or node died.
        options: As in `Engine`.
    """

    local = False
    accepts = frozenset({"address", "retries", "tensorboard"})

    def __init__(self, folder: Any, *, address: str = "", retries: int = 2, **options: Any) -> None:
        super().__init__(folder, **options)
        self.address, self.retries = address, whole_number("retries", retries, 0)

    def run(self, study: Study, names: Sequence[str]) -> None:
        """Does runs.

        Raises:
            InputError: Ray is not installed, there is no cluster, or a node has another version of this package.
        """
        # Read when Ray is imported: a cluster of this machine alone then listens on its loopback device alone.
        local = not self.address and os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0") == "0"
        try:
            import ray
        except ImportError:
            raise InputError("Ray is not installed: pip install 'keras_selectivity[ray]'.") from None
        started = not ray.is_initialized()
        if started:
            try:
                ray.init(
                    address=self.address or None,
                    log_to_driver=False,
                    include_dashboard=False if not self.address else None,
                )
            except ConnectionError as error:
                raise InputError(f"There is no Ray cluster at {self.address!r} ({error}).") from error
        try:
            if started and local and ray.nodes()[0]["NodeManagerAddress"] != "127.0.0.1":
                raise InputError(
                    "Ray was imported before and listens on all networks of this machine. Start a cluster as Ray's "
                    "documentation says and give its address."
                )
            # A run has a GPU if the cluster has any, and a CPU otherwise.
            gpus = 1 if ray.cluster_resources().get("GPU") else 0
            task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=self.retries, max_calls=1)(_task)
            path = str(self.folder.path.absolute())
            pending = {
                task.remote(study.content, path, name, self.options, __version__): name for name in names
            }
            print(f"{len(pending)} runs on {len(ray.nodes())} Ray nodes", flush=True)
            while pending:
                (ready,), _ = ray.wait(list(pending), num_returns=1)
                name = pending.pop(ready)
                try:
                    reason = ray.get(ready)
                    if reason is not None:
                        self.folder.fail(name, reason)
                except ray.exceptions.RayTaskError as error:
                    cause = error.cause if isinstance(error.cause, InputError) else error
                    self.folder.fail(name, str(cause).splitlines()[-1])
                except ray.exceptions.RayError as error:
                    self.folder.fail(name, f"{type(error).__name__} after {self.retries} retries")
                self.report(study, name)
        finally:
            if started:
                ray.shutdown()


def _task(content: dict[str, Any], path: str, name: str, options: dict[str, Any], version: str) -> str | None:
    if version != __version__:
        raise InputError(
            f"This node has keras_selectivity {__version__}, the study was started with {version}. Install "
            "the same version everywhere."
        )
    folder = RunsFolder(path)
    attempt(make_study(content), name, folder, {**options, "verbose": 0}, wait=True)
    return folder.failures.get(name)
