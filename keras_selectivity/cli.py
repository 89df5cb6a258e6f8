"""The command line: arguments, progress and exit codes; the work is done elsewhere."""

import argparse
import json
import os
import sys

from keras_selectivity import __version__
from keras_selectivity._errors import InputError


def main(arguments=None):
    """Runs a command; returns its exit code (0, 2 for bad input, 130 for Ctrl-C)."""
    options = _parser().parse_args(arguments)
    # TensorFlow's start-up chatter would bury what the command prints.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        return options.run(options) or 0
    except InputError as error:
        print(f"keras-selectivity: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        hint = " Go on with --resume." if hasattr(options, "resume") else ""
        print(f"\nkeras-selectivity: interrupted; what was finished is kept.{hint}", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="keras-selectivity",
        description="Train, export and measure networks with class-selectivity regularisation.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    _add_demo(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_study(commands)
    _add_data(commands)
    return parser


def _command(commands, name, run, summary, example):
    command = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example: {example}",
    )
    command.set_defaults(run=run)
    return command


def _add_output(command, default=None):
    command.add_argument(
        "--output", metavar="DIR", default=default, required=default is None, help="folder to write"
    )
    command.add_argument("--overwrite", action="store_true", help="start again if the folder exists")


def _add_data_dir(command):
    command.add_argument(
        "--data-dir",
        metavar="DIR",
        help="directory with prepared data sets (default: TFDS_DATA_DIR, else ~/tensorflow_datasets)",
    )


def _add_json(command):
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _add_demo(commands):
    command = _command(
        commands, "demo", _demo,
        "train, export and measure three small networks on embedded data (a few minutes)",
        "keras-selectivity demo --output demo",
    )  # fmt: skip
    _add_output(command, "demo")
    command.add_argument("--resume", action="store_true", help="keep the runs that are finished")


def _demo(options):
    from keras_selectivity.demo import run_demo

    run_demo(options.output, resume=options.resume, overwrite=options.overwrite)


def _add_train(commands):
    command = _command(
        commands, "train", _train,
        "train one network and export it as a SavedModel",
        "keras-selectivity train --dataset cifar10 --alpha -1 --seed 0 --output runs/alpha-1",
    )  # fmt: skip
    add = command.add_argument
    add("--dataset", default="cifar10", help="shapes or cifar10 (default: %(default)s)")
    add("--network", default="resnet20", help="resnet20 or resnet8 (default: %(default)s)")
    add("--negative-slope", type=float, default=0.0, help="slope of leaky ReLUs (default: plain ReLUs)")
    add("--alpha", type=float, required=True, help="scale of the regulariser; negative: less selective")
    add("--seed", type=int, default=0, help="seed of split, initialisation, order (default: %(default)s)")
    add("--metric", default="selectivity", help="selectivity or discriminability (default: %(default)s)")
    add("--layers", metavar="WHICH", help="'first 3', 'last 3', or names with commas (default: all)")
    add("--warmup-epochs", type=int, default=0, metavar="N", help="let alpha grow from 0 over N epochs")
    add("--epochs", type=int, default=200, help="number of epochs (default: %(default)s)")
    add("--milestones", metavar="N,N", help="epochs at which the learning rate drops to a tenth "
        "(default: at a half and three quarters)")  # fmt: skip
    add("--batch-size", type=int, default=256, help="samples a batch (default: %(default)s)")
    add("--learning-rate", type=float, default=0.1, help="initial learning rate (default: %(default)s)")
    add("--pad", type=int, default=4, help="flip-and-crop padding; 0: no augmentation (default: 4)")
    add("--train-samples", type=int, metavar="N", help="use a class-balanced subset of N samples")
    add("--validation-per-class", type=int, default=500, metavar="N",
        help="training samples of each class held out (default: %(default)s)")  # fmt: skip
    add("--deterministic", action="store_true", help="deterministic kernels: same seed, same weights")
    add("--resume", action="store_true", help="go on after the last whole epoch")
    _add_data_dir(command)
    _add_output(command)


def _train(options):
    from keras_selectivity.studies import RunConfig
    from keras_selectivity.studies import execute

    names = RunConfig.__dataclass_fields__
    values = {name: value for name, value in vars(options).items() if name in names}
    if options.milestones:
        values["milestones"] = _list("--milestones", options.milestones, int)
    if options.layers and not options.layers.startswith(("first ", "last ")):
        values["layers"] = options.layers.split(",")
    path = execute(
        RunConfig(**values),
        options.output,
        data_dir=options.data_dir,
        resume=options.resume,
        overwrite=options.overwrite,
        verbose="auto" if sys.stdout.isatty() else 2,
    )
    print(f"Exported to {path}")


def _add_evaluate(commands):
    command = _command(
        commands, "evaluate", _evaluate,
        "measure trained networks on a test set",
        "keras-selectivity evaluate runs/*/model --dataset cifar10 --attacks --corruptions --csv robustness.csv "
        "--page robustness",
    )  # fmt: skip
    add = command.add_argument
    add("models", nargs="+", metavar="MODEL", help="SavedModel directory or .keras file")
    add("--dataset", default="cifar10", help="shapes or cifar10 (default: %(default)s)")
    add("--limit", type=int, metavar="N", help="use a class-balanced subset of N test samples")
    add("--pixel-range", default="0,1", metavar="LOW,HIGH", help="what the networks expect for black and "
        "white (default: %(default)s)")  # fmt: skip
    add("--csv", metavar="FILE", help="write tidy rows (.csv or .parquet); what is in it already is not "
        "measured again")  # fmt: skip
    add("--overwrite", action="store_true", help="start the file anew")
    add("--page", metavar="DIR", help="write a page with figures")
    add("--batch-size", type=int, metavar="N", help="images at a time: memory and speed, not results")
    add("--seed", type=int, default=0, help="seed of subsets, corruptions, controls (default: %(default)s)")
    group = command.add_argument_group("attacks")
    add = group.add_argument
    add("--attacks", action="store_true", help="FGSM, PGD, and the controls for gradient masking")
    add("--epsilons", metavar="E,E", help="strengths of FGSM in pixels of [0, 1] (default: 0 to 16/255)")
    add("--pgd-steps", metavar="N,N", help="numbers of steps of PGD (default: 0 to 100)")
    add("--pgd-step-size", type=float, metavar="E", help="length of a step of PGD (default: 0.0001)")
    add("--pgd-epsilon", type=float, metavar="E", help="radius of the ball of PGD (default: none)")
    add("--pgd-norm", choices=("linf", "l2"), help="norm of PGD (default: linf)")
    add("--transfer-from", metavar="MODEL", help="network whose adversarial images attack the others (default: the "
        "first with alpha = 0)")  # fmt: skip
    group = command.add_argument_group("corruptions")
    add = group.add_argument
    add("--corruptions", action="store_true", help="accuracy by corruption and severity")
    add("--corrupted-data", metavar="DIR", help="folder of CIFAR-10-C or Tiny ImageNet-C, or 'tfds' (default: "
        "generate the corruptions)")  # fmt: skip
    add(
        "--unverified",
        action="store_true",
        help="accept corrupted files with other checksums than the released",
    )
    add("--only-corruptions", metavar="NAME,NAME", help="take these only")
    add("--frost", metavar="DIR", help="photographs of frost for generated corruptions")
    group = command.add_argument_group("input gradients")
    add = group.add_argument
    add("--jacobian", action="store_true", help="norm of the input-output Jacobian")
    add("--projections", type=int, metavar="N", help="estimate it from N random projections (default: exact)")
    add("--unit-gradients", action="store_true", help="variation of the input-unit gradients")
    add("--units-per-layer", type=int, metavar="N", help="most units of a layer (default: 64)")
    add("--gradient-samples", type=int, metavar="N", help="samples for the unit gradients (default: 1000)")
    group = command.add_argument_group("representations")
    add = group.add_argument
    add("--units", action="store_true", help="all measures of every single unit")
    add(
        "--dimensionality",
        action="store_true",
        help="PCA dimensionality: clean, corrupted and adversarial difference",
    )
    add("--variance", type=float, metavar="V", help="share of the variance to explain (default: 0.9)")
    add("--full-maps", action="store_true", help="dimensionality of the full maps instead of spatial means")
    add("--pwcca", action="store_true", help="PWCCA distances between all pairs of the networks")
    add("--off-axis", action="store_true", help="upper bound of the selectivity in rotated axes")
    add("--off-axis-steps", type=int, metavar="N", help="most steps of its search (default: 3500)")
    add("--layers", metavar="NAME,NAME", help="layers for these three (default: all)")
    _add_json(command)
    _add_data_dir(command)


def _evaluate(options):
    from keras_selectivity.reports import layer_table
    from keras_selectivity.reports import table
    from keras_selectivity.reports import write_page
    from keras_selectivity.studies import Evaluation
    from keras_selectivity.studies import evaluate_files

    values = {name: getattr(options, name, None) for name in Evaluation.__dataclass_fields__}
    for name, kind in (("epsilons", float), ("pgd_steps", int), ("only_corruptions", str), ("layers", str)):
        if values[name]:
            values[name] = _list(f"--{name.replace('_', '-')}", values[name], kind)
    values["verify"] = not options.unverified
    rows = evaluate_files(
        options.models,
        Evaluation(**{name: value for name, value in values.items() if value is not None}),
        options.csv,
        overwrite=options.overwrite,
        pixel_range=_list("--pixel-range", options.pixel_range, int),
        data_dir=options.data_dir,
        verbose=int(not options.json),
    )
    if options.page:
        title = f"{len(options.models)} networks on {options.dataset}"
        results = os.path.relpath(options.csv, options.page) if options.csv else None
        page = write_page(
            options.page, rows, title=title, description=", ".join(options.models), results=results
        )
    if options.json:
        print(json.dumps(rows))
        return
    print(table(rows))
    if len(options.models) == 1:
        print(f"\n{layer_table(rows)}")
    if options.page:
        print(f"Page in {page}")


def _list(option, text, kind):
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise InputError(f"{option} takes {what} with commas. Received: {text!r}.") from None


def _add_study(commands):
    study = commands.add_parser("study", help="run the trainings that a study file declares")
    actions = study.add_subparsers(metavar="action", required=True)
    command = _command(
        actions, "run", _study_run,
        "train and measure every run of a study, those that are finished excepted",
        "keras-selectivity study run experiments/first_light_cifar10/study.toml --runs runs/first_light",
    )  # fmt: skip
    command.add_argument("study", help="study file (TOML)")
    command.add_argument("--runs", metavar="DIR", required=True, help="folder for the trained networks")
    command.add_argument("--output", metavar="DIR", help="folder for results and page (default: the study's)")
    _add_data_dir(command)


def _study_run(options):
    from pathlib import Path

    from keras_selectivity.reports import write_page
    from keras_selectivity.studies import read_results
    from keras_selectivity.studies import read_study
    from keras_selectivity.studies import run_study

    study = read_study(options.study)
    output = Path(options.output or Path(options.study).parent)
    results = run_study(study, options.runs, output, data_dir=options.data_dir)
    page = write_page(
        output, read_results(results), title=study.title, description=study.description, results=results.name
    )
    print(f"Results in {results}, page in {page}")


def _add_data(commands):
    data = commands.add_parser("data", help="list or prepare data sets")
    actions = data.add_subparsers(metavar="action", required=True)
    command = _command(
        actions, "list", _data_list, "show which data sets there are", "keras-selectivity data list"
    )
    _add_json(command)
    _add_data_dir(command)
    command = _command(
        actions, "prepare", _data_prepare,
        "download a data set and prepare it for reading",
        "keras-selectivity data prepare cifar10 --data-dir ~/tensorflow_datasets",
    )  # fmt: skip
    command.add_argument("name", help="cifar10 or cifar10_corrupted (CIFAR-10-C)")
    _add_data_dir(command)


def _data_list(options):
    from keras_selectivity import datasets

    rows = datasets.status(options.data_dir)
    if options.json:
        print(json.dumps(rows))
        return
    for row in rows:
        state = "ready" if row["ready"] else "absent"
        print(f"{row['name']:10} {state:7} {row['contents']:45} {row['where']}")


def _data_prepare(options):
    from keras_selectivity import datasets

    print(f"{options.name} is ready in {datasets.prepare(options.name, options.data_dir)}")


if __name__ == "__main__":
    sys.exit(main())
