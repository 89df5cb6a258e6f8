from ._engine import Engine as Engine
from ._here import Here as Here
from ._processes import Processes as Processes
from ._ray import Ray as Ray
from ._vectorized import Vectorized as Vectorized
