"""Going through samples in batches, with a progress bar."""

import keras

from keras_selectivity._checks import whole_number


def batches(samples, batch_size, verbose):
    """Slices of at most `batch_size` samples, with a progress bar unless `verbose` is 0."""
    whole_number("batch_size", batch_size, 1)
    starts = range(0, samples, batch_size)
    bar = keras.utils.Progbar(len(starts), verbose=verbose, unit_name="batch")
    for start in starts:
        yield slice(start, min(start + batch_size, samples))
        bar.add(1)
