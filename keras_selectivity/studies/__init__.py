"""Runs and studies: from a declaration to trained networks and tidy results."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "RunConfig": "_config",
        "execute": "_run",
        "tune": "_tune",
        "SelectivityHyperModel": "_tune",
        "Study": "_study",
        "make_study": "_study",
        "read_study": "_study",
        "run_study": "_runner",
        "join": "_join",
        "publish_networks": "_networks",
        "adopt_networks": "_networks",
        "RunsFolder": "_runs_folder",
        "time_left": "_runs_folder",
    },
)
