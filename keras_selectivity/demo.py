"""The demonstration: three small networks on embedded data, from training to a page."""

import shlex
import shutil
from pathlib import Path

from keras_selectivity._errors import InputError
from keras_selectivity._replacement import is_ours
from keras_selectivity._replacement import take_place
from keras_selectivity._replacement import work_folder
from keras_selectivity._types import StrPath
from keras_selectivity.measurements import columns
from keras_selectivity.reports import check_page
from keras_selectivity.reports import table
from keras_selectivity.reports import write_page
from keras_selectivity.results import read
from keras_selectivity.saved_model import EXPORTED
from keras_selectivity.saved_model import is_export
from keras_selectivity.studies import RunsFolder
from keras_selectivity.studies import make_study
from keras_selectivity.studies import run_study
from keras_selectivity.studies.engines import Here

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
        "dataset": "shapes",
        "network": "resnet8",
        "epochs": 14,
        "milestones": [10, 13],
        "batch_size": 128,
        "pad": 2,
        "warmup_epochs": 8,
        "validation_per_class": 50,
    },
}

# Texts and commands that a reader of the page can paste; `{folder}` is the demonstration's
_NEXT = (
    (
        "Attack these networks and corrupt their images: who is more robust? (A few minutes.)",
        "keras-selectivity evaluate {folder}/runs/*/model --dataset shapes --measure fgsm,pgd,corruptions,units "
        "--csv robustness.csv --page robustness",
    ),
    (
        "Turn the knob further: train a network at another α.",
        "keras-selectivity train --dataset shapes --network resnet8 --alpha 2 --warmup-epochs 8 --epochs 14 "
        "--milestones 10,13 --batch-size 128 --pad 2 --validation-per-class 50 --output alpha2",
    ),
    (
        "Regularise a network of your own, from its weights, in Python.",
        "import keras_selectivity as ks\n\n"
        "model = ks.regularize(your_keras_classifier, alpha=-1)\n"
        'model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])\n'
        "model.fit(images, labels, epochs=5)\n"
        'ks.export(model, "regularised")',
    ),
    (
        "Run a study on CIFAR-10, several seeds per α, and check the papers' claims on it. (From a clone; hours on two cores.)",
        "keras-selectivity data prepare cifar10\n"
        "keras-selectivity study run experiments/resnet8_cifar10_reduced/study.toml --runs runs",
    ),
)


def run_demo(folder: StrPath, *, resume: bool = False, overwrite: bool = False) -> None:
    """Trains, exports and measures the networks of the demonstration and writes its page.

    Args:
        folder: Folder to write: `runs/*/model` (SavedModels), `results.csv`, `index.html`.
        resume: Keep what an earlier demonstration has finished.
        overwrite: Start again, in `FOLDER.new`, which takes the place of an earlier demonstration when complete.

    Raises:
        InputError: The folder exists, without `resume` or `overwrite`, or holds something else; or a run failed.
    """
    folder = Path(folder)
    work = work_folder(folder, resume=resume, overwrite=overwrite, ours=_is_demo, goes_on=_is_demo)
    check_page(work)
    if not resume:
        shutil.rmtree(work, ignore_errors=True)
    study, runs = make_study(STUDY), RunsFolder(work / "runs")
    results = run_study(study, Here(runs), work / "results.csv")
    if results is None or runs.failures:
        raise InputError(f"The demonstration failed. {next(iter(runs.failures.values()), 'No run is done.')}")
    rows = read(results)
    write_page(
        work,
        rows,
        title=study.title,
        description=study.description,
        results=results.name,
        columns=columns(),
        next_steps=[(text, command.replace("{folder}", shlex.quote(str(folder)))) for text, command in _NEXT],
    )
    take_place(work, folder, _is_demo)
    print(
        f"\n{table(rows, columns())}\n\nSavedModels in {folder / 'runs'}, page, which says what to try next, in {folder / 'index.html'}"
    )


def _is_demo(folder: Path) -> bool:
    of_run = ("config.json", "run.keras", "checkpoints/*", "rows/*.parquet", "rows/pack-*/*.parquet")
    state = (f"_state/*.{ending}" for ending in ("json", "lock", "log", "accepted"))
    parts = ("results.csv", "index.html", "*.png", "*.svg", *(f"runs/{part}" for part in state))
    parts += tuple(f"runs/*/{part}" for part in of_run) + tuple(f"runs/*/model/{part}" for part in EXPORTED)
    mark = RunsFolder(folder / "runs").study_file.relative_to(folder)
    return is_ours(
        folder, mark, lambda found: found.get("content", {}).get("study") == STUDY["study"], parts
    ) and all(is_export(run.parent) for run in folder.glob("runs/*/model/run.json"))
