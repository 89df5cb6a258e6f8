"""Processes that wait where a test wants to end them: between two files, whatever the machine's speed."""

import contextlib
import os
import subprocess
import time
from pathlib import Path


class Pause:
    """Makes every Python that is started with its environment wait before it publishes a file.

    Args:
        folder: An empty folder for what the processes say.
        before: How the path of the file ends.
        passing: How often a process may publish such a file before it waits.
    """

    def __init__(self, folder, before, passing=0):
        self.folder = Path(folder)
        self.folder.mkdir()
        self.environment = {
            "PYTHONPATH": os.pathsep.join(
                [str(Path(__file__).with_name("pausing")), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
            "PAUSE_BEFORE": str(before),
            "PAUSE_PASSING": str(passing),
            "PAUSE_FOLDER": str(folder),
        }

    def wait(self, count=1, process=None):
        """Ids of the processes that wait, once there are so many.

        Args:
            count: Number of processes.
            process: A `Popen` that must not end before.
        """
        while len(found := sorted(self.folder.glob("*.waits"))) < count:
            assert process is None or process.poll() is None, "the process ended before it came there"
            time.sleep(0.02)
        return [int(path.stem) for path in found]

    def release(self):
        """Lets all go on, and none wait from now on."""
        (self.folder / "go").touch()


@contextlib.contextmanager
def stopped(arguments, pause, how):
    """A process that was sent a signal where `pause` makes it wait; its errors can be read."""
    environment = {**os.environ, **pause.environment}
    with subprocess.Popen(
        arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        pause.wait(process=process)
        process.send_signal(how)
        yield process
