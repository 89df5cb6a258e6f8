"""The demonstration: three small networks on embedded data, from training to a page."""

import shutil
from pathlib import Path

from keras_selectivity._files import check_absent
from keras_selectivity.reports import table
from keras_selectivity.reports import write_page
from keras_selectivity.studies import make_study
from keras_selectivity.studies import read_results
from keras_selectivity.studies import run_study

STUDY = {
    "study": {
        "name": "demo_shapes",
        "title": "One knob: class selectivity in three small networks",
        "description": (
            "A small residual network learns ten shapes on textured ground with the loss cross-entropy - α · "
            "(mean class selectivity of the hidden units). α = -1 makes units less class-selective, α = +1 more; "
            "it grows from 0 over the first eight epochs. A demonstration on generated images, not one of the "
            "papers' experiments."
        ),
    },
    "grid": {"alphas": [-1.0, 0.0, 1.0], "seeds": [0]},
    "run": {
        "dataset": "shapes", "network": "resnet8", "epochs": 14, "milestones": [10, 13], "batch_size": 128,
        "pad": 2, "warmup_epochs": 8, "validation_per_class": 50,
    },
}  # fmt: skip


def run_demo(folder, *, resume=False, overwrite=False):
    """Trains, exports and measures the networks of the demonstration and writes its page.

    Args:
        folder: Folder to write: `runs/*/model` (SavedModels), `results.csv`, `index.html`.
        resume: Keep what an earlier demonstration has finished.
        overwrite: Delete what is there and start again.

    Raises:
        InputError: The folder exists, without `resume` or `overwrite`.
    """
    folder = Path(folder)
    if not resume:
        check_absent(folder, overwrite, ("results.csv", "runs"))
        shutil.rmtree(folder, ignore_errors=True)
    study = make_study(STUDY)
    results = run_study(study, folder / "runs", folder)
    rows = read_results(results)
    page = write_page(folder, rows, title=study.title, description=study.description, results=results.name)
    print(f"\n{table(rows)}\n\nSavedModels in {folder / 'runs'}, page in {page}")
