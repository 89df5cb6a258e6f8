"""Fair timing: every contestant in a process of its own, taking turns while the others stand still."""

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time


def run(script, contestants, pairs, rounds, arguments=()):
    """Times contestants in turns and prints ratios.

    Args:
        script: File that calls `answer(step)` when it is started with `--work NAME`.
        contestants: Dict, name -> what to print for it.
        pairs: List of `(ours, other)` names.
        rounds: Number of turns.
        arguments: Further arguments of the script.
    """
    command = [sys.executable, script, *arguments, "--work"]
    options = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.DEVNULL,
        "text": True,
    }
    options |= {"env": {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}}
    options |= {"start_new_session": True}  # a contestant and its children stand still together
    workers, remarks, times = {}, {}, {name: [] for name in contestants}
    try:
        for name in contestants:
            worker = workers[name] = subprocess.Popen([*command, name], **options)
            word, _, remarks[name] = worker.stdout.readline().strip().partition(" ")
            if word != "ready":
                sys.exit(f"{contestants[name]} did not start")
            _signal(worker, signal.SIGSTOP)
        for number in range(rounds):
            for name, worker in workers.items():
                with _awake(worker):
                    worker.stdin.write("\n")
                    worker.stdin.flush()
                    times[name].append(float(worker.stdout.readline()))
            print(f"\rround {number + 1}/{rounds}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    finally:
        for worker in workers.values():
            _signal(worker, signal.SIGKILL)
    for name, title in contestants.items():
        print(f"{name:14} {title:48} {remarks[name]}")
    for ours, other in pairs:
        if ours in times and other in times:
            ratios = [a / b for a, b in zip(times[ours], times[other], strict=True)]
            low, _, high = statistics.quantiles(ratios, n=4)
            print(f"{ours} / {other}: {statistics.median(ratios):.3f} (quartiles {low:.3f} to {high:.3f})")


@contextlib.contextmanager
def _awake(worker):
    """Lets a contestant run: threads that spin between its turns would slow everybody else's."""
    _signal(worker, signal.SIGCONT)
    try:
        yield
    finally:
        _signal(worker, signal.SIGSTOP)


def _signal(worker, number):
    os.killpg(worker.pid, number)


def answer(step, warm_up=3):
    """Takes a step for every line of input and answers with its milliseconds.

    What the first step returns is sent with the word that all is ready.
    """
    remark = step()
    for _ in range(warm_up - 1):
        step()
    print("ready", "" if remark is None else remark, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print((time.perf_counter() - start) * 1e3, flush=True)
