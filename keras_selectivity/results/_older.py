"""What tables of older schemas called otherwise; they are read as if written by this version."""

import polars as pl

from keras_selectivity.results._columns import SCHEMA

# Columns by the schema that added them; they are empty in older tables.
ADDED = {4: ("training",)}
# Until schema 2; a protocol names the measurement, which is also its table in a study file, since 3.
_EVALUATIONS = {
    '"evaluation": "controls"': '"evaluation": "masking"',
    '"evaluation": "corruption"': '"evaluation": "corruptions"',
    '"evaluation": "off-axis"': '"evaluation": "off_axis"',
    '"evaluation": "unit gradients"': '"evaluation": "unit_gradients"',
}


def renewed(table: pl.LazyFrame) -> pl.LazyFrame:
    """A table of this schema.

    Args:
        table: Has the columns of `COLUMNS` and their types.
    """
    protocol = pl.col("protocol")
    older, unnamed = pl.col("schema").is_between(1, SCHEMA - 1), pl.col("schema").is_between(1, 2)
    found = protocol.cast(pl.String).str.replace_many(list(_EVALUATIONS), list(_EVALUATIONS.values()))
    return table.with_columns(
        pl.when(unnamed).then(found.cast(pl.Categorical)).otherwise(protocol).alias("protocol"),
        pl.when(older).then(SCHEMA).otherwise(pl.col("schema")).cast(pl.Int64).alias("schema"),
    )
