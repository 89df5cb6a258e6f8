"""Which figure, and which panel of it, draws what a figure of the papers shows.

S is "Selectivity considered harmful", W is "On the relationship between class selectivity, dimensionality, and
robustness". Figures A6, A8, A9, A12, A14 to A16, A18, A21, A23, A25, A27 and A31 to A34 of S have no caption in the
published text; the text that refers to them says what they show.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace

_BELOW, _ABOVE = "α ≤ 0", "α ≥ 0"
_18, _20, _50, _VGG = "resnet18", "resnet20", "resnet50", "vgg16"


@dataclass(frozen=True)
class Panels:
    """Panels of a figure of the papers.

    Attributes:
        figure: Paper, figure and panels, such as `"W A7ab"`.
        network: Of which network they are.
        kind: Name of the `FigureKind` that draws the same.
        panels: Letters of its panels that do; empty where it has one.
        side: Which alphas the paper shows there, if not all.
    """

    figure: str
    network: str
    kind: str
    panels: str = ""
    side: str = ""

    @property
    def paper(self) -> str:
        """`"S"` or `"W"`."""
        return self.figure.split()[0]

    @property
    def number(self) -> str:
        """Its number in the paper, without panels: `"A7"`."""
        return self.figure.split()[1].rstrip("abcdefgh")


def _both(figure: str, kind: str, panels: str, side: str = "") -> tuple[Panels, Panels]:
    """A figure whose panels a, b are of ResNet18 and c, d of ResNet20."""
    return Panels(f"{figure}ab", _18, kind, panels, side), Panels(f"{figure}cd", _20, kind, panels, side)


FIGURES: tuple[Panels, ...] = (
    Panels("S 1abc", _18, "accuracy", "ab", _BELOW),
    Panels("S 2ab", _18, "pwcca", "ab"),
    Panels("S 2c", _18, "off_axis", "a"),
    Panels("S 3abc", _18, "accuracy", "ab", _ABOVE),
    Panels("S 4a", _18, "signs"),
    Panels("S 4b", _18, "accuracy", "b"),
    *_both("S A1", "selectivity_by_layer", "ab", _BELOW),
    Panels("S A2abc", _20, "accuracy", "ab", _BELOW),
    Panels("S A3", _20, "pwcca", "b"),
    Panels("S A4a", _18, "off_axis", "b"),
    Panels("S A4b", _20, "off_axis", "a"),
    Panels("S A4c", _20, "off_axis", "b"),
    *_both("S A5", "selectivity_by_layer", "ab", _ABOVE),
    Panels("S A6", _20, "accuracy", "ab", _ABOVE),
    Panels("S A7", _18, "dead_units", "", _ABOVE),
    Panels("S A8", _20, "dead_units", "", _ABOVE),
    Panels("S A8", _20, "selectivity_of_alive", "ab", _ABOVE),
    Panels("S A9", _20, "leaky_slopes", "a", _ABOVE),
    Panels("S A10a", _18, "activity"),
    Panels("S A10b", _20, "activity"),
    Panels("S A11ab", _VGG, "selectivity_by_layer", "ab", _BELOW),
    Panels("S A12", _VGG, "accuracy", "ab", _BELOW),
    Panels("S A13ab", _VGG, "selectivity_by_layer", "ab", _ABOVE),
    Panels("S A14", _VGG, "accuracy", "ab", _ABOVE),
    Panels("S A15", _VGG, "signs"),
    Panels("S A15", _VGG, "accuracy", "b"),
    Panels("S A16", f"{_20} and {_VGG}", "architectures", "ab"),
    Panels("S A17ab", _18, "precision", "ab", _BELOW),
    Panels("S A17cd", _18, "precision", "ab", _ABOVE),
    Panels("S A17ef", _20, "precision", "ab", _BELOW),
    Panels("S A17gh", _20, "precision", "ab", _ABOVE),
    Panels("S A18", _18, "information", "ab"),
    Panels("S A18", _20, "information", "ab"),
    *_both("S A19", "discriminability_by_layer", "ab"),
    *_both("S A20", "first_three_selectivity_by_layer", "ab", _BELOW),
    *_both("S A21", "first_three_accuracy", "ab", _BELOW),
    *_both("S A22", "first_three_selectivity_by_layer", "ab", _ABOVE),
    *_both("S A23", "first_three_accuracy", "ab", _ABOVE),
    *_both("S A24", "last_three_selectivity_by_layer", "ab", _BELOW),
    *_both("S A25", "last_three_accuracy", "ab", _BELOW),
    *_both("S A26", "last_three_selectivity_by_layer", "ab", _ABOVE),
    *_both("S A27", "last_three_accuracy", "ab", _ABOVE),
    Panels("S A28a", _18, "preferred_classes", "a", _ABOVE),
    Panels("S A28b", _20, "preferred_classes", "a", _ABOVE),
    Panels("S A29a", _18, "preferred_classes", "b", _ABOVE),
    Panels("S A29b", _20, "preferred_classes", "b", _ABOVE),
    *_both("S A30", "warmup_selectivity_by_layer", "ab"),
    *_both("S A31", "warmup_accuracy", "ab"),
    Panels("S A34a", _50, "selectivity_by_layer", "b"),
    Panels("S A34b", _50, "accuracy", "a"),
    Panels("W 1ab", _18, "corruption", "ab"),
    Panels("W 1c", _18, "corruption_severity5"),
    Panels("W 2ab", _18, "attacks", "ab"),
    Panels("W 2c", _18, "jacobian"),
    Panels("W 3abc", _18, "dimensionality", "abc"),
    Panels("W A1a", _18, "accuracy", "b"),
    Panels("W A1b", _20, "accuracy", "b"),
    Panels("W A2", _18, "corruption_each"),
    Panels("W A3", _18, "corruption_trade_off"),
    Panels("W A4ab", _20, "corruption", "ab"),
    Panels("W A4c", _20, "corruption_severity5"),
    Panels("W A5", _20, "corruption_each"),
    Panels("W A6", _20, "corruption_trade_off"),
    Panels("W A7ab", _20, "attacks", "ab"),
    Panels("W A7c", _20, "jacobian"),
    Panels("W A8abc", _20, "dimensionality", "abc"),
)

# Why a figure of the papers has none here
NOT_DRAWN = {
    "S A32": "nothing in the published text says what it shows; it stands in appendix A.17, whose subject `signs` draws",
    "S A33": "nothing in the published text says what it shows; it stands in appendix A.17, whose subject `signs` draws",
}


def papers_of(kind: str) -> tuple[Panels, ...]:
    """The panels of the papers that a figure draws."""
    return tuple(each for each in FIGURES if each.kind == kind)


def of_networks(found: tuple[Panels, ...], networks: Iterable[str]) -> tuple[Panels, ...]:
    """Those of some networks, or all if the papers show none of these networks there."""
    known = set(networks)
    return tuple(each for each in found if each.network in known) or found


def drawn_in(letters: str, found: tuple[Panels, ...]) -> tuple[Panels, ...]:
    """Those that some panels draw; panels may be missing where a table has too little for them."""
    both = (replace(each, panels="".join(p for p in each.panels if p in letters)) for each in found)
    return tuple(mine for mine, each in zip(both, found, strict=True) if mine.panels or not each.panels)


def spelt(found: Iterable[Panels], panels: bool = True) -> str:
    """Figures of the papers in words, after the panels of ours that draw them."""
    groups: dict[tuple[str, str], list[str]] = {}
    for each in found:
        of = ", ".join(filter(None, (each.network, each.side)))
        groups.setdefault((each.panels if panels else "", each.paper), []).append(
            f"{each.figure.split()[1]} ({of})" if panels else each.figure.split()[1]
        )
    return "; ".join(
        f"{', '.join(mine)}{' with ' if mine else ''}Figure{'s' * (len(numbers) > 1)} {', '.join(numbers)} of {paper}"
        for (mine, paper), numbers in groups.items()
    )
