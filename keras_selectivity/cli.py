"""The command line: arguments, progress and exit codes; the work is done elsewhere."""

import argparse
import contextlib
import dataclasses
import json
import logging
import os
import sys

from keras_selectivity import __version__
from keras_selectivity._errors import InputError
from keras_selectivity._log import show_log
from keras_selectivity._paths import check_file
from keras_selectivity._paths import check_folder
from keras_selectivity._settings import Fields
from keras_selectivity._settings import Flag
from keras_selectivity._settings import Items
from keras_selectivity._settings import Number
from keras_selectivity._settings import Text
from keras_selectivity._settings import Whole
from keras_selectivity._system_errors import explain
from keras_selectivity.studies._config import ALPHA
from keras_selectivity.studies._config import SEED
from keras_selectivity.studies._config import RunConfig
from keras_selectivity.studies._evaluation import Evaluation
from keras_selectivity.studies._evaluation import check_folders


def main(arguments=None):
    """Runs a command; returns its exit code.

    0; 1 for a run that failed, or what the machine lacks; 2 for bad input; 130 for Ctrl-C.
    """
    # TensorFlow's start-up chatter would bury what the command prints.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # It warns of repeated tracing, which is what several networks in one process look like.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    show_log()
    options = None
    try:
        options = _parser().parse_args(arguments)
        return options.run(options) or 0
    except InputError as error:
        print(f"keras-selectivity: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        hint = " Go on with --resume." if hasattr(options, "resume") else ""
        print(f"\nkeras-selectivity: interrupted; what was finished is kept.{hint}", file=sys.stderr)
        return 130
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        print(f"keras-selectivity: {known[0]}", file=sys.stderr)
        return known[1]


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.register("type", None, _of(Text()))  # what is not said to be something else

    def error(self, message):
        raise InputError(f"{message} (see {self.prog} --help)")


def _of(kind):
    """What `argparse` takes as a type, from a `Kind` of setting."""

    def parse(text):
        with contextlib.suppress(ValueError):
            value = kind.parse(text)
            if kind.accepts(value):
                return value
            text = value
        raise argparse.ArgumentTypeError(kind.refusal("value", text))

    return parse


def _path(check, **options):
    """What `argparse` takes as a type, for a path that `check` refuses with an `OSError`."""

    def parse(text):
        path = _of(Text())(text)
        try:
            check(path, **options)
        except OSError as error:
            raise argparse.ArgumentTypeError(explain(error)[0]) from error
        return path

    return parse


def _results(path):
    """Refuses what is neither a folder nor a table of results that can be written."""
    (check_file if path.endswith((".csv", ".parquet")) else check_folder)(path)


_FOLDER = _path(check_folder)


def _add_settings(group, settings, **helps):
    """Options from the declarations of a dataclass of settings; what is not given is left to its defaults."""
    for name, told in helps.items():
        declared = settings.__dataclass_fields__[name]
        kind, option = declared.metadata["kind"], f"--{name.replace('_', '-')}"
        if isinstance(kind, Flag):
            group.add_argument(option, action="store_true", help=told)
            continue
        if "(default" not in told and declared.default not in (None, dataclasses.MISSING):
            told += f" (default: {declared.default})"
        group.add_argument(option, type=_of(kind), metavar=kind.metavar, help=told)


def _given(options, settings):
    """The settings that were given on the command line."""
    return {
        name: value
        for name, value in vars(options).items()
        if name in settings.__dataclass_fields__ and value is not None
    }


def _parser():
    parser = _Parser(
        prog="keras-selectivity",
        description="Train, export and measure networks with class-selectivity regularisation.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    _add_demo(commands)
    _add_train(commands)
    _add_export(commands)
    _add_evaluate(commands)
    _add_study(commands)
    _add_tune(commands)
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
        "--output",
        type=_FOLDER,
        metavar="DIR",
        default=default,
        required=default is None,
        help="folder to write",
    )
    command.add_argument("--overwrite", action="store_true", help="start again if the folder exists")


def _add_data_dir(command):
    command.add_argument(
        "--data-dir",
        type=_path(check_folder, write=False),
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
    add("--alpha", type=_of(ALPHA), required=True, help="scale of the regulariser; negative: less selective")
    _add_settings(command, RunConfig, seed="seed of split, initialisation, order")
    _add_training(command)
    add("--resume", action="store_true", help="go on after the last whole epoch")
    _add_strategy(command)
    _add_data_dir(command)
    _add_output(command)


def _add_training(command):
    command.set_defaults(dataset="cifar10", network="resnet20")
    _add_settings(
        command,
        RunConfig,
        dataset="name of a data set, see `data list` (default: cifar10)",
        network="resnet20, resnet8, resnet18, resnet50 or vgg16 (default: resnet20)",
        negative_slope="slope of leaky ReLUs (default: plain ReLUs)",
        metric="selectivity or discriminability",
        method="plain, augmix, pgd or fgsm: train for robustness",
        epsilon="radius of adversarial training (default: 8/255; Tiny ImageNet 4/255)",
        layers="'first 3', 'last 3', or names with commas (default: all)",
        warmup_epochs="let alpha grow from 0 over N epochs",
        epochs="number of epochs",
        milestones="epochs at which the learning rate drops to a tenth (default: at a half and three quarters)",
        batch_size="samples per batch",
        micro_batch="samples at a time, for batches too large for the memory; the selectivity is that of the whole batch",
        learning_rate="initial learning rate",
        pad="flip-and-crop padding; 0: no augmentation",
        train_samples="use a class-balanced subset of N samples",
        validation_per_class="training samples of each class held out",
        precision="float32, or bfloat16 for the arithmetic of the layers",
        deterministic="deterministic kernels: same seed, same weights",
    )


def _train(options):
    from keras_selectivity.studies import execute

    path = execute(
        RunConfig(**_given(options, RunConfig)),
        options.output,
        data_dir=options.data_dir,
        resume=options.resume,
        overwrite=options.overwrite,
        strategy=options.strategy,
        tensorboard=options.tensorboard,
        verbose="auto" if sys.stdout.isatty() else 2,
    )
    print(f"{'Saved' if path.suffix else 'Exported'} to {path}")


def _add_export(commands):
    command = _command(
        commands, "export", _export,
        "write trained .keras files, of any backend, as SavedModels",
        "keras-selectivity export run.keras --output model",
    )  # fmt: skip
    command.add_argument("file", metavar="FILE", help=".keras file, such as `train` writes on JAX")
    command.add_argument(
        "--output",
        type=_FOLDER,
        metavar="DIR",
        help="directory to write (default: the file's name without .keras)",
    )
    command.add_argument("--overwrite", action="store_true", help="replace an existing directory")
    _add_pixel_range(command, "what the network expects for black and white (default: 0,1)")


def _export(options):
    from keras_selectivity._run_file import export_run

    folder = options.output or os.path.splitext(options.file)[0]
    pixel_range = options.pixel_range or (0, 1)
    found = export_run(options.file, folder, pixel_range=pixel_range, overwrite=options.overwrite)
    print(f"Exported to {found}")


def _add_pixel_range(command, text):
    bound = Number("(-1e6, 1e6)")
    command.add_argument("--pixel-range", type=_of(Fields(bound, bound)), metavar="LOW,HIGH", help=text)


def _add_evaluate(commands):
    command = _command(
        commands, "evaluate", _evaluate,
        "measure trained networks on a test set",
        "keras-selectivity evaluate runs/*/model --dataset cifar10 --attacks --corruptions --csv robustness.csv "
        "--page robustness",
    )  # fmt: skip
    add = command.add_argument
    add("models", nargs="+", metavar="MODEL", help="SavedModel directory or .keras file")
    command.set_defaults(dataset="cifar10")
    _add_settings(
        command,
        Evaluation,
        dataset="name of a data set, see `data list` (default: cifar10)",
        limit="use a class-balanced subset of N test samples",
        batch_size="images at a time: memory and speed, not results",
        seed="seed of subsets, corruptions, controls",
    )
    _add_pixel_range(command, "what networks of others expect for black and white (default: 0,1)")
    add("--csv", type=_path(check_file), metavar="FILE", help="write tidy rows (.csv or .parquet); what is in it already is not "
        "measured again")  # fmt: skip
    add("--overwrite", action="store_true", help="start the file anew")
    add("--page", type=_FOLDER, metavar="DIR", help="write a page with figures")
    group = command.add_argument_group("attacks")
    _add_settings(
        group,
        Evaluation,
        attacks="FGSM, PGD, and the controls for gradient masking",
        epsilons="strengths of FGSM in pixels of [0, 1] (default: 0 to 16/255)",
        pgd_steps="numbers of steps of PGD (default: 0 to 100)",
        pgd_step_size="length of a step of PGD",
        pgd_epsilon="radius of the ball of PGD (default: none)",
        pgd_norm="norm of PGD, linf or l2",
        transfer_from="network whose adversarial images attack the others (default: the first with alpha = 0)",
    )
    group = command.add_argument_group("corruptions")
    _add_settings(
        group,
        Evaluation,
        corruptions="accuracy by corruption and severity",
        corrupted_data="folder of CIFAR-10-C or Tiny ImageNet-C, or 'tfds' (default: generate the corruptions)",
        clean_data="clean counterparts of Tiny ImageNet-C (default: looked for by content)",
        only_corruptions="take these only",
        frost="photographs of frost for generated corruptions",
    )
    group.add_argument("--unverified", action="store_false", dest="verify", help="accept corrupted files with other "
        "checksums than the released")  # fmt: skip
    group = command.add_argument_group("input gradients")
    _add_settings(
        group,
        Evaluation,
        jacobian="norm of the input-output Jacobian",
        projections="estimate it from N random projections (default: exact)",
        unit_gradients="variation of the input-unit gradients",
        units_per_layer="most units of a layer",
        gradient_samples="samples for the unit gradients",
    )
    group = command.add_argument_group("representations")
    _add_settings(
        group,
        Evaluation,
        units="all measures of every single unit",
        dimensionality="PCA dimensionality: clean, corrupted and adversarial difference",
        variance="share of the variance to explain",
        full_maps="dimensionality of the full maps instead of spatial means",
        pwcca="PWCCA distances between all pairs of the networks",
        off_axis="upper bound of the selectivity in rotated axes",
        off_axis_steps="most steps of its search",
        layers="layers for these three (default: all)",
    )
    _add_json(command)
    _add_data_dir(command)


def _evaluate(options):
    from keras_selectivity.reports import layer_table
    from keras_selectivity.reports import table
    from keras_selectivity.reports import write_page
    from keras_selectivity.studies import evaluate_files

    evaluation = Evaluation(**_given(options, Evaluation))
    check_folders(evaluation)
    rows = evaluate_files(
        options.models,
        evaluation,
        options.csv,
        overwrite=options.overwrite,
        pixel_range=options.pixel_range,
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


def _add_study(commands):
    study = commands.add_parser(
        "study", help="run, watch and report the trainings that a study file declares"
    )
    actions = study.add_subparsers(metavar="action", required=True)
    command = _command(
        actions, "run", _study_run,
        "train and measure every run of a study, those that are finished excepted",
        "keras-selectivity study run experiments/first_light_cifar10/study.toml --runs runs/first_light "
        "--workers 2",
    )  # fmt: skip
    _add_runs(command)
    add = command.add_argument
    add("--output", type=_path(_results), metavar="DIR", help="folder for results, figures and page (default: the study's); or a "
        ".csv or .parquet file for the results alone")  # fmt: skip
    add("--dry-run", action="store_true", help="show the runs, what they cost and what is done already")
    add(
        "--only",
        type=_of(Items(Text(), "names")),
        metavar="RUN,RUN",
        help="do these runs only, and join nothing",
    )
    engine = command.add_mutually_exclusive_group()
    engine.add_argument("--workers", type=_of(Whole(1)), metavar="N", help="N processes on this machine, one a run, one GPU "
        "each; 1 saves memory when there are many runs (default: in this process)")  # fmt: skip
    engine.add_argument("--ray", nargs="?", const="", type=str, metavar="ADDRESS", help="a Ray cluster; without an address, one "
        "is started on this machine")  # fmt: skip
    add("--together", type=_of(Whole(1)), metavar="N", help="on JAX: train N runs that differ in seed and alpha in one program, and "
        "measure nothing; start the study again on TensorFlow for that")  # fmt: skip
    add(
        "--minutes",
        type=_of(Number("(0, 1e6]")),
        metavar="M",
        help="with --together: save and stop after M minutes; start again to go on",
    )
    add("--retries", type=_of(Whole(0)), default=2, metavar="N", help="start a run whose process was killed again, at most N "
        "times (default: %(default)s)")  # fmt: skip
    add("--accept-change", action="store_true", help="go on though the study file or the package has changed; runs "
        "with another configuration are set aside and done again")  # fmt: skip
    add("--networks", type=_FOLDER, metavar="DIR", help="published networks, whose runs are measured without training "
        "(default: networks beside the study file, if there is such a folder)")  # fmt: skip
    add("--retrain", action="store_true", help="train also the runs whose networks are published")
    _add_strategy(command, ("mirrored",))
    _add_data_dir(command)
    command = _command(
        actions, "publish", _study_publish,
        "write the trained networks as .keras files with an index, to be measured elsewhere without training",
        "keras-selectivity study publish experiments/resnet20_cifar10_30_epochs/study.toml --runs runs/resnet20",
    )  # fmt: skip
    _add_runs(command)
    command.add_argument(
        "--networks",
        type=_FOLDER,
        metavar="DIR",
        help="folder to write (default: networks beside the study file)",
    )
    _add_json(command)
    command = _command(
        actions, "status", _study_status,
        "show which runs are done, running, failed, and why",
        "keras-selectivity study status experiments/first_light_cifar10/study.toml --runs runs/first_light",
    )  # fmt: skip
    _add_runs(command)
    _add_json(command)
    command = _command(
        actions, "report", _study_report,
        "draw all figures that the rows allow, check the papers' claims, and write one page",
        "keras-selectivity study report experiments/first_light_cifar10/study.toml",
    )  # fmt: skip
    command.add_argument("study", help="study file (TOML)")
    command.add_argument(
        "--results", metavar="FILE", help="its rows (default: results.csv or .parquet beside it)"
    )
    command.add_argument(
        "--output", type=_FOLDER, metavar="DIR", help="folder for figures and page (default: the study's)"
    )
    _add_json(command)


def _add_runs(command):
    command.add_argument("study", help="study file (TOML)")
    command.add_argument(
        "--runs",
        type=_path(check_folder, write=False),
        metavar="DIR",
        required=True,
        help="folder for the trained networks",
    )


def _add_strategy(command, strategies=("mirrored", "multiworker")):
    add = command.add_argument
    shared = {"mirrored": "all GPUs of this machine", "multiworker": "the processes that TF_CONFIG names"}
    add("--strategy", choices=strategies, help="share each batch between "
        + ", or ".join(shared[strategy] for strategy in strategies))  # fmt: skip
    add("--tensorboard", type=_FOLDER, metavar="DIR", help="write logs for TensorBoard")


def _study_run(options):
    from pathlib import Path

    from keras_selectivity.studies import RunsFolder
    from keras_selectivity.studies import read_study
    from keras_selectivity.studies import run_study

    study, folder = read_study(options.study), RunsFolder(options.runs)
    if options.together is None and os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        check_folders(study.evaluation)  # JAX trains only
    if options.dry_run:
        print(_status_table(folder.status(study)))
        return 0
    results = run_study(
        study,
        folder,
        options.output or Path(options.study).parent,
        only=options.only,
        workers=options.workers,
        ray=options.ray,
        retries=options.retries,
        together=options.together,
        minutes=options.minutes,
        accept_change=options.accept_change,
        networks=_published(options),
        strategy=options.strategy,
        tensorboard=options.tensorboard,
        data_dir=options.data_dir,
    )
    if results is not None:
        print(f"Results in {results}")
        if options.output is None or Path(options.output).suffix == "":
            _write_report(study, results, results.parent)
    left = [
        row
        for row in folder.unfinished(study, options.only)
        if row["state"] == "failed" or not options.together
    ]
    if left:
        print(_status_table(left), file=sys.stderr)
        print("keras-selectivity: start the command again to do what is not done", file=sys.stderr)
    return int(bool(left))


def _published(options):
    """The folder of published networks that a study begins with, or `None`."""
    from pathlib import Path

    beside = Path(options.study).parent / "networks"
    return None if options.retrain else options.networks or (beside if beside.is_dir() else None)


def _study_publish(options):
    from pathlib import Path

    from keras_selectivity.studies import publish_networks
    from keras_selectivity.studies import read_study

    networks = Path(options.networks or Path(options.study).parent / "networks")
    entries = publish_networks(read_study(options.study), options.runs, networks)
    if options.json:
        print(json.dumps(entries))
        return
    for entry in entries:
        accuracy = "" if entry["test_accuracy"] is None else f"test accuracy {entry['test_accuracy']:.2%}"
        print(f"{entry['name']:16}  epoch {entry['best_epoch'] + 1}/{entry['epochs']}  {accuracy}".rstrip())
    print(f"{len(entries)} networks in {networks}")


def _study_status(options):
    from keras_selectivity.studies import RunsFolder
    from keras_selectivity.studies import read_study

    status = RunsFolder(options.runs).status(read_study(options.study))
    print(json.dumps(status) if options.json else _status_table(status))


def _status_table(status):
    from keras_selectivity.studies import time_left

    width = max(len(row["name"]) for row in status)
    lines = [
        f"{row['name']:{width}}  {row['state']:11}  {row['epochs']:4}/{row['of']} epochs  {row['reason'] or ''}".rstrip()
        for row in status
    ]
    epochs = sum(row["of"] - row["epochs"] for row in status)
    left = time_left(status)
    lines.append(
        f"{sum(row['state'] == 'done' for row in status)} of {len(status)} runs done, {epochs:,} epochs left"
        + (f", about {left / 60:.0f} minutes" if left else "")
    )
    return "\n".join(lines)


def _study_report(options):
    from pathlib import Path

    from keras_selectivity.studies import read_study

    study, folder = read_study(options.study), Path(options.study).parent
    beside = [folder / name for name in ("results.csv", "results.parquet") if (folder / name).exists()]
    if not options.results and not beside:
        raise InputError(f"There is no results.csv or results.parquet in {folder}; name one with --results.")
    claims = _write_report(
        study, Path(options.results or beside[0]), Path(options.output or folder), quiet=options.json
    )
    if options.json:
        print(json.dumps(claims))


def _write_report(study, results, folder, quiet=False):
    from keras_selectivity.reports import write_page
    from keras_selectivity.studies import check_claims
    from keras_selectivity.studies import read_results

    rows = read_results(results)
    claims = check_claims(rows)
    link = os.path.relpath(results, folder)
    page = write_page(
        folder,
        rows,
        title=study.title,
        description=study.description,
        results=link,
        claims=claims,
        formats=("png", "svg"),
    )
    for claim in claims if not quiet else ():
        reduced = " (reduced protocol)" if claim["departures"] and not claim["needed"] else ""
        print(f"{claim['verdict'] + reduced:28}  {claim['name']}: {claim['ours'] or claim['needed']}")
    if not quiet:
        print(f"Page in {page}")
    return claims


def _add_tune(commands):
    command = _command(
        commands, "tune", _tune,
        "search the alpha that serves best, with Keras Tuner",
        "keras-selectivity tune --dataset cifar10 --alphas=-2,-1,-0.4,0 --seeds 0,1,2 --objective corrupted "
        "--output runs/tune",
    )  # fmt: skip
    add = command.add_argument
    add("--alphas", type=_of(Items(ALPHA, "numbers")), metavar="A,A", help="alphas to choose from (write --alphas=-1,0 "
        "if the first is negative)")  # fmt: skip
    add("--alpha-range", type=_of(Fields(ALPHA, ALPHA)), metavar="LOW,HIGH", help="a range of alphas instead (not with "
        "a grid)")  # fmt: skip
    add("--seeds", type=_of(Items(SEED, "whole numbers")), metavar="N,N", default="0", help="seeds; every trial has one "
        "(default: 0)")  # fmt: skip
    add("--objective", default="val_accuracy", help="val_accuracy, corrupted or mix (default: %(default)s)")
    add(
        "--weight",
        type=_of(Number("[0, 1]")),
        default=0.5,
        help="share of corruption in a mix, the rest is attack (default: 0.5)",
    )
    add(
        "--samples",
        type=_of(Whole(1)),
        default=500,
        metavar="N",
        help="validation images for corruption and attack (default: 500)",
    )
    add("--search", default="grid", help="grid, random, bayesian or hyperband (default: %(default)s)")
    add(
        "--trials",
        type=_of(Whole(1)),
        metavar="N",
        help="number of trials (default: all of a grid, otherwise 10)",
    )
    _add_training(command)
    _add_json(command)
    _add_data_dir(command)
    command.add_argument(
        "--output",
        type=_FOLDER,
        metavar="DIR",
        required=True,
        help="folder to write; an interrupted search goes on",
    )


def _tune(options):
    from keras_selectivity.studies import tune

    if bool(options.alphas) == bool(options.alpha_range):
        raise InputError("Name either --alphas or --alpha-range.")
    alphas = options.alphas or ("range", *options.alpha_range)
    if options.alpha_range and alphas[1] >= alphas[2]:
        raise InputError(f"--alpha-range takes two numbers, the lower first. Received: {alphas[1:]}.")
    rows = tune(
        RunConfig(alpha=0.0, **_given(options, RunConfig)),
        options.output,
        alphas=alphas,
        seeds=options.seeds,
        **{
            name: getattr(options, name)
            for name in ("objective", "search", "trials", "weight", "samples", "data_dir")
        },
    )
    if options.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(
            f"α = {row['alpha']:<8g} seed {row['seed']:<4} {row['epochs']} epochs  {row['measure']} {row['value']:.4f}"
        )
    print(f"The best network is in {os.path.join(options.output, 'best')}")


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
    add = command.add_argument
    add("name", help="cifar10, cifar10_corrupted (CIFAR-10-C), tiny_imagenet, tiny_imagenet_c, tiny_imagenet_c_extra, or "
        "tiny_imagenet_subset and tiny_imagenet_c_subset")  # fmt: skip
    add("--archive", metavar="FILE", help="tiny-imagenet-200.zip, or an archive of some of its classes, that is on this "
        "machine already")  # fmt: skip
    add("--skip-damaged", action="store_true", help="leave out images that cannot be decoded")
    _add_data_dir(command)
    command = _command(
        actions, "pack", _data_pack,
        "write CIFAR-10 as a plain array file, for machines without tensorflow-datasets",
        "keras-selectivity data pack --output cifar10.npz",
    )  # fmt: skip
    command.add_argument(
        "--output",
        type=_path(check_file),
        metavar="FILE",
        default="cifar10.npz",
        help="file to write (default: %(default)s)",
    )
    _add_data_dir(command)


def _data_pack(options):
    from keras_selectivity import datasets

    datasets.pack_cifar10(options.output, options.data_dir)
    print(f"cifar10 is in {options.output}; load it with --data-dir {os.path.dirname(options.output) or '.'}")


def _data_list(options):
    from keras_selectivity import datasets

    rows = datasets.status(options.data_dir)
    if options.json:
        print(json.dumps(rows))
        return
    for row in rows:
        state = "ready" if row["ready"] else "absent"
        print(f"{row['name']:20} {state:7} {row['contents']:45} {row['where']}")


def _data_prepare(options):
    from keras_selectivity import datasets

    where = datasets.prepare(
        options.name, options.data_dir, archive=options.archive, skip_damaged=options.skip_damaged
    )
    print(f"{options.name} is ready in {where}")


if __name__ == "__main__":
    sys.exit(main())
