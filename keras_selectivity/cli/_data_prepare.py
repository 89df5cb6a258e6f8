"""`data prepare`."""

from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_data_dir

EXAMPLE = "keras-selectivity data prepare cifar10 --data-dir ~/tensorflow_datasets"


def add_options(parser: Parser) -> None:
    """Declares its options."""
    parser.add_argument(
        "name",
        help="cifar10, cifar10_corrupted (CIFAR-10-C), tiny_imagenet, tiny_imagenet_c, tiny_imagenet_c_extra, or "
        "tiny_imagenet_subset and tiny_imagenet_c_subset",
    )
    parser.add_argument(
        "--archive",
        metavar="FILE",
        help="tiny-imagenet-200.zip, an archive of some of its classes, or Tiny-ImageNet-C.tar, on this machine already",
    )
    parser.add_argument("--skip-damaged", action="store_true", help="leave out images that cannot be decoded")
    add_data_dir(parser)


def run(options: Options) -> None:
    """Runs it."""
    from keras_selectivity import datasets

    where = datasets.prepare(
        options.name, options.data_dir, archive=options.archive, skip_damaged=options.skip_damaged
    )
    print(f"{options.name} is ready in {where}")
