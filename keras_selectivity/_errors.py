"""The exceptions that stand for a user's mistake, or a damaged file, rather than a defect of ours."""


class InputError(ValueError):
    """Bad input, with a message that says what is wrong and what to do.

    The command line prints the message as one line and exits with code 2; from Python it is an
    ordinary `ValueError`.
    """


class DamagedError(InputError):
    """A file that this package wrote is damaged or gone; doing its piece again replaces it."""
