"""Runs of a study in processes of their own on this machine, which end when the one that started them does."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from keras_selectivity._checks import whole_number
from keras_selectivity.studies._study import Study
from keras_selectivity.studies.engines._engine import Engine


class Processes(Engine):
    """Does every run in a process of its own on this machine, each with its share of the cores and of the GPUs.

    Args:
        folder: As in `Engine`.
        workers: Number of processes at a time.
        retries: How often a run is started again whose process was killed.
        options: As in `Engine`.
    """

    accepts = frozenset({"workers", "retries", "tensorboard"})

    def __init__(self, folder: Any, *, workers: int = 1, retries: int = 2, **options: Any) -> None:
        super().__init__(folder, **options)
        self.workers = whole_number("workers", workers, 1)
        self.retries = whole_number("retries", retries, 0)

    def run(self, study: Study, names: Sequence[str]) -> None:
        """Does runs; when this process ends, those that it started do, too."""
        workers, folder = min(self.workers, len(names)), self.folder
        command = [
            sys.executable,
            "-m",
            __name__,
            "study",
            "run",
            str(folder.study_file),
            f"--runs={folder.path}",
            *(f"--{name.replace('_', '-')}={value}" for name, value in self.options.items()),
        ]
        gpus, devices = _gpus(), queue.SimpleQueue[str | None]()
        for number in range(workers):
            devices.put(gpus[number % len(gpus)] if gpus else None)
        running: set[subprocess.Popen[bytes]] = set()
        stopping = threading.Event()

        def work(name: str) -> None:
            device = devices.get()
            environment = {**thread_limits(workers), **os.environ}
            if device is not None:
                environment["CUDA_VISIBLE_DEVICES"] = device
            print(f"{name} ... (log: {folder.log(name)})", flush=True)
            code = 0
            for _ in range(self.retries + 1):
                with (
                    open(folder.log(name), "ab") as log,
                    subprocess.Popen(
                        [*command, f"--only={name}"],
                        env=environment,
                        stdin=subprocess.PIPE,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    ) as process,
                ):
                    running.add(process)
                    if stopping.is_set():
                        process.terminate()
                    code = process.wait()
                    running.remove(process)
                if stopping.is_set():
                    return
                if code >= 0:
                    break
                print(f"{name}: its process was killed by signal {-code}", flush=True)
            devices.put(device)
            if code < 0:
                folder.fail(name, f"its process was killed {self.retries + 1} times")
            elif code not in (0, 130):  # 130: Ctrl-C, which is no failure
                folder.fail(name, folder.reason(name) or _last_line(folder.log(name)) or f"exit code {code}")
            self.report(study, name)

        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(work, name) for name in names]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                stopping.set()
                for process in list(running):
                    process.terminate()
                pool.shutdown(cancel_futures=True)
                raise


def thread_limits(workers: int) -> dict[str, str]:
    """Variables by which each of several processes on this machine takes its share of the cores."""
    share = str(max(1, len(os.sched_getaffinity(0)) // workers))
    return {"OMP_NUM_THREADS": share, "TF_NUM_INTRAOP_THREADS": share}


def _gpus() -> list[str]:
    """Names of the GPUs that this process may use, for CUDA_VISIBLE_DEVICES."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [part for part in visible.split(",") if part.strip()]
    import keras

    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    return [str(number) for number in range(len(tf.config.list_physical_devices("GPU")))]


def _last_line(log: Path) -> str:
    lines = []
    with contextlib.suppress(OSError):
        lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "").removeprefix(
        "keras-selectivity: "
    )


def _end_with_parent() -> None:
    """Ends this process when its standard input closes, as it does when the parent ends in whatever way."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    from keras_selectivity.cli import main

    _end_with_parent()
    sys.exit(main())
