"""The trained networks of a study as files to publish, and runs that begin with such a file."""

import hashlib
import logging
import shutil
from pathlib import Path
from typing import Any

from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import check_replaceable
from keras_selectivity._files import whole_directory
from keras_selectivity._json_file import read_json
from keras_selectivity._json_file import write_json
from keras_selectivity._run_file import load_model
from keras_selectivity._run_file import read_record
from keras_selectivity._run_file import save_run
from keras_selectivity._seal import has_seal
from keras_selectivity._types import StrPath
from keras_selectivity.studies._config import RunConfig
from keras_selectivity.studies._runs_folder import RunsFolder
from keras_selectivity.studies._setup import CONFIG
from keras_selectivity.studies._setup import RUN_FILE
from keras_selectivity.studies._study import Study

_LOG = logging.getLogger(__name__)

INDEX = "index.json"
_NETWORK = {
    "name": str,
    "alpha": float,
    "seed": int,
    "epochs": int,
    "best_epoch": int,
    "test_accuracy": (float, None),
    "validation_selectivity": (float, None),
    "sha256": str,
}


def publish_networks(study: Study, runs: StrPath, networks: StrPath) -> list[dict[str, Any]]:
    """Writes the trained networks of a study as `.keras` files with an index.

    Each file holds the network, without the state of its optimizer, and the record of its training. Files of
    runs that are not trained yet are left as they are; those of runs that were trained anew are replaced.

    Args:
        study: A `Study`.
        runs: Folder of its runs.
        networks: Folder to write: `NAME.keras` for every trained run, and `index.json`, which has for each
            alpha, seed, number of epochs, the 0-based epoch of the weights, accuracy on the test set in [0, 1]
            and selectivity on the validation set at that epoch, and the file's SHA-256.

    Returns:
        The entries of the index, a list of dicts.

    Raises:
        InputError: A network was trained with other settings than the study's, or a file is none of ours.
    """
    networks = Path(networks)
    check_replaceable(networks / INDEX, has_seal)
    new: dict[str, dict[str, Any]] = {}
    for name, config in study.runs.items():  # all before anything is written
        trained, published = Path(runs) / name / RUN_FILE, networks / f"{name}.keras"
        if not trained.exists():
            if published.exists():
                _record(published, config)
            continue
        record = _record(trained, config)
        before = _record(published) if published.exists() else {}
        if before and before != record:
            _LOG.warning("%s was trained anew and is published again.", name)
        if before != record:
            new[name] = record
    for name, record in new.items():
        trained = Path(runs) / name / RUN_FILE
        save_run(load_model(trained, compile=False), networks / f"{name}.keras", **record)
    names = [name for name in study.runs if (networks / f"{name}.keras").exists()]
    entries = [_entry(name, networks / f"{name}.keras") for name in names]
    write_json(networks / INDEX, {"study": study.name, "networks": entries})
    return entries


def adopt_networks(study: Study, folder: RunsFolder, networks: StrPath) -> list[str]:
    """Lets the runs of a study that have not begun start from published networks: they are trained then.

    Args:
        study: A `Study`.
        folder: The `RunsFolder` of its runs.
        networks: Folder with `index.json` and the files that it lists, from `publish_networks`.

    Returns:
        Names of the runs that have a published network.

    Raises:
        DamagedError: The index, or a file, is not what was published.
        InputError: A file is missing, or was trained with other settings than the study's.
    """
    networks, found = Path(networks), _listed(study, networks)
    for entry in found:
        run, path = folder.path / entry["name"], networks / f"{entry['name']}.keras"
        if run.exists():
            continue
        _check(entry, path, study.runs[entry["name"]])
        with whole_directory(run) as temporary:
            write_json(temporary / CONFIG, study.runs[entry["name"]].to_dict())
            shutil.copyfile(path, temporary / RUN_FILE)
    return [entry["name"] for entry in found]


def published_runs(study: Study, networks: StrPath) -> list[str]:
    """Names of the runs of a study that have a published network.

    Args:
        study: A `Study`.
        networks: Folder with `index.json`, from `publish_networks`.

    Raises:
        DamagedError: The index is not what was published.
        InputError: There is none.
    """
    return [entry["name"] for entry in _listed(study, networks)]


def _listed(study: Study, networks: StrPath) -> list[dict[str, Any]]:
    index = read_json(Path(networks) / INDEX, {"study": str, "networks": [_NETWORK]})
    return [entry for entry in index["networks"] if entry["name"] in study.runs]


def _entry(name: str, path: Path) -> dict[str, Any]:
    record = read_record(path)
    protocol, history = record["protocol"], record["history"]
    best = protocol["best_epoch"]

    def at_best(log: str) -> float | None:
        return history[log][best] if log in history else None

    return {
        "name": name,
        "alpha": protocol["alpha"],
        "seed": record["seed"],
        "epochs": protocol["epochs"],
        "best_epoch": best,
        "test_accuracy": at_best("test_accuracy"),
        "validation_selectivity": at_best("val_selectivity/mean"),
        "sha256": _sha256(path),
    }


def _check(entry: dict[str, Any], path: Path, config: RunConfig) -> None:
    """Refuses a file that is not the one of the index, or of another training than the study declares."""
    if not path.is_file():
        raise InputError(f"{path.parent / INDEX} lists {path.name}, which is missing.")
    if _sha256(path) != entry["sha256"]:
        raise DamagedError(
            f"{path} is not the file that {INDEX} lists: its SHA-256 is another. Copy it again."
        )
    _record(path, config)


def _record(path: Path, config: RunConfig | None = None) -> dict[str, Any]:
    """How the network of a file was trained: as a configuration declares, if there is one.

    Raises:
        InputError: It was trained otherwise, or the file does not say how.
    """
    record = read_record(path)
    if not record:
        raise InputError(f"{path} does not say how its network was trained. Take it out of the folder.")
    wanted = {} if config is None else config.to_dict()
    if wanted.get("milestones", ()) is None:
        del wanted["milestones"]
    other = [key for key, value in wanted.items() if record["protocol"].get(key) != value]
    if other:
        raise InputError(
            f"{path} was trained with another {', '.join(other)} than the study declares. "
            "Take it out of the folder, or name another folder."
        )
    return record


def _sha256(path: Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
