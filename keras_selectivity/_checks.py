"""Checks of arguments that several rooms make."""

import numpy as np

from keras_selectivity._errors import InputError


def whole_number(name, value, least):
    """The value as int.

    Raises:
        InputError: It is no whole number of at least `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}; got {value!r}.")
    return int(value)
