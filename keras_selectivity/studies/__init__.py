"""Runs and studies: from a declaration to trained networks and tidy results."""

from keras_selectivity._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "RunConfig": "_config",
        "execute": "_run",
        "COLUMNS": "_columns",
        "Results": "_results",
        "read_results": "_results",
        "write_results": "_results",
        "sole_writer": "_results",
        "check_claims": "_claims",
        "departures": "_protocol",
        "mean_interval": "_statistics",
        "t_test": "_statistics",
        "paired_t_test": "_statistics",
        "rank_sum": "_statistics",
        "spearman": "_statistics",
        "t95": "_statistics",
        "distance_ratios": "_similarity",
        "distances_by_alpha": "_similarity",
        "tune": "_tune",
        "SelectivityHyperModel": "_tune",
        "Study": "_study",
        "make_study": "_study",
        "read_study": "_study",
        "run_study": "_runner",
        "join": "_runner",
        "publish_networks": "_networks",
        "adopt_networks": "_networks",
        "RunsFolder": "_runs_folder",
        "time_left": "_runs_folder",
    },
)
