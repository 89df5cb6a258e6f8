"""The contract of a measurement: its settings, the pieces that it is done in, and what its rows report."""

import abc
import math
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

from keras_selectivity._settings import Settings
from keras_selectivity._types import Array
from keras_selectivity.results import Column

if TYPE_CHECKING:
    from keras_selectivity.measurements._context import Context
    from keras_selectivity.measurements._context import Samples
    from keras_selectivity.measurements._evaluation import Evaluation

# What a measurement may declare to use, besides the test images
NEEDS = frozenset({"labels", "validation", "networks", "corrupted"})
# A row of the results, without the columns that all rows of its piece share
Row = dict[str, Any]


@dataclass(frozen=True)
class Quantity:
    """What rows report under one name.

    Attributes:
        name: The `measure` of the rows.
        unit: `"fraction"`, `"bits"`, `"images"`, ..., or `"1"` for a number without unit.
        format: How to show a value.
    """

    name: str
    unit: str = "1"
    format: str = "{:.4f}"


@dataclass(frozen=True)
class Piece:
    """Rows that are measured, and appear in the results, together.

    Attributes:
        measure: Function of a network's name and of what `prepare` returned, or of the list of what the `parts` did;
            returns its rows.
        samples: What it is measured on.
        protocol: What it took to make the rows, besides the name of the measurement, the seed and the samples: JSON
            values.
        perturbation: What was done to the images, or `None`.
        severity: Of a corruption, from 1 to 5, or `None`.
        other: Name of the network that a network is compared with, or `None`.
        networks: Names of the networks that the piece is about; `None` for all.
        prepare: Function that returns what all networks share, such as corrupted images. It is called in another
            thread, while the piece before is measured, and only if some network lacks the piece.
        parts: What a piece that takes long is done in, name -> function of a network's name and of what `prepare`
            returned that returns named arrays. Those are kept until the piece is finished, so that one that was
            interrupted resumes with the next part. A name says which samples it is about and can stand in a file's
            name.
    """

    measure: Callable[[str, Any], list[Row]]
    samples: "Samples"
    protocol: Mapping[str, Any] = field(default_factory=dict)
    perturbation: str | None = None
    severity: int | None = None
    other: str | None = None
    networks: tuple[str, ...] | None = None
    prepare: Callable[[], Any] | None = None
    parts: Mapping[str, Callable[[str, Any], Mapping[str, Array]]] = field(default_factory=dict)


class Measurement(Settings, abc.ABC):
    """Something to measure on trained networks; an instance holds its settings.

    The first line of a subclass's docstring tells what it measures, in the help of the command line too.

    Attributes:
        name: Its table in a study file, `[evaluation.NAME]`, its options on the command line, `--NAME.SETTING`, and
            the `evaluation` in the protocol of its rows.
        reports: Everything that its rows report.
        columns: What it adds to the table of networks.
        needs: What it uses besides the test images: `"labels"`, `"validation"` (the samples that a network's training
            held out), `"networks"` (others to compare with) and `"corrupted"` (versions of the images).
        compares: Whether it is about pairs of networks alone, so that a study does all of it when all are trained. Of
            others that need `"networks"` it does then the pieces with an `other`.
    """

    name: ClassVar[str]
    reports: ClassVar[tuple[Quantity, ...]]
    columns: ClassVar[tuple[Column, ...]] = ()
    needs: ClassVar[frozenset[str]] = frozenset()
    compares: ClassVar[bool] = False

    def check(self, evaluation: "Evaluation") -> None:
        """Refuses settings that do not go together with those of the evaluation.

        Raises:
            SettingError: Naming the setting.
        """

    @abc.abstractmethod
    def pieces(self, context: "Context") -> Iterator[Piece]:
        """The pieces of the measurement; nothing is measured until `Piece.measure` is called.

        Args:
            context: Networks, samples and options.
        """


def row(measure: str, value: Any, **columns: Any) -> Row:
    """A row; a value that is undefined (NaN, infinite, or `None`) is an empty cell."""
    number = None if value is None else float(value)
    return {
        **columns,
        "measure": measure,
        "value": number if number is None or math.isfinite(number) else None,
    }
