"""`tune`."""

import contextlib
import json
import os
import sys
from typing import Annotated

from pydantic import Field

from keras_selectivity._errors import InputError
from keras_selectivity._settings import Alpha
from keras_selectivity._settings import Positive
from keras_selectivity._settings import Seed
from keras_selectivity._settings import Several
from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_data_dir
from keras_selectivity.cli._parser import add_json
from keras_selectivity.cli._parser import add_settings
from keras_selectivity.cli._parser import folder
from keras_selectivity.cli._parser import given
from keras_selectivity.cli._parser import text_of
from keras_selectivity.datasets import check_present
from keras_selectivity.studies import RunConfig

EXAMPLE = (
    "keras-selectivity tune --dataset cifar10 --alphas -2,-1,-0.4,0 --seeds 0,1,2 --objective corrupted "
    "--output runs/tune"
)


def add_options(parser: Parser) -> None:
    """Declares its options."""
    add = parser.add_argument
    add("--alphas", type=text_of("alphas", Several[Alpha]), metavar="A,A", help="alphas to choose from")
    add(
        "--alpha-range",
        type=text_of("alpha_range", tuple[Alpha, Alpha]),
        metavar="LOW,HIGH",
        help="a range of alphas instead (not with a grid)",
    )
    add(
        "--seeds",
        type=text_of("seeds", Several[Seed]),
        metavar="N,N",
        default="0",
        help="seeds; every trial has one (default: 0)",
    )
    add("--objective", default="val_accuracy", help="val_accuracy, corrupted or mix (default: %(default)s)")
    add(
        "--weight",
        type=text_of("weight", Annotated[float, Field(ge=0, le=1)]),
        default=0.5,
        metavar="X",
        help="share of corruption in a mix, the rest is attack (default: 0.5)",
    )
    add(
        "--samples",
        type=text_of("samples", Positive),
        default=500,
        metavar="N",
        help="validation images for corruption and attack (default: 500)",
    )
    add("--search", default="grid", help="grid, random, bayesian or hyperband (default: %(default)s)")
    add(
        "--trials",
        type=text_of("trials", Positive),
        metavar="N",
        help="number of trials (default: all of a grid, otherwise 10)",
    )
    add_settings(
        parser, RunConfig, names=[name for name in RunConfig.model_fields if name not in ("alpha", "seed")]
    )
    parser.set_defaults(dataset="cifar10", network="resnet20")
    add_json(parser)
    add_data_dir(parser)
    add(
        "--output",
        type=folder,
        metavar="DIR",
        required=True,
        help="folder to write; an interrupted search is resumed",
    )


def run(options: Options) -> int:
    """Runs it."""
    if bool(options.alphas) == bool(options.alpha_range):
        raise InputError("Name either --alphas or --alpha-range.")
    alphas = options.alphas or ("range", *options.alpha_range)
    if options.alpha_range and alphas[1] >= alphas[2]:
        raise InputError(f"--alpha-range takes two numbers, the lower first. Received: {alphas[1:]}.")
    config = RunConfig(**{"alpha": 0.0, **given(options, RunConfig)})
    check_present(config.dataset, options.data_dir)  # before what takes seconds to import
    from keras_selectivity.studies import tune

    shared = ("objective", "search", "trials", "weight", "samples", "data_dir")
    # Keras Tuner prints, too, where a program reads.
    with contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext():
        found = tune(
            config,
            options.output,
            alphas=alphas,
            seeds=options.seeds,
            verbose=int(not options.json),
            **{name: getattr(options, name) for name in shared},
        )
    for line in found.failed:
        print(f"keras-selectivity: a trial failed, {line}", file=sys.stderr)
    if found.failed:
        print("keras-selectivity: start the command again to try what failed", file=sys.stderr)
    code = int(bool(found.failed))
    if options.json:
        print(json.dumps(found.rows))
        return code
    for row in found.rows:
        print(
            f"α = {row['alpha']:<8g} seed {row['seed']:<4} {row['epochs']} epochs  {row['measure']} {row['value']:.4f}"
        )
    print(f"The best network is in {os.path.join(options.output, 'best')}")
    return code
