"""The folder of a study's runs: which study it belongs to, who works on what, what is done, what failed."""

import contextlib
import json
import logging
import time
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from keras_selectivity import __version__
from keras_selectivity._errors import DamagedError
from keras_selectivity._errors import InputError
from keras_selectivity._files import clean_leftovers
from keras_selectivity._files import set_aside
from keras_selectivity._json_file import read_json
from keras_selectivity._json_file import write_json
from keras_selectivity._types import StrPath
from keras_selectivity.results import sole_writer
from keras_selectivity.studies._config import RunConfig
from keras_selectivity.studies._rows import PAIRS
from keras_selectivity.studies._rows import ROWS
from keras_selectivity.studies._rows import forget
from keras_selectivity.studies._run import changed_settings
from keras_selectivity.studies._run import progress_of
from keras_selectivity.studies._setup import MODEL
from keras_selectivity.studies._setup import RUN_FILE
from keras_selectivity.studies._setup import on_tensorflow
from keras_selectivity.studies._study import Study

_LOG = logging.getLogger(__name__)

_STATE = "_state"
# Entries of `[evaluation]` that no number depends on, or only numbers whose protocol says so, which is found later
_NO_RESULT = {"batch_size", "verify"}
_TABLE = {str: object}
# What `_state/study.json` and the notes of the runs hold
STUDY = {
    "version": str,
    "content": {"study": _TABLE, "grid": _TABLE, "run": _TABLE, "evaluation?": _TABLE, "arms?": [_TABLE]},
}
_SESSION = {"time": float, "epochs": int}
_NOTE = {"state?": str, "seconds?": (float, None), "reason?": (str, None)}


class RunsFolder:
    """A folder with one folder per run, each written by one process at a time.

    Processes on several machines may share it if its file system locks files for all of them.

    Args:
        path: The folder; `register` makes it if it is absent.
    """

    def __init__(self, path: StrPath) -> None:
        self.path = Path(path)
        self._state = self.path / _STATE
        # Runs that failed in the hands of this object, name -> reason: also those of which a full disk lets nothing
        # be noted
        self.failures: dict[str, str] = {}

    @property
    def study_file(self) -> Path:
        """A copy of the study that the runs belong to."""
        return self._state / "study.json"

    def register(self, study: Study, accept_change: bool = False) -> None:
        """Notes which study the folder belongs to.

        Args:
            study: A `Study`.
            accept_change: Continue with a study that differs from what the folder was made for. Runs
                whose configuration changed are set aside as `NAME.replaced-1` and done again, and so are
                measurements whose settings changed, or that were done by another protocol.

        Raises:
            InputError: The study, or the version of the package, is another than before; or, with
                `accept_change`, another process works on a run.
        """
        for folder in (self.path, self._state):
            clean_leftovers(folder)
        before = self._before()
        if before and not accept_change:
            found = _differences(before["content"], study.content)
            if before["version"] != __version__:
                found.insert(0, f"keras_selectivity: {before['version']} before, {__version__} now")
            if not found:
                return
            raise InputError(
                f"{self.path} was made for another study:\n  "
                + "\n  ".join(found)
                + "\nChoose another folder for the runs, or pass --accept-change."
            )
        if before:
            self._accept(study, _measured_otherwise(before["content"], study.content))
        write_json(self.study_file, {"content": study.content, "version": __version__})

    def _accept(self, study: Study, again: set[str] | None) -> None:
        """Sets aside what is not the study's any more; `again` are measurements to do again, all if `None`."""
        with sole_writer(self.path / PAIRS):
            for name in study.runs:  # all before anything is moved
                if self.is_busy(name):
                    raise _busy(name)
            for name, config in study.runs.items():
                folder = self.path / name
                if not folder.exists():
                    continue
                with self._held(name):
                    if _is_another(config, folder):
                        set_aside(folder, "replaced")
                        forget(self.path / PAIRS)
                    else:
                        forget(folder / ROWS, again)
            forget(self.path / PAIRS, again)
            for name in (*study.runs, PAIRS):
                self._accepted(name).touch()

    def _accepted(self, name: str) -> Path:
        return self._state / f"{name}.accepted"

    def renews(self, name: str) -> bool:
        """Whether rows of a run, or of `PAIRS`, by another protocol are measured again, since a change was accepted."""
        return self._accepted(name).exists()

    def renewed(self, name: str) -> None:
        """Notes that all rows are by the protocol of the study: the next change is to be accepted anew."""
        self._accepted(name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _held(self, name: str) -> Iterator[None]:
        try:
            with self.lock(name).acquire(blocking=False):
                yield
        except filelock.Timeout:
            raise _busy(name) from None

    def forget_pairs(self) -> None:
        """Sets distances between networks aside, one of which is not what it was, once nobody adds to them."""
        with sole_writer(self.path / PAIRS, wait=True):
            forget(self.path / PAIRS)

    def _before(self) -> dict[str, Any] | None:
        """What was registered, or `None`; also if it is damaged, since it can be written again."""
        if not self.study_file.exists():
            return None
        try:
            return read_json(self.study_file, STUDY)
        except DamagedError as error:
            _LOG.warning("%s The study is recorded again.", error)
            return None

    def lock(self, name: str) -> filelock.FileLock:
        """The lock that whoever works on a run holds; the system frees it when a process dies."""
        return filelock.FileLock(self._state / f"{name}.lock")

    def is_busy(self, name: str) -> bool:
        """Whether a process works on a run."""
        lock = self.lock(name)
        if not Path(lock.lock_file).exists():
            return False
        try:
            with lock.acquire(blocking=False):
                return False
        except filelock.Timeout:
            return True

    def log(self, name: str) -> Path:
        """File for what a run of its own process prints."""
        return self._state / f"{name}.log"

    def note(self, name: str, **values: Any) -> None:
        """Notes how a run ended: `state`, `seconds`, and for a failure its `reason`."""
        write_json(self._state / f"{name}.json", values)

    def noted(self, name: str) -> dict[str, Any]:
        """What `note` has noted of a run; an empty dict if nothing, or if it is damaged."""
        try:
            return read_json(self._state / f"{name}.json", _NOTE)
        except InputError:  # there is none, or it is damaged: the files tell what is done
            return {}

    def fail(self, name: str, reason: str) -> None:
        """Notes that a run failed, and remembers it in `failures`."""
        self.failures[name] = reason
        try:
            self.note(name, state="failed", reason=reason)
        except OSError as error:
            _LOG.warning("%s: that it failed cannot be noted (%s)", name, error.strerror)

    def reason(self, name: str) -> str | None:
        """Why a run failed the last time, or `None`."""
        note = self.noted(name)
        return self.failures.get(name) or (note.get("reason") if note.get("state") == "failed" else None)

    def forget_failure(self, name: str) -> None:
        """Takes the note of a failure away, for a run that is begun again."""
        self.failures.pop(name, None)
        if self.reason(name) is not None:
            (self._state / f"{name}.json").unlink()

    def status(self, study: Study) -> list[dict[str, Any]]:
        """How far every run of a study is.

        Returns:
            A list of dicts with `name`, `arm`, `state` (`"done"`, `"running"`, `"failed"`, `"trained"` on JAX and to
            be measured on TensorFlow, `"interrupted"` or `"waiting"`), `epochs`, `of`, `val_accuracy` (of the latest
            epoch, while the run is trained), `seconds_per_epoch` (of a run that is done, measurements included, or
            of what a running one has trained in this session) and `reason` (of a failure). What is not known is `None`.
        """
        return [
            {"name": name, "arm": study.arms[name], **self._status(name, config)}
            for name, config in study.runs.items()
        ]

    def unfinished(self, study: Study, names: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """The entries of `status` that tell of runs that nobody has finished or works on.

        Args:
            study: A `Study`.
            names: Names of the runs that count; `None` for all. On JAX, being trained is the end of a run.
        """
        ends = {"done", "running"} | (set() if on_tensorflow() else {"trained"})
        return [
            row
            for row in self.status(study)
            if (row["name"] in self.failures or row["state"] not in ends)
            and (names is None or row["name"] in names)
        ]

    def _status(self, name: str, config: RunConfig) -> dict[str, Any]:
        note, reason = self.noted(name), self.reason(name)
        exported = (self.path / name / MODEL / "run.json").exists()
        trained = exported or (self.path / name / RUN_FILE).exists()
        progress = {} if trained else progress_of(self.path / name)
        epochs = config.epochs if trained else progress.get("epochs", 0)
        if self.is_busy(name):
            state = "running"
        elif reason is not None:
            state = "failed"
        elif note.get("state") == "done" and exported:
            state = "done"
        elif trained and not exported:
            state = "trained"
        else:
            state = "interrupted" if epochs else "waiting"
        return {
            "state": state,
            "epochs": epochs,
            "of": config.epochs,
            "val_accuracy": (progress.get("history", {}).get("val_accuracy") or [None])[-1],
            "seconds_per_epoch": self._speed(name, state, epochs, config.epochs),
            "reason": reason if state == "failed" else None,
        }

    def begin(self, name: str) -> None:
        """Notes when a session of a run begins, and after how many epochs."""
        epochs = progress_of(self.path / name).get("epochs", 0)
        write_json(self._state / f"{name}.session.json", {"time": time.time(), "epochs": epochs})

    def _speed(self, name: str, state: str, epochs: int, of: int) -> float | None:
        """Seconds per epoch, or `None`."""
        if state == "done":
            seconds = self.noted(name).get("seconds")
            return seconds / of if seconds else None
        if state != "running":
            return None
        try:
            begun = read_json(self._state / f"{name}.session.json", _SESSION)
        except InputError:  # there is none, or it is damaged
            return None
        done = epochs - begun["epochs"]
        return (time.time() - begun["time"]) / done if done > 0 else None


def _busy(name: str) -> InputError:
    return InputError(f"Another process works on {name}. Accept the change when it has ended.")


def _is_another(config: RunConfig, folder: Path) -> bool:
    """Whether a folder is that of a run with another configuration; a damaged one is seen to by whoever does the
    run."""
    try:
        return bool(changed_settings(config, folder))
    except DamagedError:
        return False


def time_left(status: list[dict[str, Any]]) -> float | None:
    """Seconds until all runs are done, at the median speed of those that are done or running; `None` if none is.

    Args:
        status: What `RunsFolder.status` returns.
    """
    speeds = sorted(row["seconds_per_epoch"] for row in status if row["seconds_per_epoch"])
    if not speeds:
        return None
    epochs = sum(row["of"] - row["epochs"] for row in status if row["state"] != "done")
    return speeds[len(speeds) // 2] * epochs / max(1, sum(row["state"] == "running" for row in status))


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What changed between two studies, one line per entry; texts that no run depends on left out."""
    old, new = _flat(before), _flat(now)

    def said(entries: dict[str, Any], key: str) -> str:
        return json.dumps(entries[key]) if key in entries else "absent"

    return [
        f"{key}: {said(old, key)} before, {said(new, key)} now"
        for key in sorted(old | new)
        if said(old, key) != said(new, key) and not key.startswith("study.")
    ]


def _measured_otherwise(before: dict[str, Any], now: dict[str, Any]) -> set[str] | None:
    """Names of the measurements whose rows are not those of the study any more; `None` for all of them."""
    old, new = before.get("evaluation", {}), now.get("evaluation", {})
    changed = {key for key in old | new if old.get(key) != new.get(key)} - _NO_RESULT
    if any(not isinstance(table.get(key, {}), dict) for key in changed for table in (old, new)):
        return None
    return changed & set(old)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Entries by their path; an empty table, such as a measurement with its defaults, is an entry, too."""
    if isinstance(value, dict) and value:
        return {k: v for key, part in value.items() for k, v in _flat(part, f"{prefix}{key}.").items()}
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        return _flat({str(n + 1): part for n, part in enumerate(value)}, prefix)
    return {prefix[:-1]: value}
