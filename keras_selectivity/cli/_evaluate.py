"""`evaluate`."""

import json
import os

from keras_selectivity._settings import Several
from keras_selectivity._settings import Text
from keras_selectivity.cli._parser import Options
from keras_selectivity.cli._parser import Parser
from keras_selectivity.cli._parser import add_data_dir
from keras_selectivity.cli._parser import add_json
from keras_selectivity.cli._parser import add_pixel_range
from keras_selectivity.cli._parser import add_settings
from keras_selectivity.cli._parser import add_wide
from keras_selectivity.cli._parser import file
from keras_selectivity.cli._parser import folder
from keras_selectivity.cli._parser import given
from keras_selectivity.cli._parser import text_of
from keras_selectivity.measurements import Evaluation
from keras_selectivity.measurements import columns
from keras_selectivity.measurements import find
from keras_selectivity.measurements import measurements
from keras_selectivity.reports import check_page

EXAMPLE = (
    "keras-selectivity evaluate runs/*/model --dataset cifar10 --measure fgsm,pgd,corruptions --pgd.steps 0,5,25 "
    "--csv robustness.csv --page robustness"
)


def add_options(parser: Parser) -> None:
    """Declares its options."""
    known = measurements()
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="SavedModel directory, or .keras or .h5 file"
    )
    parser.add_argument(
        "--measure",
        type=text_of("measure", Several[Text]),
        metavar="NAME,NAME",
        help=f"what to measure besides accuracy and selectivity: {', '.join(known)}, or all; an option of a measurement "
        "asks for it, too",
    )
    add_settings(parser, Evaluation, names=[name for name in Evaluation.model_fields if name != "measure"])
    parser.set_defaults(dataset="cifar10")
    add_pixel_range(
        parser,
        "what networks of others expect for black and white (default: 0,1; 0,255 where they take uint8)",
    )
    parser.add_argument(
        "--csv",
        type=file,
        metavar="FILE",
        help="write tidy rows (.csv or .parquet); what is in it already is not measured again",
    )
    parser.add_argument("--overwrite", action="store_true", help="start a new file")
    parser.add_argument("--page", type=folder, metavar="DIR", help="write a page with figures")
    add_json(parser)
    add_wide(parser, "print lines of any length rather than several tables of 100 columns")
    add_data_dir(parser)
    for name, measurement in known.items():
        if measurement.model_fields:
            summary = (measurement.__doc__ or "").split("\n")[0]
            add_settings(parser.add_argument_group(name, summary), measurement, prefix=f"{name}.")


def run(options: Options) -> None:
    """Runs it."""
    known = measurements()
    wanted = dict.fromkeys(known if options.measure == ("all",) else options.measure or ())
    settings = {name: given(options, measurement, f"{name}.") for name, measurement in known.items()}
    chosen = [*wanted, *(name for name, found in settings.items() if found and name not in wanted)]
    measure = tuple(find(name)(**settings.get(name, {})) for name in chosen)
    evaluation = Evaluation(**given(options, Evaluation) | {"measure": measure})
    evaluation.check_folders()
    if options.page:
        check_page(options.page)
    from keras_selectivity.measurements import evaluate_files

    rows = evaluate_files(
        options.models,
        evaluation,
        options.csv,
        overwrite=options.overwrite,
        pixel_range=options.pixel_range or "auto",
        data_dir=options.data_dir,
        verbose=int(not options.json),
    )
    from keras_selectivity.reports import WIDTH
    from keras_selectivity.reports import layer_table
    from keras_selectivity.reports import table
    from keras_selectivity.reports import write_page

    if options.page:
        title = f"{len(options.models)} networks on {evaluation.dataset}"
        results = os.path.relpath(options.csv, options.page) if options.csv else None
        page = write_page(
            options.page,
            rows,
            title=title,
            description=", ".join(options.models),
            results=results,
            columns=columns(),
        )
    if options.json:
        print(json.dumps(rows.to_dicts()))
        return
    print(table(rows, columns(), None if options.wide else WIDTH))
    if len(options.models) == 1:
        print(f"\n{layer_table(rows)}")
    if options.page:
        print(f"Page in {page}")
