"""What a claim of a paper is."""

from collections.abc import Callable
from dataclasses import dataclass

from keras_selectivity.claims._verdicts import Finding
from keras_selectivity.results import Levels

CIFAR, TINY = ("cifar10",), ("tiny_imagenet",)


@dataclass(frozen=True)
class Claim:
    """A claim of a paper.

    Attributes:
        name: Short name.
        paper: `"S"`, `"W"`, `"A"` or `"P"`.
        where: Section, figure or table.
        statement: The claim, in our words.
        theirs: The paper's number.
        check: Function of a table that returns a `Finding`.
        datasets: Data sets that it is about.
    """

    name: str
    paper: str
    where: str
    statement: str
    theirs: str
    check: Callable[[Levels], Finding]
    datasets: tuple[str, ...] = CIFAR + TINY
