"""Runs the command line on JAX as if TensorFlow, its data sets and the tuner were not installed.

Run by test_backends, with the arguments of the command line.
"""

import sys


class Blocked:
    """Makes the imports of what needs TensorFlow fail."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in (
            "tensorflow",
            "tensorflow_datasets",
            "keras_tuner",
            "tensorboard",
            "cv2",
        ):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


if __name__ == "__main__":
    sys.meta_path.insert(0, Blocked())
    from keras_selectivity.cli import main

    sys.exit(main())
