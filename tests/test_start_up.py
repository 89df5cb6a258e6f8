"""What TensorFlow says when it starts is kept off the terminal; whatever else is written to it is not lost."""

import os
import subprocess
import sys

import pytest

NATIVE = "I0000 00:00:1795703539.721252    9348 port.cc:153] oneDNN custom operations are on."


def run(script):
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


BLOCK = f"""
import faulthandler, os, sys
from keras_selectivity._start_up import native_log_withheld
with native_log_withheld() as withheld:
    os.write(2, b"{NATIVE}\\n")
    print("from Python", file=sys.stderr)
    %s
print("after", file=sys.stderr)
"""


def test_native_lines_are_dropped_and_others_are_not():
    assert run(BLOCK % "pass").stderr == "from Python\nafter\n"


def test_all_lines_are_shown_when_asked_for():
    assert run(BLOCK % "withheld.complete = True").stderr == f"{NATIVE}\nfrom Python\nafter\n"


def test_all_lines_are_shown_after_an_error():
    done = run(BLOCK % "raise ImportError('no library')")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{NATIVE}\nfrom Python\n") and "ImportError: no library" in done.stderr


def test_a_process_that_dies_says_where():
    done = run(BLOCK % "os.abort()")
    assert done.returncode < 0 and "Fatal Python error: Aborted" in done.stderr


def test_the_descriptor_is_the_one_of_before():
    before = os.fstat(2)
    from keras_selectivity._start_up import native_log_withheld

    with native_log_withheld():
        assert os.fstat(2).st_ino != before.st_ino
    assert os.fstat(2) == before


def test_a_closed_descriptor_does_not_matter():
    withheld = "from keras_selectivity._start_up import native_log_withheld\nwith native_log_withheld(): print(1 + 1)"
    done = run(f"import os; os.close(2)\n{withheld}")
    assert (done.returncode, done.stdout) == (0, "2\n")


@pytest.mark.slow
def test_tensorflow_starts_in_silence():
    script = (
        "from keras_selectivity._start_up import quieten; quieten()\n"
        "import tensorflow as tf; print(float(tf.constant(2.0) + 1))"
    )
    done = run(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3.0\n", "")
    # Without it there is something to be silent about.
    assert run("import tensorflow").stderr
