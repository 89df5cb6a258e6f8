"""What a claim of a paper is, and the networks that the papers speak of."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_selectivity.claims._kinds import Check
from keras_selectivity.claims._kinds import Every
from keras_selectivity.claims._kinds import Inside
from keras_selectivity.claims._kinds import Shift
from keras_selectivity.claims._rows import Lacking
from keras_selectivity.claims._rows import Rows
from keras_selectivity.claims._rows import Values
from keras_selectivity.claims._rows import more_alphas

R18, R20, VGG, R50 = (("resnet18",), ("resnet20",), ("vgg16",), ("resnet50",))
# Where all that is claimed for ResNet18 and ResNet20 was tested
BOTH = R18 + R20
ALL = (*BOTH, *VGG, *R50)

# S (A.2) finds that training takes about as long for −2 to 0.7 (ResNet20) and −2 to 1 (ResNet18); W and A print no
# range.
LESS, MORE = (-2.0, 0.0), (0.0, 2.0)


@dataclass(frozen=True)
class Claim:
    """A claim of a paper.

    Attributes:
        name: Short name.
        paper: `"S"`, `"W"`, `"A"`, `"P"`, or `"O"` for ours.
        where: Section, figure or table.
        statement: The claim, in our words.
        theirs: The paper's number, and what is taken for it where the paper prints none.
        about: Networks that it is about, names of `POPULATIONS`.
        check: Function of `Rows` that returns a `Check`, or raises `Lacking`.
        learned: Whether networks that failed to learn are left out.
        adversarial: Whether gradient masking would decide it instead.
        extends: Whether it can be asked of a network that no paper speaks of, as an extension.
    """

    name: str
    paper: str
    where: str
    statement: str
    theirs: str
    about: tuple[str, ...]
    check: Callable[[Rows], Check]
    learned: bool = False
    adversarial: bool = False
    extends: bool = True


Get = Callable[[Rows], Values]


def slope(
    get: Get, side: tuple[float, float], theirs: float, unit: str, interest: float = 0.0
) -> Callable[[Rows], Check]:
    """A check of slopes by seed over one side of alpha."""
    what = f"slopes over α from {side[0]:g} to {side[1]:g}"
    return lambda rows: Shift(get(rows).slope(*side), theirs, f"{unit} per unit of α", interest, what)


def contrast(
    get: Get, alpha: float, theirs: float, unit: str = " points", interest: float = 0.0
) -> Callable[[Rows], Check]:
    """A check of an alpha against alpha = 0, within seeds."""
    return lambda rows: Shift(get(rows).contrast(alpha), theirs, unit, interest, f"at α = {alpha:g}")


def unchanged(values: Values, alphas: list[float], margin: float, unit: str = " points") -> Check:
    """A check that no alpha differs from alpha = 0 by as much as a margin.

    Raises:
        Lacking: There is no such alpha.
    """
    return every(
        [Inside(values.contrast(a), -margin, margin, unit, f"at α = {a:g}", signed=True) for a in alphas],
        more_alphas("another α than 0 in the range of the claim"),
    )


def every(parts: list[Check], needs: str) -> Check:
    """A check of several parts, all of which must hold.

    Raises:
        Lacking: There are none.
    """
    if not parts:
        raise Lacking(needs)
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


def signs(values: Values, magnitude: float, theirs: float, unit: str = " points") -> Check:
    """A check of +alpha against -alpha, within seeds."""
    what = f"+{magnitude:g} against −{magnitude:g}"
    return Shift(values.contrast(magnitude, -magnitude), theirs, unit, what=what)


def both_sides(
    names: tuple[str, str],
    paper: str,
    where: str,
    statement: str,
    get: Get,
    theirs: tuple[float, float],
    unit: str,
    about: tuple[str, ...] = BOTH,
    printed: str = "",
    **flags: bool,
) -> tuple[Claim, Claim]:
    """Two claims, of less and of more selectivity, since each side of alpha is a test of its own.

    Args:
        names: Names of the two.
        paper, where, about: As in `Claim`.
        statement: Says with `{}` where less, or more, selectivity stands, and what the paper says of it.
        get: Of rows, the values.
        theirs: Slopes per unit of alpha on either side: the paper's, or what is taken for them.
        unit: Unit of the values.
        printed: What the paper prints; if it prints a direction alone, left out.
        flags: As in `Claim`.
    """
    taken = "taken as {:+.3g}{} per unit of α"
    made = []
    for name, side, word, number in zip(names, (LESS, MORE), ("below", "above"), theirs, strict=True):
        size = taken.format(number, unit)
        size = f"{printed}; {size}" if printed else f"a direction; {size}"
        check = slope(get, side, number, unit)
        made.append(Claim(name, paper, where, statement.format(word), size, about, check, **flags))
    return made[0], made[1]


def nearest(values: Values, low: float, high: float, to: float) -> float:
    """The alpha of a range that is nearest to one; of two as near, the milder.

    Raises:
        Lacking: There is none.
    """
    alphas = values.alphas(low, high)
    if not alphas:
        raise Lacking(more_alphas(f"an α from {low:g} to {high:g}"))
    return min(alphas, key=lambda alpha: (round(abs(alpha - to), 9), abs(alpha)))


INFINITE = float(np.inf)
