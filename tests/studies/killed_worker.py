"""Runs the command line in one process after the other, each killed once a file appears that none before it wrote.

Run by test_runner: until a process ends by itself, they visit every boundary between two files of a study. Each is
forked from one that has imported TensorFlow and made the images, which would take most of its time.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

from keras_selectivity import SelectivityModel  # noqa: F401  TensorFlow with it
from keras_selectivity import datasets
from keras_selectivity.cli import main as run


def main(seen, arguments):
    """Exit code of the process that ended by itself; `seen` is a file for the names at which the others were killed."""
    datasets.load("shapes")
    for killed in itertools.count():
        child = os.fork()
        if not child:
            os._exit(to_the_next_file(seen, arguments))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != -signal.SIGKILL:
            assert len(seen.read_text().splitlines()) == killed, "something else has killed a process"
            return code


def to_the_next_file(seen, arguments):
    """Runs the command in this process, which is killed after the first file that `seen` does not name."""
    replace = os.replace

    def replace_and_die(source, target, **options):
        replace(source, target, **options)
        name = Path(target).name
        known = seen.read_text().splitlines() if seen.exists() else []
        if name not in known and not name.endswith(".old"):
            seen.write_text("\n".join([*known, name]))
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace_and_die
    code = run(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
