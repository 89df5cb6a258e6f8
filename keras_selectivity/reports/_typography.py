"""How numbers are set: one minus sign, powers of ten, and per cent."""

import re

# A hyphen that begins a number, not one inside a name such as `a-1`; "−" is what figures draw.
_MINUS = re.compile(r"(?<![\w-])-(?=[\d.∞])|(?<= )-(?= α)")
_POWER = re.compile(r"(?<=\d)e([+-])0*(\d+)\b")
_PER_CENT = re.compile(r"(?<=\d) ?%")
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def minus(text: str) -> str:
    """A text whose numbers have the sign U+2212, and whose powers of ten are written as such."""
    powers = _POWER.sub(lambda found: f"·10{'⁻' * (found[1] == '-')}{found[2].translate(_RAISED)}", text)
    return _MINUS.sub("−", powers)


def typeset(text: str) -> str:
    """As `minus`, and with a thin space before every "%"."""
    return _PER_CENT.sub("\u202f%", minus(text))
