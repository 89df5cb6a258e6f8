"""What a page says of how its numbers came about: training, test images, software, layers."""

import polars as pl

from keras_selectivity.reports._series import layer_names
from keras_selectivity.results import MAIN
from keras_selectivity.results import Levels
from keras_selectivity.results import in_arm


def measured(rows: pl.DataFrame) -> str:
    """How the networks were trained, where that is known, and what they were measured on."""
    row = _tested(rows)
    texts = []
    needed = [
        pl.col("network").is_not_null(),
        *(pl.col(n) > 0 for n in ("epochs", "samples_trained_on", "batch_size")),
    ]
    for trained in rows.filter(needed).head(1).iter_rows(named=True):
        seeds = rows.filter(pl.col("alpha").is_not_null())["seed"].n_unique()
        texts.append(
            f"{trained['network']} trained for {trained['epochs']} epochs on {trained['samples_trained_on']:,} "
            f"images in batches of {trained['batch_size']}, {seeds} seed{'s' if seeds > 1 else ''} for each α, the "
            "epoch with the best validation accuracy."
        )
    texts.append(f"Measured on {row['samples']:,} images of the {row['split']} split of {row['dataset']}.")
    return " ".join(texts)


def software(rows: pl.DataFrame) -> str:
    """The versions that the numbers were made with."""
    row = _tested(rows)
    return (
        f"keras_selectivity {row['keras_selectivity']}, Keras {row['keras']}, TensorFlow {row['tensorflow']}."
    )


def layers(table: Levels) -> list[dict[str, str]]:
    """What the numbers of layers stand for, by arm where these differ."""
    arms = table.rows["arm"].cast(pl.String).fill_null(MAIN).unique(maintain_order=True)
    known: dict[str, list[str]] = {}
    for arm in arms:
        names = ", ".join(f"{n} {name}" for n, name in enumerate(layer_names(table.filter(in_arm(arm))), 1))
        known.setdefault(names, []).append(arm)
    several = len(known) > 1
    return [
        {"names": names, "arms": f" ({', '.join(of)})" if several else ""}
        for names, of in known.items()
        if names
    ]


def _tested(rows: pl.DataFrame) -> dict[str, object]:
    return rows.filter(pl.col("measure") == "accuracy", pl.col("samples") > 0).row(0, named=True)
