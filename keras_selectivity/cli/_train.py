"""`train`."""

from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_data_dir
from keras_selectivity.cli._parser import add_output
from keras_selectivity.cli._parser import add_settings
from keras_selectivity.cli._parser import add_tensorboard
from keras_selectivity.cli._parser import given
from keras_selectivity.studies import RunConfig

EXAMPLE = (
    "keras-selectivity train --dataset cifar10 --network resnet20 --alpha -1 --seed 0 --output runs/alpha-1"
)


def add_options(parser: Parser) -> None:
    """Declares its options."""
    add_settings(parser, RunConfig)
    parser.set_defaults(dataset="cifar10", network="resnet20")
    parser.add_argument("--resume", action="store_true", help="resume after the last whole epoch")
    parser.add_argument(
        "--strategy",
        choices=("mirrored", "multiworker"),
        help="share each batch between all GPUs of this machine, or the processes that TF_CONFIG names",
    )
    add_tensorboard(parser)
    add_data_dir(parser)
    add_output(parser)


def run(options: Options) -> None:
    """Runs it."""
    config = RunConfig(**given(options, RunConfig))
    from keras_selectivity.studies import execute

    path = execute(
        config,
        options.output,
        data_dir=options.data_dir,
        resume=options.resume,
        overwrite=options.overwrite,
        strategy=options.strategy,
        tensorboard=options.tensorboard,
    )
    print(f"{'Saved' if path.suffix else 'Exported'} to {path}")
