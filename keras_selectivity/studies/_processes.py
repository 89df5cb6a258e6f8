"""Runs of a study in processes of their own on this machine, which end when the one that started them does."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from keras_selectivity._checks import whole_number


def run_in_processes(study, folder, names, options, *, workers, retries, report):
    """One process per run, `workers` at a time, each with its share of the cores and one GPU if there are any.

    Args:
        study: A `Study`.
        folder: A `RunsFolder`.
        names: Names of the runs.
        options: Options of the command line, name -> value.
        workers: Number of processes at a time.
        retries: How often a run is started again whose process was killed.
        report: Function of study, folder and name, called for every run that has ended.
    """
    workers = min(whole_number("workers", workers, 1), len(names))
    command = [
        sys.executable, "-m", __name__, "study", "run", str(folder.study_file), "--runs", str(folder.path),
        *(f"--{name.replace('_', '-')}={value}" for name, value in options.items()),
    ]  # fmt: skip
    gpus, devices = _gpus(), queue.SimpleQueue()
    for number in range(workers):
        devices.put(gpus[number % len(gpus)] if gpus else None)
    running, stopping = set(), threading.Event()

    def work(name):
        device = devices.get()
        environment = {**thread_limits(workers), **os.environ}
        if device is not None:
            environment["CUDA_VISIBLE_DEVICES"] = device
        print(f"{name} ... (log: {folder.log(name)})", flush=True)
        code = None
        for _ in range(retries + 1):
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
            folder.fail(name, f"its process was killed {retries + 1} times")
        elif code not in (0, 130):  # 130: Ctrl-C, which is no failure
            folder.fail(name, folder.reason(name) or _last_line(folder.log(name)) or f"exit code {code}")
        report(study, folder, name)

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


def thread_limits(workers):
    """Variables by which each of several processes on this machine takes its share of the cores."""
    share = str(max(1, len(os.sched_getaffinity(0)) // workers))
    return {"OMP_NUM_THREADS": share, "TF_NUM_INTRAOP_THREADS": share}


def _gpus():
    """Names of the GPUs that this process may use, for CUDA_VISIBLE_DEVICES."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [part for part in visible.split(",") if part.strip()]
    import keras

    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    return [str(number) for number in range(len(tf.config.list_physical_devices("GPU")))]


def _last_line(log):
    lines = []
    with contextlib.suppress(OSError):
        lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "").removeprefix(
        "keras-selectivity: "
    )


def _end_with_parent():
    """Ends this process when its standard input closes, as it does when the parent ends in whatever way."""

    def wait():
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    from keras_selectivity.cli import main

    _end_with_parent()
    sys.exit(main())
