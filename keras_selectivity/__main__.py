"""`python -m keras_selectivity` is `keras-selectivity`."""

import sys

from keras_selectivity.cli import main

if __name__ == "__main__":
    sys.exit(main())
