"""Runs the command line, and kills this process as soon as a file has appeared that no earlier one of them has written.

Run by test_runner: started until it exits, it visits every boundary between two files of a study.
"""

import os
import signal
import sys
from pathlib import Path


def main(seen, arguments):
    """Runs a command; `seen` is the file with the names at which a process was killed already."""
    replace = os.replace

    def replace_and_die(source, target, **options):
        replace(source, target, **options)
        name = Path(target).name
        known = seen.read_text().splitlines() if seen.exists() else []
        if name not in known and not name.endswith(".old"):
            seen.write_text("\n".join([*known, name]))
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace_and_die
    from keras_selectivity.cli import main as run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
