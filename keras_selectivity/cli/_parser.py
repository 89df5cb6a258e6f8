"""Parsers of the command line: options made from declared settings, paths, and errors of one line."""

import argparse
import functools
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import NoReturn

from pydantic import TypeAdapter

from keras_selectivity._errors import InputError
from keras_selectivity._paths import check_file
from keras_selectivity._paths import check_folder
from keras_selectivity._settings import SettingError
from keras_selectivity._settings import Settings
from keras_selectivity._settings import Text
from keras_selectivity._settings import from_text
from keras_selectivity._system_errors import explain

Options = argparse.Namespace
# What stands for a value in the help, by the type of its JSON schema
_METAVARS = {"integer": "N", "number": "X", "string": "NAME"}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and which declares its options when they are first needed."""

    def __init__(
        self, *arguments: Any, fill: Callable[["Parser"], None] | None = None, **options: Any
    ) -> None:
        super().__init__(*arguments, **{"formatter_class": argparse.RawDescriptionHelpFormatter, **options})
        self.register("type", None, text_of("value", Text))  # what is not said to be something else
        self._fill = fill

    def fill(self) -> None:
        """Declares the options, if that was not done before."""
        fill, self._fill = self._fill, None
        if fill is not None:
            fill(self)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As `argparse` does."""
        self.fill()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Refuses the arguments."""
        raise InputError(f"{message} (see {self.prog} --help)")


def text_of(name: str, annotation: Any) -> Callable[[str], Any]:
    """What `argparse` takes as a type, for a value of a declared type."""

    def parse(text: str) -> Any:
        try:
            return from_text(name, annotation, text)
        except SettingError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse


def path_of(check: Callable[..., Any], **options: Any) -> Callable[[str], str]:
    """What `argparse` takes as a type, for a path that `check` refuses with an `OSError`."""

    def parse(text: str) -> str:
        path = text_of("path", Text)(text)
        try:
            check(path, **options)
        except OSError as error:
            known = explain(error)
            raise argparse.ArgumentTypeError(known[0] if known else str(error)) from error
        return str(path)

    return parse


folder = path_of(check_folder)
file = path_of(check_file)
existing_folder = path_of(check_folder, write=False)


def folder_or_table(text: str) -> str:
    """A folder, or a table of results that can be written."""
    return file(text) if text.endswith((".csv", ".parquet")) else folder(text)


def add_settings(
    parser: Any, settings: type[Settings], *, names: Iterable[str] | None = None, prefix: str = ""
) -> None:
    """Declares an option for each setting of a class; what is not given is left to its default.

    Args:
        parser: A parser, or a group of options.
        settings: The class.
        names: Which settings. Defaults to all.
        prefix: What their options begin with.
    """
    for name in settings.model_fields if names is None else names:
        declared = settings.model_fields[name]
        annotation = declared.rebuild_annotation()
        option, text = "--" + (prefix + name).replace("_", "-"), (declared.description or "").rstrip(".")
        text = text[0].lower() + text[1:] if text[1:2].islower() else text
        text = text.replace("%", "%%")
        if annotation is bool:
            action = argparse.BooleanOptionalAction if declared.default else "store_true"
            parser.add_argument(option, action=action, default=None, help=text)
            continue
        default = declared.default
        if (
            not declared.is_required()
            and default is not None
            and (not isinstance(default, tuple) or len(default) < 4)
        ):
            shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
            text += f" (default: {shown})"
        parser.add_argument(
            option, type=text_of(prefix + name, annotation), metavar=_metavar(annotation), help=text
        )


def given(options: Options, settings: type[Settings], prefix: str = "") -> dict[str, Any]:
    """The settings of a class that were given on the command line."""
    found = {name: vars(options).get(prefix + name) for name in settings.model_fields}
    return {name: value for name, value in found.items() if value is not None}


@functools.cache
def _metavar(annotation: Any) -> str:
    return _of_schema(TypeAdapter(annotation).json_schema())


def _of_schema(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return _of_schema(schema["anyOf"][0])
    if "enum" in schema:
        return "{" + ",".join(schema["enum"]) + "}"
    if schema.get("format") == "path":
        return "DIR"
    if schema.get("type") == "array":
        parts = schema.get("prefixItems") or [schema["items"]] * 2
        return ",".join(map(_of_schema, parts))
    return _METAVARS[schema.get("type", "string")]


def add_output(parser: Parser, default: str | None = None) -> None:
    """Declares the folder to write, and what to do if it exists."""
    parser.add_argument(
        "--output",
        type=folder,
        metavar="DIR",
        default=default,
        required=default is None,
        help="folder to write",
    )
    parser.add_argument("--overwrite", action="store_true", help="start again if the folder exists")


def add_data_dir(parser: Parser) -> None:
    """Declares where prepared data sets lie."""
    parser.add_argument(
        "--data-dir",
        type=existing_folder,
        metavar="DIR",
        help="directory with prepared data sets (default: TFDS_DATA_DIR, else ~/tensorflow_datasets)",
    )


def add_json(parser: Parser) -> None:
    """Declares that a program reads the output."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def add_wide(parser: Parser, text: str) -> None:
    """Declares that tables may have more than 100 columns."""
    parser.add_argument("--wide", action="store_true", help=text)


def add_pixel_range(parser: Parser, text: str) -> None:
    """Declares what a network expects for black and white."""
    parser.add_argument(
        "--pixel-range", type=text_of("pixel_range", tuple[float, float]), metavar="LOW,HIGH", help=text
    )


def add_tensorboard(parser: Parser) -> None:
    """Declares a folder for the logs of TensorBoard."""
    parser.add_argument("--tensorboard", type=folder, metavar="DIR", help="write logs for TensorBoard")
