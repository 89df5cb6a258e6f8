"""The command line: one file per command, options made from the settings, progress and exit codes."""

import re
import sys
from collections.abc import Sequence
from importlib import import_module

from keras_selectivity import __version__
from keras_selectivity._errors import InputError
from keras_selectivity._log import show_log
from keras_selectivity._start_up import quieten
from keras_selectivity._system_errors import explain
from keras_selectivity.cli._parser import Parser

# Command -> what it does; the module is called after it. A command of two words is an action of the first.
_COMMANDS = {
    "demo": "train, export and measure three small networks on embedded data (a few minutes)",
    "train": "train one network and export it as a SavedModel",
    "export": "write trained .keras files, of any backend, as SavedModels",
    "evaluate": "measure trained networks on a test set",
    "study run": "train and measure every run of a study, those that are finished excepted",
    "study status": "show which runs are done, running, failed, and why",
    "study report": "draw all figures that the rows allow, check the papers' claims, and write one page; or compare studies",
    "study publish": "write trained networks as .keras files with an index, to be measured elsewhere without training",
    "tune": "search the alpha that serves best, with Keras Tuner",
    "data list": "show which data sets there are",
    "data prepare": "download a data set and prepare it for reading",
    "data pack": "write CIFAR-10 as a plain array file, for machines without tensorflow-datasets",
}
_GROUPS = {
    "study": "run, watch and report the trainings that a study file declares",
    "data": "list or prepare data sets",
}
# A value that argparse would take for an option
_NEGATIVE = re.compile(r"-[\d.].*")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code.

    0; 1 for a run that failed, or what the machine lacks; 2 for bad input; 130 for Ctrl-C.
    """
    quieten()
    show_log()
    options = None
    try:
        words = list(sys.argv[1:] if arguments is None else arguments)
        made = parser()
        if not words or words in (["study"], ["data"]):
            made.parse_args([*words, "--help"])
        options = made.parse_args(_joined(words))
        return int(options.run(options) or 0)
    except InputError as error:
        print(f"keras-selectivity: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        hint = " Resume with --resume." if hasattr(options, "resume") else ""
        print(f"\nkeras-selectivity: interrupted; what was finished is kept.{hint}", file=sys.stderr)
        return 130
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        print(f"keras-selectivity: {known[0]}", file=sys.stderr)
        return int(known[1])


def parser() -> Parser:
    """The parser of all commands."""
    made = Parser(
        prog="keras-selectivity",
        description="Train, export and measure networks with class-selectivity regularisation.",
    )
    made.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    made.add_argument(
        "--print-completion",
        choices=("bash", "zsh"),
        help="print a script that completes commands in a shell, and exit",
    )
    groups = {"": made.add_subparsers(metavar="command", parser_class=Parser)}
    made.set_defaults(run=_complete)
    for command, summary in _COMMANDS.items():
        group, _, name = command.rpartition(" ")
        if group and group not in groups:
            topic = _GROUPS[group]
            grouped = groups[""].add_parser(group, help=topic, description=_sentence(topic))
            groups[group] = grouped.add_subparsers(metavar="action", required=True, parser_class=Parser)
        module = f"{__name__}._{command.replace(' ', '_')}"
        groups[group].add_parser(
            name,
            help=summary,
            description=_sentence(summary),
            fill=lambda filled, module=module: _fill(filled, module),
        )
    return made


def _fill(filled: Parser, module: str) -> None:
    command = import_module(module)
    filled.epilog = f"example:\n  {command.EXAMPLE}"
    filled.set_defaults(run=command.run)
    command.add_options(filled)


def _complete(options: object) -> int:
    """Prints a completion script."""
    import shtab

    made = parser()
    _fill_all(made)
    print(shtab.complete(made, shell=getattr(options, "print_completion")))  # noqa: B009
    return 0


def _fill_all(made: Parser) -> None:
    made.fill()
    for action in made._actions:
        for each in (
            (getattr(action, "choices", None) or {}).values() if isinstance(action.choices, dict) else ()
        ):
            _fill_all(each)


def _joined(words: list[str]) -> list[str]:
    """Joins an option and a value that begins with a minus, such as `--alphas -2,-1`."""
    joined: list[str] = []
    for word in words:
        if _NEGATIVE.fullmatch(word) and joined and re.fullmatch(r"--[^=]+", joined[-1]):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
