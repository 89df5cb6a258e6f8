"""Settings declared once: types, ranges and documentation, and the error that names a setting that will not do."""

import re
import reprlib
from collections.abc import Collection
from typing import Annotated
from typing import Any
from typing import Self
from typing import TypeVar

from pydantic import AfterValidator
from pydantic import BaseModel
from pydantic import BeforeValidator
from pydantic import ConfigDict
from pydantic import Field
from pydantic import TypeAdapter
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_core import PydanticCustomError

from keras_selectivity._errors import InputError

T = TypeVar("T")


class SettingError(InputError):
    """A setting will not do; `setting` is its name, or `None` if it is the whole."""

    def __init__(self, setting: str | None, message: str) -> None:
        super().__init__(message)
        self.setting = setting


class Settings(BaseModel):
    """Settings that are checked when they are made, and do not change.

    A subclass declares each as an annotated attribute with a docstring below it. `None` is allowed where the
    annotation says so.

    Args:
        values: Values of the first settings, in the order of their declaration.
        named: Values by name.

    Raises:
        SettingError: A value is of the wrong type or out of its range, or a name is unknown.
    """

    model_config = ConfigDict(
        strict=True,  # no "5" for 5, no 1 for True
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    def __init__(self, *values: Any, **named: Any) -> None:
        names = list(type(self).model_fields)
        if len(values) > len(names):
            raise TypeError(
                f"{type(self).__name__} has {len(names)} settings. Received: {len(values)} values."
            )
        try:
            super().__init__(**dict(zip(names, values, strict=False)), **named)
        except ValidationError as error:
            raise setting_error(error, names) from None

    def replace(self, **changes: Any) -> Self:
        """The same settings but for some, checked anew."""
        return type(self)(**{**dict(self), **changes})

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return self.model_dump(mode="json")


def setting_error(error: ValidationError, known: Collection[str]) -> SettingError:
    """The first error that pydantic found, in a sentence.

    Args:
        error: What it raised.
        known: Names of all settings.
    """
    first = error.errors(include_url=False)[0]
    place = first["loc"]
    name = str(place[0]) if place else None
    raised = first.get("ctx", {}).get("error")
    if isinstance(raised, SettingError):  # of a check of several settings together
        return raised
    if raised is not None:  # of a check of ours
        return SettingError(name, str(raised))
    if first["type"] == "extra_forbidden":
        allowed = f"Allowed are {', '.join(sorted(known))}" if known else "There are no settings"
        return SettingError(name, f"unknown {_shown(name)}. {allowed}.")
    if first["type"] == "missing" and len(place) == 1:
        return SettingError(name, f"missing {name}.")
    return SettingError(name, _sentence(name or "The value", place[1:], first))


def from_text(name: str, annotation: Any, text: str) -> Any:
    """The value of a setting that a word on the command line stands for; several values are separated by commas.

    Raises:
        SettingError: It stands for none.
    """
    adapter = TypeAdapter(dict[str, annotation], config=ConfigDict(allow_inf_nan=False))
    refused = []
    for candidate in (text, text.split(",")):
        try:
            return adapter.validate_python({name: candidate})[name]
        except ValidationError as error:
            refused.append(error)
    # A list that has a bad item is refused for that item, a single value for itself.
    listed = all(found["type"] in ("tuple_type", "none_required") for found in refused[0].errors())
    raise setting_error(refused[int(listed)], ())


def _sentence(name: str, inside: tuple[int | str, ...], error: ErrorDetails) -> str:
    place = name + "".join(f"[{part}]" for part in inside if isinstance(part, int))
    message = re.sub("^(Input|Value|String) should", "must", error["msg"])
    message = message.replace("a valid tuple", "a list").replace("Field required", "is missing")
    short = reprlib.Repr()
    short.maxstring = short.maxother = 80
    return f"{place} {message}. Received: {short.repr(error['input'])}."


def _shown(name: str | None) -> str:
    return str(name) if str(name).isprintable() else repr(name)


def _must_be(text: str) -> PydanticCustomError:
    return PydanticCustomError("must_be", "must be {text}", {"text": text})


def _none_twice(values: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(values)) < len(values):
        raise _must_be("a list that has none twice")
    return values


def _rising(values: tuple[T, ...]) -> tuple[T, ...]:
    if list(values) != sorted(values):  # type: ignore[type-var]
        raise _must_be("a list in which each is larger than the one before")
    return values


def _printable(text: str) -> str:
    # NUL may be in no path, and halves of characters cannot be printed.
    if not text.strip() or re.search(r"[\0\ud800-\udfff]", text):
        raise _must_be("text that is not empty")
    return text


def one_of(names: Any, what: str) -> AfterValidator:
    """Refuses text that is not among names, which are a function's, where it is costly to import.

    Args:
        names: A function that returns them.
        what: What they are, for the message.
    """

    def check(value: str) -> str:
        if value not in names():
            raise ValueError(f"Unknown {what} {value!r:.90}. Choose one of {', '.join(names())}.")
        return value

    return AfterValidator(check)


def as_tuple(value: Any) -> Any:
    """A list, as files hold them, as a tuple, which does not change."""
    return tuple(value) if isinstance(value, list) else value


Text = Annotated[str, AfterValidator(_printable)]
Folder = Annotated[Text, Field(json_schema_extra={"format": "path"})]
Whole = Annotated[int, Field(ge=0, le=2**31 - 1)]
Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Alpha = Annotated[float, Field(ge=-1e6, le=1e6)]  # scale of the regulariser
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Listed = Annotated[tuple[T, ...], BeforeValidator(as_tuple), AfterValidator(_none_twice)]
Several = Annotated[Listed[T], Field(min_length=1)]
Rising = Annotated[Listed[T], AfterValidator(_rising)]
