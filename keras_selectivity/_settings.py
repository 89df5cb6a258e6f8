"""Kinds of settings: what each may be, how the command line writes it, and the error that says so."""

import re
import reprlib
from dataclasses import MISSING
from dataclasses import field
from dataclasses import fields

from keras_selectivity._errors import InputError

_MOST = 2**31 - 1
# Neither NUL, which no path may hold, nor halves of characters, which cannot be printed
_ANY = r"[^\0\ud800-\udfff]"


class SettingError(InputError):
    """A setting will not do; `setting` is its name."""

    def __init__(self, setting, message):
        super().__init__(message)
        self.setting = setting


class Kind:
    """What a setting may be.

    Attributes:
        said: What is allowed, to follow "must be".
        metavar: What stands for it in the help of the command line.
    """

    said = "a value"
    metavar: str | None = None

    def accepts(self, value):
        """Whether the setting may have this value."""
        raise NotImplementedError

    def parse(self, text):
        """The value that a word on the command line stands for.

        Raises:
            ValueError: It stands for none.
        """
        return text

    def refusal(self, name, value):
        """The message that refuses a value."""
        return f"{name} must be {self.said}. Received: {_short(value)}."

    def check(self, name, value):
        """Raises `SettingError` unless the value is accepted."""
        if not self.accepts(value):
            raise SettingError(name, self.refusal(name, value))


class Flag(Kind):
    """True or false."""

    said = "true or false"

    def accepts(self, value):
        """Whether it is a bool."""
        return isinstance(value, bool)


class Whole(Kind):
    """A whole number from `least` to `most`."""

    metavar = "N"
    parse = staticmethod(int)

    def __init__(self, least, most=_MOST):
        self.least, self.most = least, most

    @property
    def said(self):
        """The range."""
        return f"a whole number of at least {self.least}" + (
            f" and at most {self.most}" if self.most != _MOST else ""
        )

    def accepts(self, value):
        """Whether it is an int, not a bool, in the range."""
        return isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most


class Number(Kind):
    """A finite number in an interval, written as in `"[0, 1)"`."""

    metavar = "X"
    parse = staticmethod(float)

    def __init__(self, interval):
        self.interval = interval
        self._low, self._high = (float(part.strip("[]() ")) for part in interval.split(","))

    @property
    def said(self):
        """The interval."""
        return f"a finite number in {self.interval}"

    def accepts(self, value):
        """Whether it is an int or float, not a bool, in the interval."""
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not self._low <= value <= self._high
        ):
            return False
        ends = {self._low: self.interval[0] == "[", self._high: self.interval[-1] == "]"}
        return ends.get(value, True)


class Choice(Kind):
    """One of some names.

    Args:
        names: A tuple, or a function that returns one, where that is costly to import.
    """

    def __init__(self, names):
        self._names = names

    @property
    def names(self):
        """The names."""
        return self._names() if callable(self._names) else self._names

    @property
    def said(self):
        """The names there are."""
        return f"one of {', '.join(self.names)}"

    def accepts(self, value):
        """Whether it is one of the names."""
        return isinstance(value, str) and value in self.names

    def refusal(self, name, value):
        """The message that refuses a value."""
        return f"Unknown {name} {_short(value)}. Choose one of {', '.join(self.names)}."


class Text(Kind):
    """Text that is not empty, such as a name.

    Args:
        pattern: Regular expression that it must match as a whole.
        said: What that allows.
    """

    metavar = "NAME"

    def __init__(self, pattern=rf"{_ANY}*[^\s\0\ud800-\udfff]{_ANY}*", said="text that is not empty"):
        self._pattern, self.said = re.compile(pattern), said

    def accepts(self, value):
        """Whether it is text that matches."""
        return isinstance(value, str) and self._pattern.fullmatch(value) is not None


class Folder(Text):
    """The path of a folder."""

    metavar = "DIR"


class Items(Kind):
    """A list, not empty and without repetitions; on the command line with commas.

    Args:
        kind: What each of its values may be.
        of: What they are called together.
        rising: Whether each must be larger than the one before.
        empty: Whether it may be empty.
    """

    def __init__(self, kind, of, rising=False, empty=False):
        self.kind, self.of, self.rising, self.empty = kind, of, rising, empty

    @property
    def said(self):
        """What its values may be."""
        order = "each larger than the one before" if self.rising else "none twice"
        return (
            f"a list of {self.of}{'' if self.empty else ' that is not empty'}, each {self.kind.said}, {order}"
        )

    def accepts(self, value):
        """Whether it is a list or tuple of such values."""
        if not isinstance(value, list | tuple) or not (value or self.empty):
            return False
        if not all(map(self.kind.accepts, value)) or len(set(value)) < len(value):
            return False
        return not self.rising or list(value) == sorted(value)

    @property
    def metavar(self):
        """Two of them."""
        part = self.kind.metavar or "NAME"
        return f"{part},{part}"

    def parse(self, text):
        """The values between the commas."""
        return tuple(self.kind.parse(part) for part in text.split(","))

    def refusal(self, name, value):
        """The message that refuses a value, or one of its values."""
        for position, part in enumerate(value if isinstance(value, list | tuple) else ()):
            if not self.kind.accepts(part):
                return self.kind.refusal(f"{name}[{position}]", part)
        return super().refusal(name, value)


class Fields(Kind):
    """A list of as many values as there are kinds; on the command line with commas."""

    def __init__(self, *kinds):
        self.kinds = kinds

    @property
    def said(self):
        """What each of its values may be."""
        return f"a list of {len(self.kinds)}: {'; '.join(kind.said for kind in self.kinds)}"

    def accepts(self, value):
        """Whether it is a list or tuple of such values."""
        return (
            isinstance(value, list | tuple)
            and len(value) == len(self.kinds)
            and all(kind.accepts(part) for kind, part in zip(self.kinds, value, strict=True))
        )

    def parse(self, text):
        """The values between the commas."""
        parts = text.split(",")
        return tuple(kind.parse(part) for kind, part in zip(self.kinds, parts, strict=True))


class AnyOf(Kind):
    """What one of several kinds accepts; on the command line, of the first that accepts the word."""

    def __init__(self, *kinds):
        self.kinds = kinds

    @property
    def said(self):
        """What all of them accept."""
        return " or ".join(kind.said for kind in self.kinds)

    def accepts(self, value):
        """Whether one of them accepts it."""
        return any(kind.accepts(value) for kind in self.kinds)

    def parse(self, text):
        """The value of the first kind that accepts it."""
        return next((v for kind in self.kinds if kind.accepts(v := kind.parse(text))), text)


def setting(kind, default=MISSING, optional=False):
    """A field of a dataclass of settings, which may be `None` if it is optional or that is its default."""
    return field(default=default, metadata={"kind": kind, "optional": optional or default is None})


def kinds(settings):
    """Name -> `Kind` of the fields of a dataclass of settings."""
    return {each.name: each.metadata["kind"] for each in fields(settings)}


def check_settings(settings):
    """Refuses a dataclass of settings with a value that its declaration does not allow.

    Raises:
        SettingError: Naming the first, what was received, and what is allowed.
    """
    for each in fields(settings):
        value = getattr(settings, each.name)
        if value is not None or not each.metadata["optional"]:
            each.metadata["kind"].check(each.name, value)


def _short(value):
    short = reprlib.Repr()
    short.maxstring = short.maxother = 80
    return short.repr(value)
