"""The reference of the command line: the help of every command, as it prints it."""

import os
import re
import subprocess
import sys

from mkdocs.structure.files import File

_COMMAND = re.compile(r"^    (\w+) +\S", re.MULTILINE)
_GROUPS = ("study", "data")


def on_files(files, config):
    """Adds the page."""
    parts = [
        "# Command line",
        "Every command has `--help` with an example. `keras-selectivity --print-completion bash` (or `zsh`) prints a "
        "script that completes commands and options in your shell.",
        "| exit code | means |\n|---|---|\n| 0 | done |\n| 1 | a run or a trial failed, or the machine lacks space or memory |\n"
        "| 2 | something in the input is wrong: one line says what, and what to do |\n| 130 | interrupted by Ctrl-C |",
        _block(_help()),
    ]
    for command in commands():
        parts += [f"## {' '.join(command)}", _block(_help(*command))]
    files.append(File.generated(config, "reference/command_line.md", content="\n\n".join(parts)))
    return files


def commands() -> list[tuple[str, ...]]:
    """All commands, such as `("train",)` and `("study", "run")`."""
    found = []
    for name in _COMMAND.findall(_help()):
        found += (
            [(name, action) for action in _COMMAND.findall(_help(name))] if name in _GROUPS else [(name,)]
        )
    return found


def _help(*words):
    run = [sys.executable, "-m", "keras_selectivity", *words, "--help"]
    environment = {**os.environ, "COLUMNS": "92", "NO_COLOR": "1"}
    return subprocess.run(run, env=environment, check=True, capture_output=True, text=True).stdout


def _block(text):
    return f"```text\n{text.rstrip()}\n```"
