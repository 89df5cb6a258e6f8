"""What errors of the machine mean for who started a command."""

import errno
import os
import re
import sys

# Of the machine rather than of what was named on the command line
_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def explain(error: BaseException) -> tuple[str, int] | None:
    """Tells an error of the machine or its installation in one line.

    Args:
        error: An exception.

    Returns:
        `(message, exit code)`: 2 if another path will do, 1 if the machine lacks space, memory or TensorFlow; `None`
        for an exception of another kind, which is a defect of ours.
    """
    if isinstance(error, ModuleNotFoundError) and str(error.name).startswith("tensorflow"):
        return "TensorFlow is not installed: pip install 'keras_selectivity[tensorflow]'.", 1
    if isinstance(error, MemoryError):
        return "There is not enough memory. Use fewer samples or smaller batches.", 1
    if isinstance(error, OSError):
        reason = os.strerror(error.errno) if error.errno else str(error).partition("\n")[0]
        paths = " -> ".join(str(path) for path in (error.filename, error.filename2) if path is not None)
        code = 1 if error.errno in _MACHINE else 2
        advice = "Choose another path." if code == 2 else "Nothing that was finished is lost."
        return f"{paths or 'A file'} cannot be used: {reason}. {advice}", code
    tf = sys.modules.get("tensorflow")
    if tf is None or not isinstance(error, tf.errors.OpError):
        return None
    reason = re.sub(r"\{\{.*?\}\} ", "", (error.message or "").partition("\n")[0])
    # Out of range is what TensorFlow calls a file that is larger than may be.
    if isinstance(error, tf.errors.ResourceExhaustedError | tf.errors.OutOfRangeError):
        return f"There is not enough memory or disk space: {reason}. Nothing that was finished is lost.", 1
    of_files = tf.errors.NotFoundError | tf.errors.PermissionDeniedError | tf.errors.AlreadyExistsError
    if isinstance(error, of_files | tf.errors.FailedPreconditionError):
        return f"A file cannot be used: {reason}. Choose another path.", 2
    return None
