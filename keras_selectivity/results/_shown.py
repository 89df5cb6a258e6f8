"""How a quantity is shown beside others in a table of networks."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any


@dataclass(frozen=True)
class Column:
    """A column of the table of networks in the terminal and on the page.

    Attributes:
        heading: Its heading.
        quantity: The `measure` of the rows that it shows.
        where: Further columns of the results, and the value that they must have.
        format: How to show a value.
        evaluation: Which evaluation the rows must come from; `None` for any.
        begins: What `perturbation` must begin with, for a column for every one that does; the rest of its name stands
            for `{}` in the heading.
    """

    heading: str
    quantity: str
    where: Mapping[str, Any] = field(default_factory=dict)
    format: str = "{:.2%}"
    evaluation: str | None = None
    begins: str = ""
