"""Names of types that annotations share; Keras and TensorFlow bring none that a checker can use."""

import os
from typing import TYPE_CHECKING
from typing import Any
from typing import TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
else:
    Array = Any  # NumPy takes longer to import than the command line has for its help

# A tensor of the backend, or a symbolic one of Keras
Tensor: TypeAlias = Any
# What `keras.Model`, its layers and its optimizers are to a checker
KerasObject: TypeAlias = Any
StrPath: TypeAlias = str | os.PathLike[str]
